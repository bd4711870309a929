import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { beforeAll, describe, expect, onTestFinished, test } from "vitest";

import type { AgentIntake } from "../fakes/agent-intake.ts";
import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { installWorkloads, type NodeMajor } from "../workloads/install.ts";
import { NO_LOOPBACK, publish, runAgent, type Published } from "./workload.ts";

const ANSWER = { code: 0, signal: null, stdout: "The order is on its way.\n" };

/** The tracer that the version of Node takes. */
const TRACED: readonly (readonly [node: NodeMajor, tracer: 5 | 6])[] = [
  [20, 5],
  [22, 6],
  [24, 6],
];

const agent = (instrumentation: object, more: object = {}): object => ({
  pack: "ai-agent",
  env: "prod",
  team: "ml",
  ...more,
  instrumentation: { language: "node", mode: "hostip", inject: true, ...instrumentation },
});

const DOCUMENTS = {
  support: agent({ sampleRate: 1, env: { DD_VERSION: "1.4.2" } }),
  unsampled: agent({ sampleRate: 0 }),
  "without-llmobs": agent({ llmobs: false, env: { DD_LLMOBS_ML_APP: "shop" } }),
  "by-ml-app": agent({ env: { DD_LLMOBS_ML_APP: "shop" } }, { pack: "generic" }),
  "without-apm": agent({ env: { DD_APM_TRACING_ENABLED: false } }),
  "to-otlp": agent({ env: { OTEL_TRACES_EXPORTER: "otlp" } }),
  otel: agent({ profile: "otel", sampleRate: 1, env: { DD_VERSION: "1.4.2" } }),
  "otel-unsampled": agent({
    profile: "otel",
    sampleRate: 0,
    env: { OTEL_NODE_RESOURCE_DETECTORS: "env,host,os,process" },
  }),
} as const;

const UNIFIED = ["service:support", "env:prod", "version:1.4.2", "team:ml"];

const skipped = consulBinary() === undefined ? NO_CONSUL : NO_LOOPBACK;

describe.skipIf(skipped !== undefined)(
  `an unmodified LangGraph application with what is published${skipped === undefined ? "" : ` (${skipped})`}`,
  () => {
    let published: Published;
    let absent: string | undefined;

    beforeAll(async () => {
      absent = await installWorkloads();
      if (absent === undefined) published = await publish(DOCUMENTS);
    }, 400_000);

    const run = async (
      service: keyof typeof DOCUMENTS,
      task: Omit<Parameters<typeof runAgent>[0], "published">,
    ) => await runAgent({ ...task, published: published[service]! });

    test.for(TRACED)(
      "on Node %i with dd-trace %i arrives in LLM Observability, APM and as metrics of an agent",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const arrived = await run("support", { node, tracer });

        expect(arrived.ended).toEqual({ ...ANSWER, stderr: "" });
        expectLlmSpans(arrived.agent, "support");
        for (const { tags } of arrived.agent.llmSpans) expect(tags).toEqual(expect.arrayContaining(UNIFIED));
        expectApmSpans(arrived.agent);
        expectAgentMetrics(arrived.agent);
        expect(arrived.agent.faults).toEqual([]);
        expect(arrived.otlp.requests).toEqual([]);
      },
    );

    test.for(TRACED)(
      "on Node %i with dd-trace %i and a rate of 0, APM drops the trace and LLM Observability keeps it",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run("unsampled", { node, tracer });

        expect(ended).toEqual({ ...ANSWER, stderr: "" });
        const root = intake.spans.find(({ name }) => name === "LangGraph");
        expect(root?.metrics).toMatchObject({ "_dd.rule_psr": 0, _sampling_priority_v1: -1 });
        expectLlmSpans(intake, "unsampled");
      },
    );

    test.for(TRACED)(
      "on Node %i with dd-trace %i is not in LLM Observability where the wish says so, whatever else would switch it on",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run("without-llmobs", { node, tracer });

        expect(ended).toEqual({ ...ANSWER, stderr: "" });
        expect(intake.requests).toContain("PUT /v0.4/traces");
        expect(intake.requests.filter((line) => line.includes("evp_proxy"))).toEqual([]);
      },
    );

    test.for(TRACED)(
      "on Node %i with dd-trace %i is in LLM Observability by DD_LLMOBS_ML_APP alone, as the warning says",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run("by-ml-app", { node, tracer });

        expect(ended).toEqual({ ...ANSWER, stderr: "" });
        expectLlmSpans(intake, "shop");
        expect(intake.metrics.filter(({ name }) => name.startsWith("ai.agent."))).toEqual([]);
      },
    );

    test.for(TRACED)(
      "on Node %i with dd-trace %i is in LLM Observability without APM",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run("without-apm", { node, tracer });

        expect(ended).toEqual({ ...ANSWER, stderr: "" });
        expectLlmSpans(intake, "without-apm");
        // What is sent all the same is marked as not to be kept.
        for (const { metrics } of intake.spans) expect(metrics["_sampling_priority_v1"]).toBe(0);
      },
    );

    test.for(TRACED)(
      "on Node %i with dd-trace %i sends its traces to OTLP instead of the Agent by OTEL_TRACES_EXPORTER, as the warning says",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake, otlp } = await run("to-otlp", { node, tracer });

        expect(ended).toEqual({ ...ANSWER, stderr: "" });
        expect(intake.requests).not.toContain("PUT /v0.4/traces");
        expect(otlp.requests).toEqual([
          { line: "POST /v1/traces", contentType: "application/json", status: 200 },
        ]);
        expect(otlp.spans.map(({ name }) => name)).toContain("LangGraph");
        expectLlmSpans(intake, "to-otlp");
      },
    );

    test.for<NodeMajor>([20, 22, 24])(
      "on Node %i with OpenTelemetry sends OTLP with its resource, and nothing to Datadog's tracer's intake",
      async (node, { skip }) => {
        if (absent !== undefined) skip(absent);

        const {
          ended,
          agent: intake,
          otlp,
        } = await run("otel", { node, tracer: 6, job: { SHOP_URL: await shop() } });

        expect(ended).toMatchObject(ANSWER);
        expect(
          otlp.requests.map(({ line, contentType, status }) => `${line} ${contentType} ${status}`),
        ).toEqual(
          expect.arrayContaining([
            "POST /v1/traces application/x-protobuf 200",
            "POST /v1/metrics application/x-protobuf 200",
          ]),
        );
        const resource = {
          "service.name": "otel",
          "service.version": "1.4.2",
          "deployment.environment.name": "prod",
          "deployment.environment": "prod",
          team: "ml",
        };
        expect(otlp.spans.map(({ name }) => name)).toContain("GET");
        for (const record of [...otlp.spans, ...otlp.metrics])
          expect(record.resource).toMatchObject(resource);
        for (const { kind, temporality } of otlp.metrics)
          if (kind === "histogram") expect(temporality).toBe(1);
        expect(otlp.faults).toEqual([]);
        expect(intake.requests).toEqual([]);
        expect(sumOf(intake, "ai.agent.tokens.input")).toBe(240);
      },
    );

    test("with OpenTelemetry and a rate of 0 sends metrics and no trace, and nothing is said where no cloud is asked", async ({
      skip,
    }) => {
      if (absent !== undefined) skip(absent);

      const { ended, otlp } = await run("otel-unsampled", { node: 24, job: { SHOP_URL: await shop() } });

      expect(ended).toEqual({ ...ANSWER, stderr: "" });
      expect(new Set(otlp.requests.map(({ line }) => line))).toEqual(new Set(["POST /v1/metrics"]));
    });

    test("what the job sets itself stays", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const job = { DD_SERVICE: "own", NODE_OPTIONS: "--import=data:text/javascript,console.log(%22own%22)" };
      const { ended, agent: intake } = await run("support", { node: 24, tracer: 6, job });

      expect(ended).toEqual({ ...ANSWER, stdout: `own\n${ANSWER.stdout}`, stderr: "" });
      expect(new Set(intake.spans.map(({ service }) => service))).toEqual(new Set(["own"]));
      expectLlmSpans(intake, "own");
    });
  },
);

function expectLlmSpans({ llmSpans }: AgentIntake, mlApp: string): void {
  const ofKind = (kind: string) => llmSpans.filter((span) => span.kind === kind);
  expect(ofKind("llm").map(({ metrics }) => metrics)).toEqual([TOKENS, TOKENS]);
  expect(ofKind("tool").map(({ name }) => name)).toEqual(["search"]);
  expect(ofKind("workflow").map(({ name }) => name)).toEqual(expect.arrayContaining(["agent", "LangGraph"]));
  for (const { tags } of llmSpans) expect(tags).toContain(`ml_app:${mlApp}`);
}

const TOKENS = { input_tokens: 120, output_tokens: 30, total_tokens: 150 };

function expectApmSpans({ spans }: AgentIntake): void {
  expect(new Set(spans.map(({ name }) => name))).toEqual(new Set(["LangGraph", "langchain.request"]));
  for (const { service, meta } of spans) {
    expect(service).toBe("support");
    expect(meta).toMatchObject({ env: "prod", version: "1.4.2", team: "ml" });
  }
  const root = spans.find(({ name }) => name === "LangGraph");
  // Kept by a rule of the user's.
  expect(root?.metrics).toMatchObject({ "_dd.rule_psr": 1, _sampling_priority_v1: 2 });
}

function sumOf({ metrics }: AgentIntake, name: string): number {
  const values = metrics.filter((line) => line.name === name).flatMap((line) => line.values);
  return values.reduce((sum, value) => sum + value, 0);
}

/** Each metric of one run: its type, the sum of its values, the tags beside those of all. */
const AGENT_METRICS: readonly (readonly [
  name: string,
  type: string,
  sum: number | undefined,
  ...tags: string[],
])[] = [
  ["ai.agent.tasks.started", "c", 1, "task_type:langgraph"],
  ["ai.agent.tasks.completed", "c", 1, "task_type:langgraph", "outcome:success"],
  ["ai.agent.tasks.active", "g", 0],
  ["ai.agent.task.duration", "d", undefined, "task_type:langgraph", "outcome:success"],
  ["ai.agent.task.steps", "d", 3, "task_type:langgraph"],
  ["ai.agent.tokens.input", "d", 240, "model:gpt-4.1-mini", "provider:openai"],
  ["ai.agent.tokens.output", "d", 60, "model:gpt-4.1-mini", "provider:openai"],
  ["ai.agent.tokens", "d", 300, "model:gpt-4.1-mini"],
  // 120 tokens at 0.40 and 30 at 1.60 dollars for a million, twice.
  ["ai.agent.cost", "d", 0.000192, "model:gpt-4.1-mini"],
  ["ai.agent.tool.selected", "c", 1, "tool:search"],
  ["ai.agent.tool.duration", "d", undefined, "tool:search", "outcome:success"],
];

function expectAgentMetrics(intake: AgentIntake): void {
  const lines = intake.metrics.filter(({ name }) => name.startsWith("ai.agent."));
  expect(new Set(lines.map(({ name }) => name))).toEqual(new Set(AGENT_METRICS.map(([name]) => name)));
  for (const [name, type, sum, ...tags] of AGENT_METRICS) {
    const ofName = lines.filter((line) => line.name === name);
    expect(new Set(ofName.map((line) => line.type))).toEqual(new Set([type]));
    for (const line of ofName)
      expect(line.tags).toEqual(expect.arrayContaining(["agent:support", ...UNIFIED, ...tags]));
    if (sum !== undefined) expect(sumOf(intake, name)).toBeCloseTo(sum, 9);
  }
}

/** Where the application's tool looks orders up. */
async function shop(): Promise<string> {
  const server = createServer((_request, response) => void response.end("sent on Monday"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
