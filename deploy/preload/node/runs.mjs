// @ts-check

/**
 * What runs: tasks, and the calls of models and tools within them. A handler tells what begins and ends.
 *
 * @typedef {"success" | "failure" | "timeout" | "cancelled"} Outcome
 * @typedef {object} Task One thing that an agent was asked to do.
 * @property {string} taskType
 * @property {number} nodes Nodes of a graph that were run.
 * @property {number} calls Calls of models and tools, which are the steps where there is no graph.
 * @property {Map<string, string>} failed Node of one step, to the kind of error that it ended with.
 * @typedef {object} Run One call of anything within a task.
 * @property {"task" | "chain" | "llm" | "tool"} kind
 * @property {string | undefined} name
 * @property {Task | undefined} task
 * @property {Run | undefined} [parent]
 * @property {string | undefined} [provider]
 * @property {string | undefined} [node]
 * @property {number} startedMs
 * @property {string} [lastError]
 */

/** Runs that are followed at once. The oldest of more were left unfinished by somebody. */
export const MAX_RUNS = 10_000;

const PAUSES = new Set(["GraphBubbleUp", "GraphInterrupt", "NodeInterrupt"]);
const CANCELS = new Set(["AbortError", "APIUserAbortError", "CancelledError"]);

/** By the kind of an error, and what it inherits from and was caused by. @param {unknown} error @returns {Outcome} */
export function outcomeOf(error) {
  const names = kindsOf(error);
  // LangGraph passes control on by it; no failure.
  if (names.includes("ParentCommand")) return "success";
  if (names.some((name) => name.includes("Timeout"))) return "timeout";
  if (names.some((name) => CANCELS.has(name) || PAUSES.has(name))) return "cancelled";
  // LangChain's own error for a signal that was given without a reason.
  if (error instanceof Error && error.message === "Aborted") return "cancelled";
  return "failure";
}

/** The name of an error's kind, never its text. @param {unknown} error */
export function kindOf(error) {
  return kindsOf(error)[0] ?? "error";
}

/** @param {unknown} error */
function kindsOf(error) {
  /** @type {string[]} */
  const names = [];
  let at = error;
  for (let depth = 0; depth < 3 && at instanceof Error; depth += 1) {
    if (typeof at.name === "string" && at.name !== "Error") names.push(at.name);
    for (
      let kind = Object.getPrototypeOf(at);
      kind && kind !== Error.prototype;
      kind = Object.getPrototypeOf(kind)
    )
      if (typeof kind.constructor?.name === "string") names.push(kind.constructor.name);
    at = at.cause;
  }
  if (names.length === 0 && error instanceof Error) names.push("Error");
  return names;
}

/** Tells the emitter what begins and ends. */
export class Runs {
  #emitter;
  #agent;
  #prices;
  /** @type {Map<unknown, Run>} */
  #runs = new Map();
  #active = 0;

  /** @param {import("./emitter.mjs").Emitter} emitter @param {string} agent @param {import("./prices.mjs").Prices} prices */
  constructor(emitter, agent, prices) {
    this.#emitter = emitter;
    this.#agent = agent;
    this.#prices = prices;
    emitter.gauge(() => [{ name: "ai.agent.tasks.active", value: this.#active, tags: this.#tags({}) }]);
  }

  /** @param {unknown} id */
  get(id) {
    return id === undefined ? undefined : this.#runs.get(id);
  }

  /** @param {unknown} id @param {string} taskType */
  beginTask(id, taskType) {
    if (this.#runs.has(id)) return;
    const task = { taskType, nodes: 0, calls: 0, failed: new Map() };
    this.#emitter.count("ai.agent.tasks.started", this.#tags({ task_type: taskType }));
    this.#active += 1;
    this.#remember(id, { kind: "task", name: taskType, task, startedMs: performance.now() });
  }

  /**
   * @param {unknown} id
   * @param {Omit<Run, "startedMs" | "task">} run
   * @param {boolean} [isStep] It is a node of a graph.
   */
  begin(id, run, isStep = false) {
    const task = run.parent?.task;
    if (task !== undefined) {
      if (isStep) task.nodes += 1;
      if (run.kind === "llm" || run.kind === "tool") task.calls += 1;
    }
    if (run.kind === "tool") this.#emitter.count("ai.agent.tool.selected", this.#tags({ tool: run.name }));
    this.#remember(id, { ...run, task, startedMs: performance.now() });
  }

  /** @param {Run | undefined} run @param {string} reason */
  retried(run, reason) {
    const taskType = run?.task?.taskType ?? "unknown";
    this.#emitter.count("ai.agent.task.retries", this.#tags({ task_type: taskType, reason }));
  }

  /**
   * Ends a run, if it is known.
   *
   * @param {unknown} id
   * @param {Outcome} outcome
   * @param {string} [errorKind] Of what it ended with.
   */
  end(id, outcome, errorKind) {
    const run = this.#runs.get(id);
    if (run === undefined) return undefined;
    this.#runs.delete(id);
    if (errorKind !== undefined) blame(run, errorKind);
    if (run.kind === "task") this.#endTask(run, outcome);
    else if (run.kind === "tool") this.#endTool(run, outcome, errorKind ?? "error");
    return run;
  }

  /**
   * Tokens and cost of one call of a model.
   *
   * @param {{ model: string, answered?: string | undefined, provider: string }} of `answered` is the model's name in its answer.
   * @param {import("./prices.mjs").Usage} usage
   */
  tokens({ model, answered, provider }, usage) {
    const byProvider = this.#tags({ model, provider });
    const byModel = this.#tags({ model });
    this.#emitter.distribution("ai.agent.tokens.input", usage.input, byProvider);
    this.#emitter.distribution("ai.agent.tokens.output", usage.output, byProvider);
    this.#emitter.distribution("ai.agent.tokens", usage.input + usage.output, byModel);
    const cost =
      this.#prices.cost(model, usage) ??
      (answered === undefined ? undefined : this.#prices.cost(answered, usage));
    if (cost !== undefined) this.#emitter.distribution("ai.agent.cost", cost, byModel);
  }

  /** @param {Run} run @param {Outcome} outcome */
  #endTask(run, outcome) {
    this.#active -= 1;
    const { taskType, nodes, calls } = /** @type {Task} */ (run.task);
    const tags = this.#tags({ task_type: taskType, outcome });
    this.#emitter.count("ai.agent.tasks.completed", tags);
    this.#emitter.distribution("ai.agent.task.duration", secondsSince(run), tags);
    this.#emitter.distribution("ai.agent.task.steps", nodes || calls, this.#tags({ task_type: taskType }));
  }

  /** @param {Run} run @param {Outcome} outcome @param {string} errorKind */
  #endTool(run, outcome, errorKind) {
    this.#emitter.distribution(
      "ai.agent.tool.duration",
      secondsSince(run),
      this.#tags({ tool: run.name, outcome }),
    );
    if (outcome === "failure" || outcome === "timeout")
      this.#emitter.count("ai.agent.tool.failures", this.#tags({ tool: run.name, error_type: errorKind }));
  }

  /** @param {unknown} id @param {Run} run */
  #remember(id, run) {
    this.#runs.set(id, run);
    if (this.#runs.size <= MAX_RUNS) return;
    for (const [oldest, { kind }] of this.#runs) {
      this.#runs.delete(oldest);
      if (kind === "task") this.#active -= 1;
      return;
    }
  }

  /** @param {Record<string, unknown>} tags @returns {Record<string, unknown>} */
  #tags(tags) {
    return { agent: this.#agent, ...tags };
  }
}

/** So that a later try knows why there is one. @param {Run} run @param {string} errorKind */
function blame(run, errorKind) {
  if (run.parent !== undefined) run.parent.lastError = errorKind;
  if (run.node !== undefined) run.task?.failed.set(run.node, errorKind);
}

/** @param {Run} run */
function secondsSince(run) {
  return (performance.now() - run.startedMs) / 1_000;
}
