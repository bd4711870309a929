import { beforeAll, expect, onTestFinished, test } from "vitest";

import { startAgentIntake } from "../fakes/agent-intake.ts";
import { startLangfuse } from "../fakes/langfuse.ts";
import type { OtlpReceiver } from "../fakes/otlp-receiver.ts";
import { installWorkloads, type NodeMajor } from "../workloads/install.ts";
import { runWorkload, totals, type Ended, type Tracer } from "../workloads/start.ts";

let absent: string | undefined;
beforeAll(async () => {
  absent = await installWorkloads();
}, 400_000);

const KEYS = { publicKey: "pk-lf-1", secretKey: "sk-lf-1" };
const ANSWER: Ended = { end: 0, stdout: "The order is on its way.\n", stderr: "" };

async function langfuse(): Promise<{ receiver: OtlpReceiver; env: Readonly<Record<string, string>> }> {
  const receiver = await startLangfuse(KEYS);
  onTestFinished(() => receiver.stop());
  const env = {
    DD_OBSERVE_LANGFUSE: "true",
    DD_OBSERVE_AGENT_METRICS: "false",
    LANGFUSE_BASE_URL: receiver.url,
    LANGFUSE_PUBLIC_KEY: KEYS.publicKey,
    LANGFUSE_SECRET_KEY: KEYS.secretKey,
    LANGFUSE_TRACING_ENVIRONMENT: "prod",
  };
  return { receiver, env };
}

/** Names of the spans, sorted. */
function names({ spans }: OtlpReceiver): readonly string[] {
  return spans.map(({ name }) => name).sort();
}

const OF_ONE_RUN = [
  "LangGraph",
  "RunnableLambda",
  "RunnableLambda",
  "ScriptedModel",
  "ScriptedModel",
  "__start__",
  "agent",
  "agent",
  "search",
  "tools",
];

test.for<[node: NodeMajor, tracer: Tracer]>([
  [20, "none"],
  [20, "dd-trace 5"],
  [22, "dd-trace 6"],
  [24, "none"],
  [24, "dd-trace 6"],
])("on Node %i, a run is one trace in Langfuse, beside tracer: %s", async ([node, tracer], { skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();
  const agent = await startAgentIntake();
  onTestFinished(() => agent.stop());

  const ended = await runWorkload({
    program: "app.mjs",
    node,
    tracer,
    agent,
    env: { ...env, DD_OBSERVE_AGENT_METRICS: "true" },
  });

  expect(ended).toEqual(ANSWER);
  expect(receiver.faults).toEqual([]);
  expect(receiver.requests.map(({ status }) => status)).toEqual(receiver.requests.map(() => 200));
  expect(names(receiver)).toEqual(OF_ONE_RUN);
  expect(new Set(receiver.spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(receiver.spans.filter(({ parentSpanId }) => (parentSpanId ?? "") === "")).toMatchObject([
    {
      name: "LangGraph",
      resource: { "service.name": "support" },
      attributes: { "langfuse.environment": "prod" },
    },
  ]);
  const model = receiver.spans.find(({ name }) => name === "ScriptedModel");
  expect(JSON.parse(String(model?.attributes["langfuse.observation.usage_details"]))).toEqual({
    input: 120,
    output: 30,
    total: 150,
  });
  // The tracer sees nothing of it: neither its spans nor what carries them.
  expect(totals(agent)).toMatchObject({ "tasks.completed": 1 });
  const seen = agent.spans.map(({ name, meta }) => `${name} ${meta["http.url"] ?? ""}`);
  expect(seen.filter((text) => text.includes("otel") || text.includes(receiver.url))).toEqual([]);
  expect(seen.length > 0).toBe(tracer !== "none");
});

test.for<[program: string, ended: Ended, spans: number]>([
  ["app.cjs", ANSWER, 4],
  ["shapes.mjs exit", { ...ANSWER, end: 7 }, OF_ONE_RUN.length],
  ["shapes.mjs parallel", { ...ANSWER, stdout: "5\n" }, 5 * OF_ONE_RUN.length],
])("%s: every span arrives once", async ([program, wanted, spans], { skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();

  const ended = await runWorkload({ program, env });

  expect(ended).toEqual(wanted);
  expect(names(receiver)).toHaveLength(spans);
  expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(spans);
});

test("what the application traces to Langfuse by itself is not traced twice", async ({ skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();

  const ended = await runWorkload({ program: "shapes.mjs own-langfuse", env });

  expect(ended).toEqual({ end: 0, stdout: "", stderr: "" });
  // Two calls of the model in the first run, one in the second.
  expect(names(receiver).filter((name) => name === "ScriptedModel")).toHaveLength(3);
  expect(names(receiver).filter((name) => name === "all" || name === "part")).toEqual(["all", "part"]);
});

test("a share of the runs is traced, each as a whole", async ({ skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();

  await runWorkload({ program: "app.mjs --runs 40", env: { ...env, LANGFUSE_SAMPLE_RATE: "0.5" } });

  const traces = Map.groupBy(receiver.spans, ({ traceId }) => traceId);
  expect(traces.size).toBeGreaterThan(0);
  expect(traces.size).toBeLessThan(40);
  for (const spans of traces.values()) expect(spans).toHaveLength(OF_ONE_RUN.length);
});

test("the application's own OpenTelemetry and Langfuse's spans don't see each other", async ({ skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();
  const none = { OTEL_METRICS_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none" };

  const ended = await runWorkload({ program: "shapes.mjs own-otel", env: { ...env, ...none } });

  expect(ended).toEqual({ end: 0, stdout: "order\n", stderr: "" });
  expect(names(receiver)).toEqual(OF_ONE_RUN);
});

test("a trace has the tags and the session of its run", async ({ skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();

  await runWorkload({ program: "shapes.mjs tagged", env });

  expect(receiver.spans.find(({ name }) => name === "LangGraph")?.attributes).toMatchObject({
    "session.id": "session-1",
    "langfuse.trace.tags": ["vip"],
  });
});

test.for<[what: string, wrong: Readonly<Record<string, string>>]>([
  ["a key", { LANGFUSE_SECRET_KEY: "" }],
  ["a legible base URL", { LANGFUSE_BASE_URL: "nonsense" }],
])(
  "the application runs as it would without %s, and says why where it is asked",
  async ([, wrong], { skip }) => {
    if (absent !== undefined) skip(absent);
    const { receiver, env } = await langfuse();

    const silent = await runWorkload({ program: "app.mjs", env: { ...env, ...wrong } });
    const asked = await runWorkload({ program: "app.mjs", env: { ...env, ...wrong, DD_OBSERVE_DEBUG: "1" } });

    expect(silent).toEqual(ANSWER);
    expect(asked).toEqual({
      ...ANSWER,
      stderr: expect.stringMatching(/^dd-observe preload: no traces to Langfuse/),
    });
    expect(receiver.spans).toEqual([]);
  },
);

test.for<[what: string, wrong: Readonly<Record<string, string>>]>([
  ["Langfuse is away", { LANGFUSE_BASE_URL: "http://127.0.0.1:1" }],
  ["Langfuse refuses the key", { LANGFUSE_SECRET_KEY: "sk-other" }],
])("the application runs as it would where %s", async ([, wrong], { skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();

  expect(await runWorkload({ program: "app.mjs", env: { ...env, ...wrong } })).toEqual(ANSWER);
  expect(receiver.spans).toEqual([]);
});

test("the application runs as it would without Langfuse's packages", async ({ skip }) => {
  if (absent !== undefined) skip(absent);
  const { receiver, env } = await langfuse();

  const ended = await runWorkload({
    program: "app.mjs",
    without: "@langfuse",
    env: { ...env, DD_OBSERVE_DEBUG: "1" },
  });

  expect(ended).toMatchObject({ end: 0, stdout: ANSWER.stdout });
  expect(ended.stderr).toContain("npm install @langfuse/langchain @langfuse/otel");
  expect(receiver.spans).toEqual([]);
});
