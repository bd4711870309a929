import { beforeAll, describe, expect, test } from "vitest";

import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { installWorkloads, type NodeMajor } from "../workloads/install.ts";
import { NO_LOOPBACK, publish, runAgent, type AgentTask, type Arrived, type Published } from "./workload.ts";

const agent = (instrumentation: object): object => ({
  pack: "ai-agent",
  env: "prod",
  instrumentation: { language: "node", mode: "hostip", inject: true, ...instrumentation },
});

const DOCUMENTS = {
  support: agent({}),
  pinned: agent({ tracer: { version: "6.21.0" } }),
  // What else the tracer tells the Agent would hold the end up as well, for a minute longer.
  terse: agent({
    env: { DD_INSTRUMENTATION_TELEMETRY_ENABLED: false, DD_REMOTE_CONFIGURATION_ENABLED: false },
  }),
  otel: agent({ profile: "otel" }),
} as const;

const TRACED: readonly (readonly [node: NodeMajor, tracer: 5 | 6])[] = [
  [20, 5],
  [22, 6],
  [24, 6],
];
const NODE_VERSIONS: readonly NodeMajor[] = [20, 22, 24];

const skipped = consulBinary() === undefined ? NO_CONSUL : NO_LOOPBACK;

describe.skipIf(skipped !== undefined)(
  `an unmodified LangGraph application amid trouble${skipped === undefined ? "" : ` (${skipped})`}`,
  () => {
    let published: Published;
    let absent: string | undefined;
    /** How it ends where dd-observe has no part in it, by version of Node. */
    const alone = new Map<NodeMajor, Arrived["ended"]>();

    beforeAll(async () => {
      absent = await installWorkloads();
      if (absent !== undefined) return;
      published = await publish(DOCUMENTS);
      for (const node of NODE_VERSIONS) alone.set(node, (await runAgent({ node, args: ARGS })).ended);
    }, 400_000);

    const run = async (service: keyof typeof DOCUMENTS, task: AgentTask): Promise<Arrived> =>
      await runAgent({ args: ARGS, ...task, published: published[service]! });

    test.for(NODE_VERSIONS)(
      "on Node %i without the tracer's package runs as it would alone",
      async (node, { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run("support", { node });

        expect(ended).toEqual(alone.get(node));
        expect(ended.code).toBe(0);
        expect(intake.requests).toEqual([]);
        expectAgentMetrics(intake);
      },
    );

    test("on Node 20 with dd-trace 6, which needs Node 22, runs as it would alone, untraced", async ({
      skip,
    }) => {
      if (absent !== undefined) skip(absent);

      const { ended, agent: intake } = await run("support", { node: 20, tracer: 6 });

      expect(ended).toEqual(alone.get(20));
      expect(intake.requests).toEqual([]);
      expectAgentMetrics(intake);
    });

    test("with another version of the tracer than the pinned one runs as it would alone, untraced", async ({
      skip,
    }) => {
      if (absent !== undefined) skip(absent);

      const [other, same] = [
        await run("pinned", { node: 24, tracer: 5 }),
        await run("pinned", { node: 24, tracer: 6 }),
      ];

      expect(other.ended).toEqual(alone.get(24));
      expect(other.agent.requests).toEqual([]);
      expect(same.ended).toEqual(alone.get(24));
      expect(same.agent.requests).toContain("PUT /v0.4/traces");
    });

    test.for(TRACED)(
      "on Node %i with dd-trace %i and an Agent without evp_proxy is traced in APM alone",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run("support", { node, tracer, agent: { evpProxy: false } });

        expect({ ...ended, stderr: "" }).toEqual(alone.get(node));
        expect(intake.spans.map(({ name }) => name)).toContain("LangGraph");
        expect(intake.requests.filter((line) => line.includes("evp_proxy"))).toEqual([]);
        expect(intake.llmSpans).toEqual([]);
        expectAgentMetrics(intake);
      },
    );

    test.for(TRACED)(
      "on Node %i with dd-trace %i ends as it would alone while the Agent is down",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended } = await run("support", { node, tracer, agent: "down" });

        expect({ ...ended, stderr: "" }).toEqual(alone.get(node));
      },
    );

    // Together, since they do little else than wait: the tracer gives each of its requests two seconds before it gives up.
    test.concurrent.for(TRACED)(
      "on Node %i with dd-trace %i ends as it would alone beside an Agent that never answers",
      async ([node, tracer], { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake } = await run("terse", { node, tracer, agent: { hangs: true } });

        expect({ ...ended, stderr: "" }).toEqual(alone.get(node));
        expect(intake.requests).toContain("PUT /v0.4/traces");
        expectAgentMetrics(intake);
      },
    );

    test.for(NODE_VERSIONS)(
      "on Node %i without OpenTelemetry's packages runs as it would alone",
      async (node, { skip }) => {
        if (absent !== undefined) skip(absent);

        const { ended, agent: intake, otlp } = await run("otel", { node, without: ["@opentelemetry"] });

        expect(ended).toEqual(alone.get(node));
        expect(otlp.requests).toEqual([]);
        expectAgentMetrics(intake);
      },
    );
  },
);

/** Two tasks, of which each calls its tool once. */
const ARGS = ["--runs", "2"];

/** The preload needs neither tracer nor intake of traces. */
function expectAgentMetrics({ metrics }: Arrived["agent"]): void {
  const started = metrics.filter(({ name }) => name === "ai.agent.tasks.started");
  expect(started.flatMap(({ values }) => values).reduce((sum, value) => sum + value, 0)).toBe(2);
}
