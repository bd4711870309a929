import math
import os
import re

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

MODEL = "gpt-4.1-mini"


def open_model():
    """OpenAI's model where there is a key, else one that needs neither key nor network."""
    if "OPENAI_API_KEY" not in os.environ:
        return ModelFromMemory()
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=MODEL)


class ModelFromMemory(BaseChatModel):
    """Asks a tool about each number in the question, then says what the tools said. Counts a token for every four letters."""

    @property
    def _llm_type(self):
        return "from-memory"

    def _get_ls_params(self, stop=None, **kwargs):
        return {"ls_provider": "openai", "ls_model_name": MODEL, "ls_model_type": "chat"}

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        asked = max(at for at, message in enumerate(messages) if message.type == "human")
        content = " ".join(message.text for message in messages[asked + 1 :] if message.type == "tool")
        question = messages[asked].text
        name = "refund" if re.search("refund|money back", question, re.IGNORECASE) else "order_status"
        calls = [] if content else re.findall(r"\d+", question)
        used = tokens_of("".join(message.text for message in messages))
        made = tokens_of(content) + 12 * len(calls)
        message = AIMessage(
            content or ("" if calls else "Which order is it about?"),
            tool_calls=[
                {"name": name, "args": {"order": order}, "id": "call_%d" % at} for at, order in enumerate(calls)
            ],
            usage_metadata={"input_tokens": used, "output_tokens": made, "total_tokens": used + made},
            response_metadata={"model_name": MODEL},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])


def tokens_of(text):
    return 40 + math.ceil(len(text) / 4)
