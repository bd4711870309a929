import { z } from "zod";

import { refuseKeys } from "./schema-walk.ts";

/** What a wish's instrumentation means where it says nothing. */
export const INSTRUMENTATION_DEFAULTS = {
  mode: "local",
  inject: false,
  nomadVariable: false,
  whenMissing: "ignore",
  change: "noop",
} as const;

/** The pack whose services are AI agents: for them LLM Observability and agent metrics are on unless the wish says otherwise. */
export const AGENT_PACK = "ai-agent";

/** A name that every shell, Nomad and Consul take as it is. */
const variableName = z.string().regex(/^[A-Z][A-Z0-9_]{1,127}$/, {
  error: "must be the name of an environment variable, such as DD_TRACE_RATE_LIMIT",
});

/** Of a text no error repeats the value. Checked in instrumentation-check.ts. */
const variableValue = z.union([z.boolean(), z.number(), z.string()]);

/** Two or three numbers at most; a text, since 3.10 as a number is 3.1. */
const version = z.string().regex(/^\d{1,4}(?:\.\d{1,4}){0,2}$/, {
  error: 'must be a version in quotes, such as "22" or "3.12"',
});

const KEYS =
  "can't be wished: keys never stand in Consul; put them into a Nomad Variable and name its path in langfuse.keys";

const dollarsPerMillion = z.number().min(0).max(1_000_000);

/** Addresses and paths, of which no error repeats the value: people paste keys into them. Checked in instrumentation-check.ts. */
const unrepeated = z.string();

/** What stands under `instrumentation`: the environment that a workload is given. */
export const instrumentationLayer = z
  .strictObject({
    profile: z.enum(["ddtrace", "otel", "langfuse", "none"]).meta({
      description:
        "What the workload is traced with; one excludes the others. `none` publishes nothing. Without it: `ddtrace` if `inject` is true, else `none`.",
    }),
    language: z.enum(["node", "python"]).meta({ description: "Language of the workload." }),
    runtimeVersion: version.meta({
      description: "Version of the workload's Node or Python; a tracer that needs another one is told of.",
      examples: ["22", "3.12"],
    }),
    mode: z.enum(["local", "hostip", "socket"]).meta({
      description:
        "How the workload reaches the Agent: `local` by 127.0.0.1, `hostip` by the machine's address, `socket` by the sockets in /var/run/datadog.",
      default: INSTRUMENTATION_DEFAULTS.mode,
    }),
    inject: z.boolean().meta({
      description:
        "True: NODE_OPTIONS or PYTHONPATH loads the tracer and the preload without a change of the program. Needs `language`.",
      default: INSTRUMENTATION_DEFAULTS.inject,
    }),
    agentMetrics: z.boolean().meta({
      description: `True: the preload sends the metrics ai.agent.*. Without it: true for the pack ${AGENT_PACK}. Takes effect with \`inject\`.`,
    }),
    sampleRate: z
      .number()
      .min(0)
      .max(1)
      .meta({
        description:
          "Share of the traces that are kept, from 0 to 1. LLM Observability keeps all of them. Without it: as the tracer does.",
        examples: [0.1],
      }),
    llmobs: z.boolean().meta({
      description: `True: LLM Observability is on; false: off, also where another variable would switch it on. Without it: true for the pack ${AGENT_PACK} and profile ddtrace.`,
    }),
    otlp: z
      .strictObject({
        endpoint: unrepeated.meta({
          description: "Where OpenTelemetry sends to. Without it: the Agent's OTLP receiver.",
          examples: ["http://127.0.0.1:4318"],
        }),
        protocol: z.enum(["http/protobuf", "http/json", "grpc"]).meta({
          description: "In which form.",
          default: "http/protobuf",
        }),
      })
      .partial()
      .meta({ description: "OpenTelemetry's exporter. Only with profile otel." }),
    langfuse: refuseKeys(
      z
        .strictObject({
          baseUrl: unrepeated.meta({
            description: "Where Langfuse is.",
            examples: ["https://cloud.langfuse.com"],
          }),
          keys: unrepeated.meta({
            description:
              "Path of the Nomad Variable with the items LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY. Never the keys.",
            examples: ["nomad/jobs/support"],
          }),
        })
        .partial(),
      { publicKey: KEYS, secretKey: KEYS, apiKey: KEYS, public_key: KEYS, secret_key: KEYS },
    ).meta({ description: "Langfuse: alone with profile langfuse, beside the tracer with profile ddtrace." }),
    tracer: z
      .strictObject({
        version: z
          .string()
          .regex(/^\d{1,4}\.\d{1,4}\.\d{1,4}$/, {
            error: "must be one exact version, such as 5.132.0: what is loaded into a workload is pinned",
          })
          .meta({
            description:
              "Version of dd-trace or ddtrace that the workload has. `inject` for Node loads this one and no other.",
            examples: ["5.132.0"],
          }),
        bootstrap: z.string().meta({
          description:
            "Python: the folder ddtrace/bootstrap among the workload's packages, so that `inject` loads the tracer. Without it: the job's command is ddtrace-run.",
          examples: ["/usr/local/lib/python3.12/site-packages/ddtrace/bootstrap"],
        }),
      })
      .partial()
      .meta({ description: "The tracer's library." }),
    prices: z
      .record(
        z.string().regex(/^[^\s"\\\p{Cc}]{1,200}$/u, {
          error: "must be a model's name, without blanks and quotes",
        }),
        z.strictObject({
          input: dollarsPerMillion.meta({ description: "US dollars for a million tokens of input." }),
          output: dollarsPerMillion.meta({ description: "US dollars for a million tokens of output." }),
        }),
      )
      .meta({
        description: "What models cost, by their names; comes before the preload's own table.",
        examples: [{ "gpt-4.1": { input: 2, output: 8 } }],
      }),
    env: z.record(variableName, variableValue).meta({
      description:
        "More variables, by name: only those that the tracers know, and none that holds a secret or sends data elsewhere.",
      examples: [{ DD_TRACE_RATE_LIMIT: 50 }],
    }),
    nomadVariable: z.boolean().meta({
      description: "True: the environment also stands in the job's Nomad Variable, nomad/jobs/<job>.",
      default: INSTRUMENTATION_DEFAULTS.nomadVariable,
    }),
    whenMissing: z.enum(["ignore", "insist"]).meta({
      description:
        "What a task does while nothing is published yet: `ignore` starts without it, `insist` waits.",
      default: INSTRUMENTATION_DEFAULTS.whenMissing,
    }),
    change: z.enum(["noop", "restart"]).meta({
      description:
        "What a running task does when the environment changes: `noop` takes it up at the next deployment, `restart` at once.",
      default: INSTRUMENTATION_DEFAULTS.change,
    }),
  })
  .partial();
export type InstrumentationLayer = z.infer<typeof instrumentationLayer>;

/** What holds for one service, with the defaults filled in. */
export interface Instrumentation extends InstrumentationLayer {
  readonly profile: "ddtrace" | "otel" | "langfuse";
  readonly mode: NonNullable<InstrumentationLayer["mode"]>;
  readonly inject: boolean;
  readonly agentMetrics: boolean;
  readonly nomadVariable: boolean;
  readonly whenMissing: NonNullable<InstrumentationLayer["whenMissing"]>;
  readonly change: NonNullable<InstrumentationLayer["change"]>;
}

/** What the workload of a service is given; undefined if nothing is. @param pack The name of the service's pack. */
export function instrumentationOf(layer: InstrumentationLayer, pack: string): Instrumentation | undefined {
  const profile = layer.profile ?? (layer.inject === true ? "ddtrace" : "none");
  if (profile === "none") return undefined;
  const isAgent = pack === AGENT_PACK;
  const llmobs = layer.llmobs ?? (isAgent && profile === "ddtrace" ? true : undefined);
  return {
    ...layer,
    profile,
    mode: layer.mode ?? INSTRUMENTATION_DEFAULTS.mode,
    inject: layer.inject ?? INSTRUMENTATION_DEFAULTS.inject,
    nomadVariable: layer.nomadVariable ?? INSTRUMENTATION_DEFAULTS.nomadVariable,
    whenMissing: layer.whenMissing ?? INSTRUMENTATION_DEFAULTS.whenMissing,
    change: layer.change ?? INSTRUMENTATION_DEFAULTS.change,
    agentMetrics: layer.agentMetrics ?? isAgent,
    ...(llmobs === undefined ? {} : { llmobs }),
  };
}
