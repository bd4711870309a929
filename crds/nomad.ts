import { isIP } from "node:net";

import { z } from "zod";

import { refusedAddress } from "./address.ts";
import { duration, parseDuration } from "./duration.ts";
import { freezeWindow, type FreezeWindow } from "./freeze.ts";
import type { GlobalFrame } from "./global.ts";
import { harmless } from "./names.ts";
import type { Telemetry } from "./nomad-telemetry.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import { wishLayer } from "./wish.ts";

/** The only name of a document for Nomad. */
export const NOMAD_DOCUMENT = "_nomad";

/** A length of time as Go writes it: Nomad knows no days. */
const goDuration = z.string().regex(/^(?:[1-9]\d{0,5}(?:ms|s|m|h))+$/, {
  error: "must be a length of time as Nomad reads it, such as 10s or 1m30s",
});

/**
 * Nomad resolves the address when it starts and ends if it can't: a name, which a resolver that
 * is down can't tell, would keep it from starting.
 */
const datadogAddress = z.string().refine(isDogstatsdAddress, {
  error:
    "must be an IP address with a port (127.0.0.1:8125), localhost with a port, or a socket (unix:///var/run/datadog/dsd.socket): Nomad doesn't start with a name that it can't resolve",
});

const metricPrefix = harmless(
  z.string().regex(/^[+-][A-Za-z0-9_.*-]{1,200}$/, {
    error: "must begin with + (keep) or - (drop), such as -nomad.raft: Nomad doesn't start otherwise",
  }),
);

const metadataKey = harmless(
  z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/, { error: "must be a key of a job's meta, such as owner" }),
);

/** Settings as Nomad has them, in our spelling; which version knows which says `TELEMETRY_SETTINGS`. */
export const telemetryLayer = z
  .strictObject({
    publishAllocationMetrics: z.boolean().meta({
      description: "Metrics of each allocation: memory, CPU. Every client needs it for figures by job.",
      default: true,
    }),
    publishNodeMetrics: z
      .boolean()
      .meta({ description: "Metrics of the machine that a client runs on.", default: true }),
    prometheusMetrics: z.boolean().meta({
      description: "Serves `/v1/metrics?format=prometheus`, which the pack `nomad` reads.",
      default: true,
    }),
    collectionInterval: goDuration.meta({
      description: "How often the figures are taken.",
      default: "10s",
    }),
    datadogAddress: datadogAddress.meta({
      description:
        "Where Nomad sends its metrics by itself: the Agent's DogStatsD. Only where no Agent reads them (`agent: {source: dogstatsd}` of the pack `nomad`), or they are counted twice.",
      examples: ["127.0.0.1:8125", "unix:///var/run/datadog/dsd.socket"],
    }),
    service: wishLayer.shape.env.unwrap().meta({
      description:
        "The tag `service` of what Nomad sends by itself: the name of the service whose monitors shall find it.",
      default: "nomad",
    }),
    prefixFilter: z
      .array(metricPrefix)
      .max(100)
      .meta({
        description: "Which metrics are kept (+) and dropped (-), by how their names begin.",
        examples: [["-nomad.raft", "+nomad.raft.apply"]],
      }),
    filterDefault: z.boolean().meta({
      description: "What happens to a metric that no prefix names: kept (true) or dropped.",
      default: true,
    }),
    disableHostname: z.boolean().meta({
      description: "No label or name of the host on the metrics: the Agent says which host it is.",
      default: true,
    }),
    useNodeName: z
      .boolean()
      .meta({ description: "The node's name in place of the host's on the metrics.", default: false }),
    disableDispatchedJobSummaryMetrics: z.boolean().meta({
      description: "No summaries of dispatched jobs: each of them would be series of its own.",
      default: false,
    }),
    disableRpcRateMetricsLabels: z.boolean().meta({
      description: "No label of who asked on the rates of RPCs. Nomad 1.5.0 and newer.",
      default: false,
    }),
    inMemoryCollectionInterval: goDuration.meta({
      description: "How often the figures of `/v1/metrics` in JSON are taken. Nomad 1.7.7 and newer.",
    }),
    inMemoryRetentionPeriod: goDuration.meta({
      description: "How long they are kept. Nomad 1.7.7 and newer.",
    }),
    disableQuotaUtilizationMetrics: z.boolean().meta({
      description: "No metrics of how far quotas are used (Enterprise). Nomad 1.8.1 and newer.",
      default: false,
    }),
    includeAllocMetadataInMetrics: z.boolean().meta({
      description:
        "The job's and the allocation's meta as labels: more series, and more to ask by. Nomad 1.9.0 and newer.",
      default: false,
    }),
    allowedMetadataKeysInMetrics: z
      .array(metadataKey)
      .max(50)
      .meta({
        description: "Which keys of meta become labels. Without it: all. Nomad 1.9.0 and newer.",
        examples: [["owner", "tier"]],
      }),
    disableAllocationHookMetrics: z.boolean().meta({
      description: "No metrics of the hooks of allocations. Nomad 1.9.4 and newer.",
      default: false,
    }),
  })
  .partial()
  .superRefine((telemetry, context) => {
    for (const [path, message] of faultsOf(telemetry))
      context.addIssue({ code: "custom", path: [path], message, input: telemetry[path] });
  });
export type TelemetryLayer = z.infer<typeof telemetryLayer>;

/** How a changed telemetry takes effect: Nomad reads it at a start only. */
const restartRules = z
  .strictObject({
    order: z.enum(["servers-first", "clients-first", "by-name"]).meta({
      description: "Which agents are restarted first.",
      default: "servers-first",
    }),
    windows: z
      .array(freezeWindow)
      .min(1)
      .max(20)
      .meta({
        description: "Times in which a restart may begin. Without it: at any time.",
        examples: [[{ days: ["sat", "sun"], from: "02:00", to: "05:00", timezone: "Europe/Berlin" }]],
      }),
    approve: z.boolean().meta({
      description: "True: nothing is restarted before a person approves it (`dd-observe approve`).",
      default: false,
    }),
    comeBack: duration.meta({
      description: "How long an agent may take to answer again before it counts as failed.",
      default: "5m",
    }),
    settle: duration.meta({
      description: "How long the cluster and the allocations may take to be healthy again.",
      default: "10m",
    }),
  })
  .partial();

export const restartLayer = z.union([z.enum(["never", "rolling"]), restartRules]);

/** What a document says of restarts, with everything filled in. */
export interface RestartRules {
  readonly order: "servers-first" | "clients-first" | "by-name";
  readonly windows: readonly FreezeWindow[];
  readonly approve: boolean;
  readonly comeBackMs: number;
  readonly settleMs: number;
}

/** @returns undefined if nothing is to be restarted. A mapping means `rolling`. */
export function restartRulesOf(restart: z.infer<typeof restartLayer>): RestartRules | undefined {
  if (restart === "never") return undefined;
  const { order, windows, approve, comeBack, settle } = restart === "rolling" ? {} : restart;
  return {
    order: order ?? "servers-first",
    windows: windows ?? [],
    approve: approve ?? false,
    comeBackMs: parseDuration(comeBack ?? "5m")!,
    settleMs: parseDuration(settle ?? "10m")!,
  };
}

const { env, team, tags, drift, freeze, deletion, paused } = wishLayer.shape;

/** `observability/_nomad`: the telemetry of every Nomad agent. */
export const nomadLayer = z.strictObject({
  telemetry: telemetryLayer.optional().meta({
    description: "What stands in Nomad's `telemetry` block. Without it: the defaults below.",
  }),
  restart: restartLayer.optional().meta({
    description:
      "Whether agents are restarted when their telemetry changes, which takes effect at a start only: never, rolling (one at a time), or a mapping with the rules of a rolling restart.",
    default: "never",
  }),
  env,
  team: team.meta({ description: "Team that owns Nomad; becomes the tag `team` of what Nomad sends." }),
  tags: tags.meta({
    description:
      "More tags on what Nomad sends. Joined with inherited ones; the same key replaces the inherited value.",
  }),
  drift,
  freeze,
  deletion: deletion.meta({
    description: "What happens to the files when the document goes: deleted after the grace period, or left.",
  }),
  paused: paused.meta({
    description: "True: the files are neither written nor deleted until it is false again.",
  }),
});

/** What `observability/_nomad` wants, checked and complete. */
export interface NomadWish extends GlobalFrame {
  readonly kind: "nomad";
  readonly nomad: {
    readonly telemetry: TelemetryLayer;
    readonly restart: z.infer<typeof restartLayer>;
  };
}

const DEFAULTS = {
  publishAllocationMetrics: true,
  publishNodeMetrics: true,
  prometheusMetrics: true,
  collectionInterval: "10s",
  disableHostname: true,
} as const satisfies TelemetryLayer;

/**
 * The settings that a wish comes to. Nomad's own defaults are left out, so that they don't stand against other files.
 *
 * @param tagsOf All tags of the service that Nomad's own metrics belong to.
 */
export function telemetryOf(
  { nomad: { telemetry } }: NomadWish,
  tagsOf: (service: string) => readonly string[],
): Telemetry {
  const { service = "nomad", ...stated } = telemetry;
  const settings = { ...DEFAULTS, ...stated };
  if (settings.datadogAddress === undefined) return settings;
  return { ...settings, datadogTags: tagsOf(service) };
}

/** What the operator's policy forbids. */
export function checkNomad({ key }: NomadWish, policy: Policy): readonly Problem[] {
  if (policy.nomadTelemetry) return [];
  const message = "Nomad's telemetry is not a matter of documents by the operator's policy (nomadTelemetry)";
  return [{ owner: key, reason: "NotAllowed", message }];
}

type Fault = readonly [path: keyof TelemetryLayer, message: string];

/** Nomad ends at its start if figures were to be kept for less than one interval, whose default is 10 s and 1 m. */
function faultsOf({
  inMemoryCollectionInterval: interval = "10s",
  inMemoryRetentionPeriod: period = "1m",
}: TelemetryLayer): readonly Fault[] {
  const isTooLong = goMs(interval) > goMs(period);
  return isTooLong
    ? [["inMemoryCollectionInterval", `must not be longer than inMemoryRetentionPeriod (${period})`]]
    : [];
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function goMs(text: string): number {
  const parts = text.matchAll(/(\d+)(ms|s|m|h)/g);
  return [...parts].reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit!]!, 0);
}

function isDogstatsdAddress(text: string): boolean {
  if (/^unix:\/\/\/[A-Za-z0-9_./-]{1,100}$/.test(text)) return !text.includes("..");
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+|localhost)):(\d{1,5})$/i.exec(text);
  if (match === null) return false;
  const [, v6, v4 = "", port] = match;
  const isAddress = v4 === "localhost" || isIP(v6 ?? v4) === (v6 === undefined ? 4 : 6);
  const isHost = v4 === "localhost" || refusedAddress(v6 ?? v4, []) === undefined;
  return isAddress && isHost && Number(port) >= 1 && Number(port) <= 65_535;
}
