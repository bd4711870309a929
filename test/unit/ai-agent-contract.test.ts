import { expect, test } from "vitest";

import { compilesFor } from "../../controllers/compiles.ts";
import { compileMetricTags } from "../../controllers/metric-tags/snapshot.ts";
import { composed, wireOf, wishedBy } from "../builders/composed.ts";
import { PACKS } from "../builders/observed.ts";

const { metrics, monitors, slos, dashboards } = PACKS.get("ai-agent")!;

/** What an agent sends, and dd-observe of its budgets: type, unit, and the tags beside those that everything has. */
const CONTRACT: Readonly<Record<string, readonly [type: string, unit: string, tags: string]>> = {
  "ai.agent.tokens.input": ["distribution", "", "agent model provider"],
  "ai.agent.tokens.output": ["distribution", "", "agent model provider"],
  "ai.agent.tokens": ["distribution", "", "agent model"],
  "ai.agent.cost": ["distribution", "dollar", "agent model"],
  "ai.agent.tasks.started": ["rate", "task", "agent task_type"],
  "ai.agent.tasks.completed": ["rate", "task", "agent outcome task_type"],
  "ai.agent.tasks.active": ["gauge", "task", "agent instance"],
  "ai.agent.task.duration": ["distribution", "second", "agent outcome task_type"],
  "ai.agent.task.retries": ["rate", "", "agent reason task_type"],
  "ai.agent.task.steps": ["distribution", "", "agent task_type"],
  "ai.agent.outputs.evaluated": ["rate", "", "agent evaluator"],
  "ai.agent.hallucinations": ["rate", "", "agent evaluator severity"],
  "ai.agent.approvals.requested": ["rate", "request", "action agent"],
  "ai.agent.approvals.pending": ["gauge", "request", "agent instance"],
  "ai.agent.approvals.oldest_age": ["gauge", "second", "agent instance"],
  "ai.agent.approvals.wait": ["distribution", "second", "agent decision"],
  "ai.agent.modifications.proposed": ["rate", "", "agent"],
  "ai.agent.modifications.rejected": ["rate", "", "agent reason"],
  "ai.agent.safety_gate.checks": ["rate", "", "agent gate"],
  "ai.agent.safety_gate.triggered": ["rate", "", "agent gate severity"],
  "ai.agent.tool.selected": ["rate", "", "agent tool"],
  "ai.agent.tool.duration": ["distribution", "second", "agent outcome tool"],
  "ai.agent.tool.failures": ["rate", "error", "agent error_type tool"],
  "ai.agent.tool.cost": ["distribution", "dollar", "agent tool"],
  "ai.agent.budget.limit": ["gauge", "dollar", "agent period"],
  "ai.agent.budget.used_ratio": ["gauge", "fraction", "agent period"],
};

test("the metrics of the contract have the types, units and tags that it says, and there are no others", () => {
  const told = Object.entries(metrics.metrics)
    .filter(([name]) => name.startsWith("ai.agent."))
    .map(([name, { type, unit = "", tags }]) => [name, [type, unit, tags.toSorted().join(" ")]]);

  expect(Object.fromEntries(told)).toEqual(CONTRACT);
});

/** What a monitor is for, by its name; with `guard`, a number of events below which its ratio can't alert. */
const ALERTS: Readonly<Record<string, readonly [need: string, guard?: number]>> = {
  "hallucination-rate": ["source=dogstatsd", 20],
  "hallucinations-judged": ["evaluations"],
  "task-failures": ["source=dogstatsd", 10],
  "task-latency": ["source=dogstatsd"],
  "tool-failures": ["source=dogstatsd", 10],
  "retry-storm": ["source=dogstatsd"],
  runaway: ["source=dogstatsd"],
  "tool-thrash": ["source=dogstatsd", 5],
  "token-anomaly": ["source=dogstatsd"],
  "cost-anomaly": ["source=dogstatsd"],
  "cost-spike": ["source=dogstatsd"],
  "llm-token-anomaly": ["source=llmobs"],
  "llm-cost-anomaly": ["source=llmobs"],
  "genai-token-anomaly": ["source=otel"],
  "budget-spent": ["budget"],
  "budget-forecast": ["budget monthlyBudget"],
  "budget-burn": ["source=dogstatsd dailyBudget"],
  "approval-queue-age": ["source=dogstatsd"],
  "safety-gate-surge": ["source=dogstatsd"],
  "modifications-rejected": ["source=dogstatsd", 5],
  silence: ["source=dogstatsd"],
  "llm-errors": ["source=llmobs", 20],
  "llm-latency": ["source=llmobs"],
  "llm-loops": ["evaluations"],
  "genai-errors": ["source=otel", 20],
  "genai-latency": ["source=otel"],
};

test("every alert is there, and each ratio of counts has a guard against few events", () => {
  const told = Object.entries(monitors).map(([name, { needs = [], query }]) => {
    const need = [needs].flat().join(" ");
    const guard = /\/ \( .+ \+ (\d+) \)/.exec(query)?.[1];
    return [name, guard === undefined ? [need] : [need, Number(guard)]];
  });

  expect(Object.fromEntries(told)).toEqual(ALERTS);
  const unguarded = Object.entries(monitors).filter(([, { query }]) =>
    /\.as_count\(\) \/ (?!\( |\$)/.test(query),
  );
  expect(unguarded.map(([name]) => name)).toEqual([]);
});

test("success and latency have an SLO, and there are the three dashboards", () => {
  expect(Object.entries(slos).map(([name, { type, needs }]) => [name, type, needs])).toEqual([
    ["task-success", "metric", "source=dogstatsd"],
    ["task-latency", "time-slice", "source=dogstatsd"],
    ["spans-succeed", "metric", "source=llmobs"],
    ["calls-succeed", "metric", "source=otel"],
  ]);
  expect(Object.keys(dashboards)).toEqual([
    "ai-agent-performance",
    "safety-and-compliance",
    "resource-utilization",
  ]);
});

const SOURCES = ["dogstatsd", "llmobs", "otel"] as const;

const documentOf = (source: string): string =>
  `pack: ai-agent\nenv: prod\nagent: {source: ${source}, evaluations: true}\nbudget: {daily: 5, monthly: 50}\n`;

test.for(SOURCES)("with the source %s the dashboards tell work, errors, time, tokens and tools", (source) => {
  const { dashboards: made } = composed({ support: documentOf(source) });

  const text = JSON.stringify(wireOf(made.get("ai-agent-performance")!));

  const wanted = {
    dogstatsd: [
      "tasks.completed",
      "outcome:success",
      "task.duration",
      "agent.tokens",
      "agent.cost",
      "tool.selected",
    ],
    llmobs: [
      "ml_obs.trace{",
      "trace.error",
      "trace.duration",
      "total.tokens",
      "total.cost",
      "span_kind:tool",
    ],
    otel: [
      "gen_ai.client.operation.duration",
      "error.type",
      "gen_ai.client.token.usage",
      // The names that come after it.
      "gen_ai.client.inference.operation.input_tokens",
      "gen_ai.client.inference.operation.output_tokens",
      "gen_ai.execute_tool.duration",
    ],
  }[source];
  expect(wanted.filter((part) => !text.includes(part))).toEqual([]);
  expect(text).toContain("ai.agent.budget.used_ratio");
});

test.for([
  ["dogstatsd", ["ai.agent.approvals.wait", "ai.agent.task.duration", "ai.agent.tool.duration"]],
  ["llmobs", []],
  ["otel", ["gen_ai.client.operation.duration", "gen_ai.execute_tool.duration"]],
] as const)(
  "with the source %s percentiles are switched on of just what asks for them",
  ([source, wanted]) => {
    const compiles = compilesFor("dc1", "https://app.datadoghq.com");
    const compile = compileMetricTags([compiles.monitors, compiles.dashboards, compiles.slos]);

    const { objects } = compile(wishedBy({ support: documentOf(source) }));

    const on = [...objects.values()].filter(({ body }) => body.include_percentiles);
    expect(on.map(({ body }) => body.metric).toSorted()).toEqual(wanted);
  },
);
