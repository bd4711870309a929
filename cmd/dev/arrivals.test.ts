import { expect, test } from "vitest";

import { Arrivals, forwardMetric } from "./arrivals.ts";

const metric = (name: string, values: readonly number[], tags: readonly string[] = []) => ({
  name: `ai.agent.${name}`,
  type: "d",
  values,
  tags,
});
const ONE = [
  metric("tasks.completed", [1]),
  metric("tokens.input", [40, 60]),
  metric("tokens.output", [20]),
  metric("cost", [0.0025]),
  metric("tool.selected", [1], ["tool:search"]),
  metric("tool.failures", [1], ["tool:search"]),
];
const span = { name: "x", service: "support", meta: {}, metrics: {}, kind: "llm", tags: [] };

test("what has arrived is told once, and again when more has", () => {
  const arrivals = new Arrivals();
  const intake = { spans: [span, span], llmSpans: [span] };

  const nothing = arrivals.line(intake);
  for (const line of ONE) arrivals.add(line);
  const first = arrivals.line(intake);
  const same = arrivals.line(intake);
  arrivals.add(metric("tool.selected", [2], ["tool:refund"]));

  expect([nothing, same]).toEqual([undefined, undefined]);
  expect(first).toBe(
    "1 tasks · tokens 100 in, 20 out · $0.0025 · tools search 1 (1 failed) · 2 spans, 1 of LLM",
  );
  expect(arrivals.line(intake)).toContain("tools search 1, refund 2 (1 failed)");
});

test.for(["tokens.input", "tokens.output", "cost", "tool.selected", "a span of LLM Observability"])(
  "without %s it isn't complete",
  (absent) => {
    const arrivals = new Arrivals();
    for (const line of ONE) if (line.name !== `ai.agent.${absent}`) arrivals.add(line);
    const whole = new Arrivals();
    for (const line of ONE) whole.add(line);

    expect(arrivals.isComplete({ llmSpans: absent.startsWith("a span") ? [] : [span] })).toBe(false);
    expect(whole.isComplete({ llmSpans: [span] })).toBe(true);
  },
);

test("each value becomes a point of the stand-in Datadog", () => {
  const metrics = new Map();

  forwardMetric({ metrics }, metric("tokens.input", [40, 60], ["service:support"]));

  expect(metrics.get("ai.agent.tokens.input")).toMatchObject([
    { value: 40, tags: ["service:support"] },
    { value: 60, tags: ["service:support"] },
  ]);
});
