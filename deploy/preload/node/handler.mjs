// @ts-check
import { harmless } from "./harmless.mjs";
import { kindOf, outcomeOf } from "./runs.mjs";
import { modelAtEnd, modelAtStart, tokensOf } from "./usage.mjs";

/** @typedef {Record<string, any>} Told */
/** @typedef {string | undefined} Id */

export const HANDLER_NAME = "dd_observe_agent_metrics";

/** Runs of these kinds only put a text together, and are no task where they stand alone. */
const NO_TASKS = new Set(["prompt", "parser", "retriever", "embedding"]);

/** LangChain's mark of runs that people are not shown. */
const HIDDEN = "langsmith:hidden";

/**
 * Follows LangChain and LangGraph as one handler that is part of every run. It does not inherit from LangChain's class:
 * several copies of LangChain share it.
 *
 * @param {import("./runs.mjs").Runs} runs
 * @param {string | undefined} taskType Of all tasks; else the name of the outermost run.
 */
export function agentMetricsHandler(runs, taskType) {
  const handler = {
    name: HANDLER_NAME,
    // In place: later, the times would be wrong, and a process that ends would lose the last ones. It never waits.
    awaitHandlers: true,
    raiseError: false,
    ignoreLLM: false,
    ignoreChain: false,
    ignoreAgent: false,
    ignoreRetriever: true,
    ignoreCustomEvent: true,
    copy: () => handler,
    ...harmless({ ...ofChains(runs, taskType), ...ofModels(runs), ...ofTools(runs) }),
  };
  return handler;
}

/** @param {import("./runs.mjs").Runs} runs @param {string | undefined} taskType */
function ofChains(runs, taskType) {
  return {
    /** @param {Told} chain @param {unknown} _inputs @param {string} id @param {Id} parentId @param {string[]} [tags] @param {Told} [metadata] @param {string} [runType] @param {string} [runName] */
    handleChainStart(chain, _inputs, id, parentId, tags, metadata, runType, runName) {
      const name = runName ?? nameOf(chain);
      const parent = runs.get(parentId);
      if (parent === undefined) {
        if (runType !== undefined && NO_TASKS.has(runType)) return;
        runs.beginTask(id, String(metadata?.["task_type"] ?? taskType ?? name));
        return;
      }
      const node = tags?.includes(HIDDEN) ? undefined : newNode(name, metadata, parent);
      tellRetry(runs, parent, tags, node);
      runs.begin(id, { kind: "chain", name, parent, node }, node !== undefined);
    },
    /** @param {unknown} _outputs @param {string} id */
    handleChainEnd(_outputs, id) {
      runs.end(id, "success");
    },
    /** @param {unknown} error @param {string} id */
    handleChainError(error, id) {
      runs.end(id, outcomeOf(error), kindOf(error));
    },
  };
}

/** @param {import("./runs.mjs").Runs} runs */
function ofModels(runs) {
  /** @param {Told} model @param {unknown} _input @param {string} id @param {Id} parentId @param {Told} [extra] @param {string[]} [tags] @param {Told} [metadata] */
  const begin = (model, _input, id, parentId, extra, tags, metadata) => {
    const parent = runs.get(parentId);
    tellRetry(runs, parent, tags);
    const asked = modelAtStart(model, extra, metadata);
    runs.begin(id, { kind: "llm", name: asked.model, provider: asked.provider, parent });
  };
  return {
    handleLLMStart: begin,
    handleChatModelStart: begin,
    /** @param {Told} result @param {string} id @param {Id} _parentId @param {string[]} [_tags] @param {Told} [extra] */
    handleLLMEnd(result, id, _parentId, _tags, extra) {
      const run = runs.end(id, "success");
      const usage = tokensOf(result);
      // An answer from LangChain's cache repeats the usage of the call that was paid for.
      if (usage === undefined || extra?.["cached"] === true) return;
      const answered = modelAtEnd(result);
      runs.tokens(
        {
          // What was asked for is the better tag: an answer may name each of a model's releases.
          model: run?.name ?? answered.model ?? "unknown",
          answered: answered.model,
          provider: run?.provider ?? answered.provider ?? "unknown",
        },
        usage,
      );
    },
    /** @param {unknown} error @param {string} id */
    handleLLMError(error, id) {
      runs.end(id, outcomeOf(error), kindOf(error));
    },
  };
}

/** @param {import("./runs.mjs").Runs} runs */
function ofTools(runs) {
  return {
    /** @param {Told} tool @param {string} _input @param {string} id @param {Id} parentId @param {string[]} [tags] @param {Told} [_metadata] @param {string} [runName] */
    handleToolStart(tool, _input, id, parentId, tags, _metadata, runName) {
      const parent = runs.get(parentId);
      tellRetry(runs, parent, tags);
      runs.begin(id, { kind: "tool", name: runName ?? nameOf(tool), parent });
    },
    /** @param {Told | undefined} output @param {string} id */
    handleToolEnd(output, id) {
      // A tool that handles its own errors answers with a message of this status.
      runs.end(id, output?.["status"] === "error" ? "failure" : "success");
    },
    /** @param {unknown} error @param {string} id */
    handleToolError(error, id) {
      runs.end(id, outcomeOf(error), kindOf(error));
    },
  };
}

/**
 * LangChain marks a second try by a tag; LangGraph runs the same node of the same step once more.
 *
 * @param {import("./runs.mjs").Runs} runs @param {import("./runs.mjs").Run | undefined} parent @param {string[]} [tags] @param {string} [node]
 */
function tellRetry(runs, parent, tags, node) {
  if (tags?.some((tag) => tag.startsWith("retry:attempt:"))) {
    runs.retried(parent, parent?.lastError ?? "unknown");
    return;
  }
  const failed = parent?.task?.failed;
  const reason = node === undefined ? undefined : failed?.get(node);
  if (node === undefined || reason === undefined) return;
  failed?.delete(node);
  runs.retried(parent, reason);
}

/** @param {Told | undefined} serialized @returns {string} */
function nameOf(serialized) {
  const path = serialized?.["id"];
  return serialized?.["name"] ?? (Array.isArray(path) ? path.at(-1) : undefined) ?? "unknown";
}

/** As {@link nodeOf}, but a graph that is a node of another has both runs: of the node, and its own within. @param {string} name @param {Told | undefined} metadata @param {import("./runs.mjs").Run} parent */
function newNode(name, metadata, parent) {
  const node = nodeOf(name, metadata);
  /** @type {import("./runs.mjs").Run | undefined} */
  let above = parent;
  while (above !== undefined && above.node === undefined) above = above.parent;
  return above?.node === node ? undefined : node;
}

/** What tells one run of a graph's node from every other; undefined for a run that is no node. @param {string} name @param {Told | undefined} metadata @returns {string | undefined} */
function nodeOf(name, metadata) {
  if (metadata?.["langgraph_node"] !== name) return undefined;
  return metadata["langgraph_checkpoint_ns"] ?? `${metadata["langgraph_step"]}:${name}`;
}
