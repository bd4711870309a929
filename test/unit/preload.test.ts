import { readFileSync } from "node:fs";

import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";

import { api } from "../../deploy/preload/node/api.mjs";
import { Emitter, MAX_VALUES } from "../../deploy/preload/node/emitter.mjs";
import { agentMetricsHandler } from "../../deploy/preload/node/handler.mjs";
import { patch } from "../../deploy/preload/node/langchain.mjs";
import { Prices, shippedPrices } from "../../deploy/preload/node/prices.mjs";
import { MAX_RUNS, Runs, outcomeOf } from "../../deploy/preload/node/runs.mjs";
import { LIMITS, normalised } from "../../deploy/preload/node/tags.mjs";

/** What a process would send, without a network. */
function recorded(): { emitter: Emitter; lines: () => string[] } {
  const packets: string[] = [];
  const send = (sent: string[]): void => void packets.push(...sent);
  const emitter = new Emitter({ maxBytes: 1_432, send, sendAtExit: send });
  emitter.stop();
  onTestFinished(() => emitter.stop());
  return {
    emitter,
    lines: () => {
      emitter.flush();
      return packets.splice(0).flatMap((packet) => packet.split("\n"));
    },
  };
}

const NO_PRICES = new Prices({});

test("of too many values a sample stands for all, and says so", () => {
  const { emitter, lines } = recorded();

  for (let at = 0; at < 4 * MAX_VALUES; at += 1) emitter.distribution("ai.agent.tokens", 7, { model: "m" });

  const sent = lines();
  expect(sent.every((line) => line.includes("|d|@0.25|#model:m"))).toBe(true);
  expect(sent.flatMap((line) => line.split("|")[0]?.split(":").slice(1) ?? [])).toHaveLength(MAX_VALUES);
});

test("values of tags that are too many become one", () => {
  const { emitter, lines } = recorded();

  for (let at = 0; at < 60; at += 1) emitter.count("ai.agent.tool.selected", { tool: `tool-${at}` });

  const sent = lines();
  expect(sent).toHaveLength(51);
  expect(sent.at(-1)).toBe("ai.agent.tool.selected:10|c|#tool:other");
});

test("the limits are those that the pack's contract names", () => {
  const contract = parse(readFileSync("packs/ai-agent/metrics.yaml", "utf8")) as {
    metrics: Record<string, { tags: string[] }>;
  };

  const tags = Object.entries(contract.metrics)
    // The operator sends budgets, not the preload.
    .filter(([name]) => name.startsWith("ai.agent.") && !name.startsWith("ai.agent.budget."))
    .flatMap(([, metric]) => metric.tags);

  expect(Object.keys(LIMITS).toSorted()).toEqual([...new Set(tags)].toSorted());
});

test.for([
  ["GPT 4o|x,y#z", "gpt_4o_x_y_z"],
  ["  ", "unknown"],
  ["é", "unknown"],
  ["a".repeat(200), "a".repeat(100)],
])("%s as a tag is %s", ([value, wanted]) => {
  expect(normalised(value)).toBe(wanted);
});

test.for([
  ["gpt-4o-2024-08-06", 12.5],
  ["openai/gpt-4o", 12.5],
  ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", 18],
  ["gpt-5.9", undefined],
  ["mine", 3],
] as const)("a million tokens in and out of %s cost %s dollars", ([model, dollars]) => {
  const prices = new Prices(shippedPrices(), { Mine: { input: 1, output: 2 }, broken: { input: "1" } });

  expect(prices.cost(model, { input: 1e6, output: 1e6, cacheRead: 0, cacheWrite: 0 })).toBe(dollars);
});

test("tokens of a cache cost what the cache costs", () => {
  const prices = new Prices({ m: { input: 10, output: 20, cacheRead: 1, cacheWrite: 12 } });

  expect(prices.cost("m", { input: 1e6, output: 0, cacheRead: 5e5, cacheWrite: 1e5 })).toBeCloseTo(5.7, 9);
});

test("what ends a task is told by the kind of its error", () => {
  class APIConnectionTimeoutError extends Error {}
  class GraphInterrupt extends Error {}

  expect(outcomeOf(new DOMException("x", "TimeoutError"))).toBe("timeout");
  expect(outcomeOf(new APIConnectionTimeoutError("x"))).toBe("timeout");
  expect(outcomeOf(new DOMException("x", "AbortError"))).toBe("cancelled");
  expect(outcomeOf(new GraphInterrupt("x"))).toBe("cancelled");
  expect(outcomeOf(new Error("Timeout of nothing"))).toBe("failure");
  expect(outcomeOf("text")).toBe("failure");
});

test("runs that never end are forgotten, the oldest first", () => {
  const { emitter, lines } = recorded();
  const runs = new Runs(emitter, "a", NO_PRICES);

  for (let at = 0; at < MAX_RUNS + 5; at += 1) runs.beginTask(at, "t");

  expect(runs.get(4)).toBeUndefined();
  expect(runs.get(5)).toBeDefined();
  expect(lines()).toContain(`ai.agent.tasks.active:${MAX_RUNS}|g|#agent:a`);
});

test("an answer from LangChain's cache has no tokens", () => {
  const { emitter, lines } = recorded();
  const handler = agentMetricsHandler(new Runs(emitter, "a", NO_PRICES), undefined) as unknown as Record<
    string,
    (...args: unknown[]) => void
  >;
  const result = { generations: [[{ message: { usage_metadata: { input_tokens: 5, output_tokens: 6 } } }]] };

  handler["handleChatModelStart"]?.({}, [], "1", undefined, {}, [], { ls_model_name: "m", ls_provider: "p" });
  handler["handleLLMEnd"]?.(result, "1", undefined, [], { cached: true });
  handler["handleChatModelStart"]?.({}, [], "2", undefined, {}, [], { ls_model_name: "m", ls_provider: "p" });
  handler["handleLLMEnd"]?.(result, "2", undefined, []);

  expect(lines().filter((line) => line.includes("tokens.input"))).toEqual([
    "ai.agent.tokens.input:5|d|#agent:a,model:m,provider:p",
  ]);
});

test("a class is patched once, and a handler that can't be made leaves LangChain as it is", () => {
  const managers: unknown[] = [];
  const CallbackManager = { _configureSync: (given: unknown): void => void managers.push(given) };
  let asked = 0;
  const broken = (): never => {
    asked += 1;
    throw new Error("no");
  };

  patch(CallbackManager, broken);
  patch(CallbackManager, broken);
  CallbackManager._configureSync([]);

  expect(managers).toEqual([[]]);
  expect(asked).toBe(1);
});

test("what only the application knows is told by one call each", async () => {
  const { emitter, lines } = recorded();
  const runs = new Runs(emitter, "a", NO_PRICES);
  const told = api(
    () => emitter,
    () => runs,
    "a",
  );

  told["hallucination"]?.({ severity: "high", evaluator: "judge" });
  told["approvalRequested"]?.("q1", { action: "refund" });
  told["approvalRequested"]?.("q2", { action: "refund" });
  told["approvalDecided"]?.("q1", { decision: "approved" });
  told["approvalDecided"]?.("never asked", { decision: "approved" });
  told["safetyGateTriggered"]?.(null);
  const failed = told["task"]?.("triage", async () => {
    throw new DOMException("x", "AbortError");
  }) as Promise<unknown>;

  await expect(failed).rejects.toThrow("x");
  const sent = lines();
  expect(sent).toContain("ai.agent.hallucinations:1|c|#agent:a,severity:high,evaluator:judge");
  expect(sent).toContain("ai.agent.approvals.requested:2|c|#agent:a,action:refund");
  expect(sent).toContain("ai.agent.approvals.pending:1|g|#agent:a");
  expect(sent.filter((line) => line.includes("approvals.wait"))).toHaveLength(1);
  expect(sent).toContain("ai.agent.tasks.completed:1|c|#agent:a,task_type:triage,outcome:cancelled");
});
