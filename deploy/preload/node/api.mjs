// @ts-check
import { harmless } from "./harmless.mjs";
import { kindOf, outcomeOf } from "./runs.mjs";

/** What stands behind agent-metrics.mjs where the preload is loaded. */

/** Approvals that are followed at once. The oldest of more were never decided. */
const MAX_APPROVALS = 10_000;

/**
 * @param {() => import("./emitter.mjs").Emitter} emitter
 * @param {() => import("./runs.mjs").Runs} runs
 * @param {string} agent
 * @returns {Record<string, (...args: any[]) => any>}
 */
export function api(emitter, runs, agent) {
  const count = (/** @type {string} */ name, /** @type {Record<string, unknown>} */ tags = {}) =>
    emitter().count(name, { agent, ...tags });
  return {
    ...harmless({
      outputEvaluated: ({ evaluator = "unknown" } = {}) => count("ai.agent.outputs.evaluated", { evaluator }),
      hallucination: ({ severity = "unknown", evaluator = "unknown" } = {}) =>
        count("ai.agent.hallucinations", { severity, evaluator }),
      modificationProposed: () => count("ai.agent.modifications.proposed"),
      modificationRejected: ({ reason = "unknown" } = {}) =>
        count("ai.agent.modifications.rejected", { reason }),
      safetyGateChecked: ({ gate = "unknown" } = {}) => count("ai.agent.safety_gate.checks", { gate }),
      safetyGateTriggered: ({ gate = "unknown", severity = "unknown" } = {}) =>
        count("ai.agent.safety_gate.triggered", { gate, severity }),
      toolCost: ({ tool = "unknown", dollars = 0 } = {}) =>
        emitter().distribution("ai.agent.tool.cost", Number(dollars), { agent, tool }),
      ...approvals(emitter, count, agent),
      flush: () => emitter().flush(),
    }),
    task: (/** @type {string} */ taskType, /** @type {() => unknown} */ work) => task(runs, taskType, work),
  };
}

/**
 * @param {() => import("./emitter.mjs").Emitter} emitter
 * @param {(name: string, tags?: Record<string, unknown>) => void} count
 * @param {string} agent
 */
function approvals(emitter, count, agent) {
  /** When each was asked for, in milliseconds. @type {Map<string, number>} */
  const asked = new Map();
  let isRead = false;
  const gauges = () => {
    const oldestMs = asked.values().next().value;
    const ageMs = oldestMs === undefined ? 0 : performance.now() - oldestMs;
    return [
      { name: "ai.agent.approvals.pending", value: asked.size, tags: { agent } },
      { name: "ai.agent.approvals.oldest_age", value: ageMs / 1_000, tags: { agent } },
    ];
  };
  return {
    approvalRequested: (/** @type {string} */ key, { action = "unknown" } = {}) => {
      if (!isRead) emitter().gauge(gauges);
      isRead = true;
      asked.delete(key);
      asked.set(key, performance.now());
      const oldest = asked.keys().next().value;
      if (asked.size > MAX_APPROVALS && oldest !== undefined) asked.delete(oldest);
      count("ai.agent.approvals.requested", { action });
    },
    approvalDecided: (/** @type {string} */ key, { decision = "unknown" } = {}) => {
      const askedMs = asked.get(key);
      if (askedMs === undefined) return;
      asked.delete(key);
      const waited = (performance.now() - askedMs) / 1_000;
      emitter().distribution("ai.agent.approvals.wait", waited, { agent, decision });
    },
  };
}

/**
 * @template T
 * @param {() => import("./runs.mjs").Runs} runs @param {string} taskType @param {() => T} work
 * @returns {T}
 */
function task(runs, taskType, work) {
  const id = Symbol(taskType);
  const { begin, end } = harmless({
    begin: () => runs().beginTask(id, taskType),
    end: (/** @type {boolean} */ threw, /** @type {unknown} */ error) =>
      threw ? runs().end(id, outcomeOf(error), kindOf(error)) : runs().end(id, "success"),
  });
  begin?.();
  try {
    const result = work();
    if (result instanceof Promise)
      return /** @type {T} */ (
        result.then(
          (value) => {
            end?.(false);
            return value;
          },
          (error) => {
            end?.(true, error);
            throw error;
          },
        )
      );
    end?.(false);
    return result;
  } catch (error) {
    end?.(true, error);
    throw error;
  }
}
