import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import type { AgentIntake, AgentIntakeOptions } from "../fakes/agent-intake.ts";
import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { NO_PYTHON, pythonBinary } from "../servers/python.ts";
import { installPython } from "../workloads/install-python.ts";
import { WORKLOADS } from "../workloads/install.ts";
import { NO_LOOPBACK, onMachine, publish, runTask, type Arrived, type Published } from "./workload.ts";

const ANSWER = { code: 0, signal: null, stdout: "Order 42 was sent yesterday.\n", stderr: "" };

const documentsFor = (bootstrap: string) => {
  const agent = (instrumentation: object, pack = "ai-agent"): object => ({
    pack,
    env: "prod",
    team: "ml",
    instrumentation: {
      profile: "ddtrace",
      language: "python",
      mode: "hostip",
      inject: true,
      tracer: { bootstrap },
      ...instrumentation,
    },
  });
  return {
    support: agent({ sampleRate: 1, env: { DD_VERSION: "1.4.2" } }),
    unsampled: agent({ sampleRate: 0 }),
    "without-llmobs": agent({ llmobs: false, env: { DD_LLMOBS_ML_APP: "shop" } }),
    "by-ml-app": agent({ env: { DD_LLMOBS_ML_APP: "shop" } }, "generic"),
    "without-apm": agent({ env: { DD_APM_TRACING_ENABLED: false } }),
    "to-otlp": agent({ env: { OTEL_TRACES_EXPORTER: "otlp" } }),
    "without-tracer": agent({ tracer: { bootstrap: "/nowhere/ddtrace/bootstrap" } }),
  };
};
type Service = keyof ReturnType<typeof documentsFor>;

const UNIFIED = ["service:support", "env:prod", "version:1.4.2", "team:ml"];

const python = pythonBinary();
const skipped = python === undefined ? NO_PYTHON : consulBinary() === undefined ? NO_CONSUL : NO_LOOPBACK;

describe.skipIf(skipped !== undefined)(
  `an unmodified LangGraph application in Python with what is published${skipped === undefined ? "" : ` (${skipped})`}`,
  () => {
    let published: Published;
    let program = "";
    let absent: string | undefined;

    beforeAll(async () => {
      const installed = await installPython(python!);
      if (typeof installed === "string") {
        absent = installed;
        return;
      }
      program = join(installed.bin, "python");
      published = await publish(documentsFor(installed.bootstrap));
    }, 400_000);

    const run = async (service: Service, agent?: AgentIntakeOptions | "down"): Promise<Arrived> => {
      const folder = mkdtempSync(join(tmpdir(), "dd-observe-agent-"));
      const command = [program, join(WORKLOADS, "python", "agent.py")];
      const task = { command, folder, published: published[service]! };
      try {
        return await onMachine(agent, async (nodeIp) => await runTask({ ...task, nodeIp }));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    };

    test("arrives in LLM Observability, APM and as metrics of an agent", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const { ended, agent: intake } = await run("support");

      expect(ended).toEqual(ANSWER);
      expectLlmSpans(intake, "support");
      for (const { tags } of intake.llmSpans) expect(tags).toEqual(expect.arrayContaining(UNIFIED));
      expect(new Set(intake.spans.map(({ name }) => name))).toEqual(
        new Set(["langgraph.request", "langchain.request"]),
      );
      for (const { service, meta } of intake.spans) {
        expect(service).toBe("support");
        expect(meta).toMatchObject({ env: "prod", version: "1.4.2", team: "ml" });
      }
      // Kept by a rule of the user's.
      expect(intake.spans[0]?.metrics).toMatchObject({ "_dd.rule_psr": 1, _sampling_priority_v1: 2 });
      expectAgentMetrics(intake);
      const tokens = intake.metrics.find(({ name }) => name === "ai.agent.tokens.input");
      expect(tokens?.tags).toEqual(
        expect.arrayContaining([...UNIFIED, "model:gpt-4o-mini", "provider:openai"]),
      );
      expect(intake.faults).toEqual([]);
    });

    test("with a rate of 0, APM drops the trace and LLM Observability keeps it", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const { ended, agent: intake } = await run("unsampled");

      expect(ended).toEqual(ANSWER);
      expect(intake.spans[0]?.metrics).toMatchObject({ "_dd.rule_psr": 0, _sampling_priority_v1: -1 });
      expectLlmSpans(intake, "unsampled");
    });

    test.for<Service>(["without-llmobs", "by-ml-app"])(
      "with DD_LLMOBS_ML_APP and without llmobs: true is in APM alone (%s)",
      async (service, { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run(service);

        expect(ended).toEqual(ANSWER);
        expect(intake.spans.map(({ name }) => name)).toContain("langgraph.request");
        expect(intake.requests.filter((line) => line.includes("evp_proxy"))).toEqual([]);
        expect(intake.llmSpans).toEqual([]);
      },
    );

    test("is in LLM Observability without APM", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const { ended, agent: intake } = await run("without-apm");

      expect(ended).toEqual(ANSWER);
      expectLlmSpans(intake, "without-apm");
      expect(intake.spans).toEqual([]);
    });

    test("sends its traces to OTLP by OTEL_TRACES_EXPORTER, and LLM Observability's data along with them", async ({
      skip,
    }) => {
      if (absent !== undefined) skip(absent);

      const { ended, agent: intake, otlp } = await run("to-otlp");

      expect(ended).toEqual(ANSWER);
      expect(otlp.requests).toEqual([
        { line: "POST /v1/traces", contentType: "application/x-protobuf", status: 200 },
      ]);
      for (const { attributes } of otlp.spans) expect(Object.keys(attributes)).toContain("_llmobs");
      expect(otlp.spans).not.toEqual([]);
      expect(intake.spans).toEqual([]);
      expect(intake.llmSpans).toEqual([]);
    });

    test("without the tracer runs as it would alone, and sends the metrics of an agent", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const { ended, agent: intake } = await run("without-tracer");

      expect(ended).toEqual(ANSWER);
      expect(intake.requests).toEqual([]);
      expectAgentMetrics(intake);
    });

    test("ends as it would alone while the Agent is down", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const { ended } = await run("support", "down");

      expect({ ...ended, stderr: "" }).toEqual(ANSWER);
    });

    test("is traced in APM alone with an Agent without evp_proxy", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const { ended, agent: intake } = await run("support", { evpProxy: false });

      expect({ ...ended, stderr: "" }).toEqual(ANSWER);
      expect(intake.spans.map(({ name }) => name)).toContain("langgraph.request");
      expect(intake.llmSpans).toEqual([]);
      expectAgentMetrics(intake);
    });
  },
);

const TOKENS = { input_tokens: 100, output_tokens: 20, total_tokens: 120 };

function expectLlmSpans({ llmSpans }: AgentIntake, mlApp: string): void {
  const ofKind = (kind: string) => llmSpans.filter((span) => span.kind === kind);
  expect(ofKind("llm").map(({ metrics }) => metrics)).toEqual([TOKENS, TOKENS]);
  expect(ofKind("tool").map(({ name }) => name)).toEqual(["order_status"]);
  expect(ofKind("agent").map(({ name }) => name)).toEqual(["support"]);
  for (const { tags } of llmSpans) expect(tags).toContain(`ml_app:${mlApp}`);
}

function expectAgentMetrics({ metrics }: AgentIntake): void {
  const sumOf = (name: string) =>
    metrics
      .filter((line) => line.name === name)
      .flatMap(({ values }) => values)
      .reduce((sum, value) => sum + value, 0);
  expect(sumOf("ai.agent.tasks.completed")).toBe(1);
  expect(sumOf("ai.agent.tokens.input")).toBe(200);
  expect(sumOf("ai.agent.tool.selected")).toBe(1);
}
