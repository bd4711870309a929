import { z } from "zod";

import { needs } from "./condition.ts";
import { driftLayer } from "./drift.ts";
import { tag } from "./names.ts";

export const SLO_TYPES = ["metric", "monitor", "time-slice"] as const;
export const SLO_TIMEFRAMES = ["7d", "30d", "90d"] as const;

/** What holds where an SLO says nothing. */
export const SLO_DEFAULTS = { timeframe: "30d", comparator: ">", queryIntervalSeconds: 300 } as const;

/** A monitor's name within the service, `<service>/<name>`, or `_monitors/<name>`. */
export const monitorName = z
  .string()
  .regex(/^(?:(?:[A-Za-z0-9][A-Za-z0-9._-]{0,99}|_monitors)\/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
    error: "must be a monitor's name: one of this service, <service>/<name>, or _monitors/<name>",
  });

const percent = z.number().gt(0).lt(100);
const query = z.string().min(1).max(4_000);
const timeframe = z.enum(SLO_TIMEFRAMES);

const FIELDS = {
  type: z.enum(SLO_TYPES).meta({
    description:
      "What is measured: the ratio of two metric queries (metric), the time in which monitors are OK (monitor), or the time in which a query keeps a threshold (time-slice). Only for an SLO of your own.",
  }),
  name: z
    .string()
    .min(1)
    .max(200)
    .meta({
      description: "Title of the SLO, without the service's name, which dd-observe puts before it.",
      examples: ["Requests without an error"],
    }),
  description: z.string().max(4_000).meta({ description: "What the SLO means, in Markdown." }),
  target: percent.meta({ description: "Percentage to be reached.", examples: [99.9] }),
  warning: percent.meta({
    description: "Percentage below which it warns; above the target.",
    examples: [99.95],
  }),
  timeframe: timeframe.meta({
    description: "Over which time the target holds.",
    default: SLO_DEFAULTS.timeframe,
  }),
  thresholds: z
    .array(
      z.strictObject({
        timeframe: timeframe.meta({ description: "Over which time the target holds." }),
        target: percent.meta({ description: "Percentage to be reached." }),
        warning: percent
          .optional()
          .meta({ description: "Percentage below which it warns; above the target." }),
      }),
    )
    .min(1)
    .max(3)
    .meta({
      description: "Targets over several times, instead of `target`, `warning` and `timeframe`.",
      examples: [
        [
          { timeframe: "7d", target: 99 },
          { timeframe: "30d", target: 99.5 },
        ],
      ],
    }),
  numerator: query.meta({
    description: "Type metric: query that counts what was good. ${scope} stands for the service's own tags.",
    examples: ["sum:trace.http.request.hits{${scope},!http.status_class:5xx}.as_count()"],
  }),
  denominator: query.meta({ description: "Type metric: query that counts everything." }),
  monitors: z
    .array(monitorName)
    .min(1)
    .max(20)
    .meta({
      description:
        "Type monitor: names of the monitors. A name of this service's, `<service>/<name>`, or `_monitors/<name>`.",
      examples: [["endpoint-down", "checkout/latency"]],
    }),
  groups: z
    .array(z.string().min(1).max(200))
    .max(20)
    .meta({
      description: "Type monitor, with one monitor that has groups: the groups that count. Without it: all.",
      examples: [["env:production"]],
    }),
  query: query.meta({
    description: "Type time-slice: the metric query. ${scope} stands for the service's own tags.",
  }),
  queries: z
    .record(
      z.string().regex(/^[a-z][a-z0-9_]{0,49}$/, {
        error: "must be a name of lower-case letters, digits and underscores",
      }),
      query,
    )
    .meta({
      description: "Type time-slice: several metric queries by name, which `formula` puts together.",
    }),
  formula: z
    .string()
    .min(1)
    .max(1_000)
    .meta({
      description: "Type time-slice: how `queries` make one value.",
      examples: ["errors / hits"],
    }),
  comparator: z.enum([">", ">=", "<", "<="]).meta({
    description: "Type time-slice: how the value must stand to `threshold`.",
    default: SLO_DEFAULTS.comparator,
  }),
  threshold: z.number().meta({ description: "Type time-slice: what the value is held against." }),
  queryIntervalSeconds: z.union([z.literal(60), z.literal(300)]).meta({
    description: "Type time-slice: length of a slice in seconds.",
    default: SLO_DEFAULTS.queryIntervalSeconds,
  }),
  tags: z.array(tag).max(20).meta({ description: "More tags on the SLO." }),
  drift: driftLayer,
};

/** What stands under `slos.<name>`: tunes one of the pack's, or defines one. Which of the two is decided by the pack. */
export const sloLayer = z.strictObject(FIELDS).partial();
export type SloLayer = z.infer<typeof sloLayer>;

/** Fields that a wish can't change on a pack's SLO: they say what it is. */
export const FIXED_SLO_FIELDS = [
  "type",
  "numerator",
  "denominator",
  "monitors",
  "query",
  "queries",
  "formula",
] as const satisfies readonly (keyof SloLayer)[];

/** An SLO as a pack brings it: `packs/<name>/slos.yaml`. */
export const packSlo = z.strictObject({
  ...sloLayer.omit({ drift: true }).shape,
  name: FIELDS.name,
  type: FIELDS.type,
  summary: z
    .string()
    .min(1)
    .max(500)
    .meta({ description: "What the SLO promises, in one or two sentences." }),
  needs: needs.optional().meta({
    description:
      "What must hold of the pack's options, or else the metric isn't there and the SLO is left out: name, !name, name=value, name!=value, or a list of those.",
  }),
  default: z
    .boolean()
    .optional()
    .meta({ description: "False if the SLO is made only when a document names it." }),
  source: z.string().optional().meta({ description: "Where the queries and their metrics come from." }),
});
export type PackSlo = z.infer<typeof packSlo>;

/** Puts a document's tuning over a pack's SLO. Whichever way the document states its targets replaces the pack's way. */
export function tunedSlo(pack: PackSlo, tuning: SloLayer): SloLayer {
  const { summary, needs: _needs, default: _default, source: _source, ...definition } = pack;
  const single: SloLayer = { description: summary, ...definition };
  if (tuning.thresholds !== undefined) {
    const { target: _target, warning: _warning, timeframe: _timeframe, ...rest } = single;
    return { ...rest, ...tuning };
  }
  const isSingle = (["target", "warning", "timeframe"] as const).some((name) => tuning[name] !== undefined);
  if (!isSingle) return { ...single, ...tuning };
  const { thresholds, warning, ...rest } = single;
  const [first] = thresholds ?? [];
  const kept = tuning.target === undefined ? (warning ?? first?.warning) : warning;
  // Whoever lifts the target above the pack's warning doesn't have to know that there was one.
  const target = tuning.target ?? rest.target ?? first?.target;
  const isKept = kept !== undefined && target !== undefined && kept > target;
  return {
    ...rest,
    ...(target === undefined ? {} : { target }),
    ...(isKept ? { warning: kept } : {}),
    ...(first === undefined ? {} : { timeframe: first.timeframe }),
    ...tuning,
  };
}

export interface SloThreshold {
  readonly timeframe: (typeof SLO_TIMEFRAMES)[number];
  readonly target: number;
  readonly warning?: number | undefined;
}

/** The targets of an SLO, whichever way they are stated. Empty if there are none. */
export function sloThresholds(slo: SloLayer): readonly SloThreshold[] {
  if (slo.thresholds !== undefined) return slo.thresholds;
  if (slo.target === undefined) return [];
  const { target, warning, timeframe: over = SLO_DEFAULTS.timeframe } = slo;
  return [{ timeframe: over, target, ...(warning === undefined ? {} : { warning }) }];
}
