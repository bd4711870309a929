import { beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { startLangfuse } from "../fakes/langfuse.ts";
import type { OtlpReceiver } from "../fakes/otlp-receiver.ts";
import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { installWorkloads, type NodeMajor } from "../workloads/install.ts";
import { NO_LOOPBACK, ownAddress, publish, runAgent, type AgentTask, type Published } from "./workload.ts";

const KEYS = { publicKey: "pk-lf-1", secretKey: "sk-lf-1" };
/** What the job takes from its Nomad Variable. */
const JOB = { LANGFUSE_PUBLIC_KEY: KEYS.publicKey, LANGFUSE_SECRET_KEY: KEYS.secretKey };
/** Where the wishes say that Langfuse is. */
const PLACE = { host: ownAddress(), port: 3_000 };

const agent = (instrumentation: object): object => ({
  pack: "ai-agent",
  env: "prod",
  instrumentation: {
    language: "node",
    mode: "hostip",
    inject: true,
    langfuse: { baseUrl: `http://${PLACE.host}:${PLACE.port}` },
    ...instrumentation,
  },
});

const DOCUMENTS = {
  langfuse: agent({ profile: "langfuse" }),
  unsampled: agent({ profile: "langfuse", sampleRate: 0 }),
  both: agent({ profile: "ddtrace" }),
} as const;

const NODE_VERSIONS: readonly NodeMajor[] = [20, 22, 24];
const TRACED: readonly (readonly [node: NodeMajor, tracer: 5 | 6])[] = [
  [20, 5],
  [22, 6],
  [24, 6],
];
const ENDED = { code: 0, signal: null, stdout: "The order is on its way.\n", stderr: "" };

const skipped = consulBinary() === undefined ? NO_CONSUL : NO_LOOPBACK;

describe.skipIf(skipped !== undefined)(
  `an unmodified LangGraph application that is traced to Langfuse${skipped === undefined ? "" : ` (${skipped})`}`,
  () => {
    let published: Published;
    let absent: string | undefined;

    beforeAll(async () => {
      absent = await installWorkloads();
      if (absent === undefined) published = await publish(DOCUMENTS);
    }, 400_000);

    const run = async (service: keyof typeof DOCUMENTS, task: AgentTask) =>
      await runAgent({ job: JOB, ...task, published: published[service]! });

    test.for(NODE_VERSIONS)("on Node %i arrives there, and nowhere else", async (node, { skip }) => {
      if (absent !== undefined) skip(absent);
      const langfuse = await open();

      const { ended, agent: intake, otlp } = await run("langfuse", { node, tracer: node === 20 ? 5 : 6 });

      expect(ended).toEqual(ENDED);
      expectTrace(langfuse);
      expect(intake.requests).toEqual([]);
      expect(otlp.requests).toEqual([]);
    });

    test.for(TRACED)(
      "on Node %i beside dd-trace %i arrives there once, and at Datadog as it would without",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);
        const langfuse = await open();

        const { ended, agent: intake } = await run("both", { node, tracer });

        expect(ended).toEqual(ENDED);
        expectTrace(langfuse);
        expect(new Set(intake.spans.map(({ name }) => name))).toEqual(
          new Set(["LangGraph", "langchain.request"]),
        );
        expect(intake.llmSpans.filter(({ kind }) => kind === "llm")).toHaveLength(2);
        expect(intake.metrics.map(({ name }) => name)).toContain("ai.agent.tokens.input");
      },
    );

    test("with a rate of 0 sends no trace", async ({ skip }) => {
      if (absent !== undefined) skip(absent);
      const langfuse = await open();

      const { ended } = await run("unsampled", { node: 24 });

      expect(ended).toEqual(ENDED);
      expect(langfuse.requests).toEqual([]);
    });

    test.for<[what: string, task: Partial<AgentTask>]>([
      ["without keys", { job: {} }],
      ["without Langfuse's packages", { without: ["@langfuse"] }],
      ["without OpenTelemetry's packages", { without: ["@langfuse", "@opentelemetry"] }],
    ])("%s ends as it would alone, and sends nothing", async ([, task], { skip }) => {
      if (absent !== undefined) skip(absent);
      const langfuse = await open();

      const { ended } = await run("langfuse", { node: 24, ...task });

      expect(ended).toEqual(ENDED);
      expect(langfuse.requests).toEqual([]);
    });

    test("with the keys of another project ends as it would alone, and nothing is kept", async ({ skip }) => {
      if (absent !== undefined) skip(absent);
      const langfuse = await open();

      const { ended } = await run("langfuse", { node: 24, job: { ...JOB, LANGFUSE_SECRET_KEY: "sk-lf-2" } });

      expect({ ...ended, stderr: "" }).toEqual(ENDED);
      expect(new Set(langfuse.requests.map(({ status }) => status))).toEqual(new Set([401]));
      expect(langfuse.spans).toEqual([]);
    });

    test("ends as it would alone while Langfuse is down", async ({ skip }) => {
      if (absent !== undefined) skip(absent);

      const { ended } = await run("langfuse", { node: 24 });

      expect({ ...ended, stderr: "" }).toEqual(ENDED);
    });
  },
);

async function open(): Promise<OtlpReceiver> {
  const langfuse = await startLangfuse({ ...KEYS, ...PLACE });
  onTestFinished(async () => await langfuse.stop());
  return langfuse;
}

/** One trace: the graph, two calls of the model with their tokens, one of the tool. */
function expectTrace({ spans, requests, faults }: OtlpReceiver): void {
  expect(new Set(requests.map(({ status }) => status))).toEqual(new Set([200]));
  expect(faults).toEqual([]);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(spans.filter(({ parentSpanId }) => parentSpanId === "").map(({ name }) => name)).toEqual([
    "LangGraph",
  ]);
  const ofType = (type: string) =>
    spans.filter(({ attributes }) => attributes["langfuse.observation.type"] === type);
  expect(ofType("tool").map(({ name }) => name)).toEqual(["search"]);
  const usage = ofType("generation").map(
    ({ attributes }) => JSON.parse(String(attributes["langfuse.observation.usage_details"])) as unknown,
  );
  expect(usage).toEqual([USAGE, USAGE]);
  for (const { attributes } of spans) expect(attributes["langfuse.environment"]).toBe("prod");
}

const USAGE = { input: 120, output: 30, total: 150 };
