// @ts-check

/**
 * Reads tokens and names from what LangChain tells of a model's call, whoever made the model's package. Nothing here is
 * sure: it is read with care.
 *
 * @typedef {Record<string, any>} Told
 */

/** What the application asked for. @param {Told | undefined} serialized @param {Told | undefined} extra @param {Told | undefined} metadata */
export function modelAtStart(serialized, extra, metadata) {
  const invocation = extra?.["invocation_params"];
  const fields = serialized?.["kwargs"];
  return {
    model: text(
      metadata?.["ls_model_name"],
      invocation?.["model"],
      invocation?.["model_name"],
      fields?.["model"],
      fields?.["model_name"],
    ),
    provider: text(metadata?.["ls_provider"]),
  };
}

/** What the answer names. @param {Told} result */
export function modelAtEnd(result) {
  const told = messages(result)[0]?.["response_metadata"];
  const output = result["llmOutput"];
  return {
    model: text(
      output?.["model_name"],
      output?.["model"],
      told?.["model_name"],
      told?.["model"],
      told?.["model_id"],
    ),
    provider: text(told?.["model_provider"]),
  };
}

/** @param {Told} result @returns {import("./prices.mjs").Usage | undefined} Undefined where the answer does not tell. */
export function tokensOf(result) {
  const usages = messages(result)
    .map(ofMessage)
    .filter((usage) => usage !== undefined);
  if (usages.length === 0) {
    const output = result["llmOutput"];
    return ofCounts(output?.["tokenUsage"] ?? output?.["estimatedTokenUsage"] ?? output?.["usage"]);
  }
  const sum = (/** @type {keyof import("./prices.mjs").Usage} */ part) =>
    usages.reduce((total, usage) => total + usage[part], 0);
  return {
    input: sum("input"),
    output: sum("output"),
    cacheRead: sum("cacheRead"),
    cacheWrite: sum("cacheWrite"),
  };
}

/** The first candidate of each prompt: further ones repeat the usage of the whole call. @param {Told} result @returns {Told[]} */
function messages(result) {
  const generations = Array.isArray(result?.["generations"]) ? result["generations"] : [];
  return generations.flatMap((candidates) => candidates?.[0]?.message ?? []);
}

/** @param {Told} message */
function ofMessage(message) {
  const usage = message["usage_metadata"];
  if (usage === undefined || usage === null) {
    const told = message["response_metadata"];
    return ofCounts(told?.["tokenUsage"] ?? told?.["usage"]);
  }
  const details = usage["input_token_details"];
  return {
    input: number(usage["input_tokens"]) ?? 0,
    output: number(usage["output_tokens"]) ?? 0,
    cacheRead: number(details?.["cache_read"]) ?? 0,
    cacheWrite: number(details?.["cache_creation"]) ?? 0,
  };
}

/** LangChain's, OpenAI's and Anthropic's names of the same. @param {Told | undefined} counts */
function ofCounts(counts) {
  const input = number(counts?.["promptTokens"], counts?.["prompt_tokens"], counts?.["input_tokens"]);
  const output = number(
    counts?.["completionTokens"],
    counts?.["completion_tokens"],
    counts?.["output_tokens"],
  );
  if (input === undefined && output === undefined) return undefined;
  return { input: input ?? 0, output: output ?? 0, cacheRead: 0, cacheWrite: 0 };
}

/** The first that is a number. @param {unknown[]} values @returns {number | undefined} */
function number(...values) {
  return /** @type {number[]} */ (values).find((value) => Number.isFinite(value) && value >= 0);
}

/** The first that is a text. @param {unknown[]} values @returns {string | undefined} */
function text(...values) {
  return /** @type {string[]} */ (values).find((value) => typeof value === "string" && value !== "");
}
