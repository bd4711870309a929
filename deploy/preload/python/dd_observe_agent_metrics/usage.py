"""Reads tokens and names from what LangChain tells of a model's call, whoever made the model's package."""


def model_at_start(serialized, metadata, invocation):
    """(model, provider) as far as the application asked for them; None for what is not said."""
    metadata, invocation = metadata or {}, invocation or {}
    model = metadata.get("ls_model_name") or invocation.get("model") or invocation.get("model_name")
    provider = metadata.get("ls_provider")
    if not model:
        fields = (serialized or {}).get("kwargs") or {}
        model = fields.get("model") or fields.get("model_name")
    return model, provider


def model_at_end(response):
    """(model, provider) as the answer names them; None for what it does not."""
    output = response.llm_output or {}
    model, provider = output.get("model_name") or output.get("model"), None
    for message in _messages(response):
        told = getattr(message, "response_metadata", None) or {}
        model = model or told.get("model_name") or told.get("model") or told.get("model_id")
        provider = provider or told.get("model_provider")
    return model, provider


def tokens_of(response):
    """(in, out, read from the cache, written to the cache), or None where the answer does not tell."""
    # Several candidates of one prompt each repeat the usage of the whole call.
    usages = [_of_message(message) for message in _messages(response)]
    usages = [usage for usage in usages if usage is not None]
    if usages:
        return tuple(sum(parts) for parts in zip(*usages))
    output = response.llm_output or {}
    return _of_counts(output.get("token_usage") or output.get("usage") or output.get("usage_metadata"))


def _messages(response):
    """The first candidate of each prompt."""
    firsts = [candidates[0] for candidates in response.generations if candidates]
    messages = [getattr(candidate, "message", None) for candidate in firsts]
    return [message for message in messages if message is not None]


def _of_message(message):
    usage = getattr(message, "usage_metadata", None)
    if usage:
        details = usage.get("input_token_details") or {}
        return (
            usage.get("input_tokens") or 0,
            usage.get("output_tokens") or 0,
            details.get("cache_read") or 0,
            details.get("cache_creation") or 0,
        )
    told = getattr(message, "response_metadata", None) or {}
    return _of_counts(told.get("token_usage") or told.get("usage"))


def _of_counts(counts):
    """OpenAI's and Anthropic's names of the same."""
    if not isinstance(counts, dict):
        return None
    tokens_in = _first(counts, "prompt_tokens", "input_tokens", "inputTokens")
    tokens_out = _first(counts, "completion_tokens", "output_tokens", "outputTokens")
    if tokens_in is None and tokens_out is None:
        return None
    return (tokens_in or 0, tokens_out or 0, 0, 0)


def _first(counts, *names):
    return next((counts[name] for name in names if isinstance(counts.get(name), int)), None)
