import { z } from "zod";

import { needs, type Needs } from "./condition.ts";

/** How Datadog stores a metric. */
export const STORED_TYPES = ["gauge", "count", "rate", "distribution"] as const;
export type StoredType = (typeof STORED_TYPES)[number];

/** What one entry can stand for: a stored metric, or several that come of one at the source. */
const METRIC_TYPES = [...STORED_TYPES, "histogram", "summary", "timer"] as const;
type MetricType = (typeof METRIC_TYPES)[number];

/** `${option.namespace}` may stand for a part of a name. */
const PART = String.raw`(?:[A-Za-z0-9_]+|\$\{option\.[a-z][A-Za-z0-9]*\})`;

/** A metric's name as Datadog shows it, with placeholders where an option decides. */
export const metricName = z
  .string()
  .max(200)
  .regex(new RegExp(String.raw`^(?=[A-Za-z$])${PART}(?:\.${PART})*$`), {
    error: "must be a metric's name as Datadog shows it, such as ray.cluster.active_nodes",
  });

const tagKey = z.string().regex(/^[a-z][a-z0-9_./-]{0,99}$/, {
  error: "must be a tag's key as Datadog shows it, in lower case",
});

/** How one knows: seen on a live system, read in its source, read in its documentation, or not at all. */
const verified = z.enum(["live", "source", "documentation", "unverified"]);

const packMetric = z.strictObject({
  type: z.enum(METRIC_TYPES).meta({
    description:
      "As Datadog stores it (gauge, count, rate, distribution), or what stands for several names: histogram (.bucket, .sum, .count), summary (.quantile, .sum, .count) or timer (.avg, .median, .max, .95percentile, .count).",
  }),
  unit: z
    .string()
    .regex(/^[a-z][a-z_ ]{0,49}$/, { error: "must be one of Datadog's units, such as byte or millisecond" })
    .optional()
    .meta({ description: "Datadog's name of the unit, such as byte, percent, fraction or millisecond." }),
  per: z.string().min(1).max(50).optional().meta({ description: "Unit of time, if it is a rate: second." }),
  tags: z.array(tagKey).default([]).meta({
    description: "Tags that tell its series apart, besides those that all series of a service have.",
  }),
  exposed: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .meta({ description: "Its name at the source: the family without _total, or the statsd name." }),
  placement: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: "Which instance sends it, if not each one: head, leader, or any text." }),
  needs: needs.optional(),
  since: z.string().min(1).optional().meta({ description: "First version of the system that has it." }),
  verified: verified.meta({ description: "How one knows that it is so." }),
  source: z.string().min(1).optional().meta({ description: "What it rests on, if not on `from`." }),
  description: z.string().min(1).max(500).meta({ description: "What it counts, in one sentence." }),
});
export type PackMetric = z.infer<typeof packMetric>;

const askedMetric = z.strictObject({
  answer: z.enum(["same", "renamed", "derived", "poll", "none"]).meta({
    description:
      "Whether the name is a real one, has another name, follows from others, is there by a poll, or can't be had.",
  }),
  metrics: z.array(metricName).default([]).meta({ description: "The real ones, by their names in Datadog." }),
  instead: z.string().min(1).max(1_000).optional().meta({
    description:
      "Query that takes its place, for `lint`: <a> stands for the space aggregator, <s> for scope and groups. Without it nothing means the same.",
  }),
  tag: z
    .string()
    .regex(/^[a-z][a-z0-9_./-]*:[^\s,{}]+$/)
    .optional()
    .meta({ description: "Tag that narrows the real one to what is asked for, such as state:running." }),
  aggregator: z
    .enum(["avg", "sum", "min", "max"])
    .optional()
    .meta({ description: "Space aggregator that the real one needs, whatever stood there." }),
  note: z
    .string()
    .min(1)
    .max(600)
    .optional()
    .meta({ description: "What one has to know, in a sentence or two." }),
});
export type AskedMetric = z.infer<typeof askedMetric>;

/** `packs/<name>/metrics.yaml`: the one table of what a system sends. */
export const packMetrics = z.strictObject({
  from: z
    .string()
    .min(1)
    .optional()
    .meta({ description: "What the entries rest on that name no source of their own." }),
  metrics: z.record(metricName, packMetric).default({}),
  others: z
    .partialRecord(z.enum(METRIC_TYPES), z.array(metricName))
    .default({})
    .meta({ description: "Names of what is sent as well, by type. `lint` and `explain metric` know them." }),
  asked: z
    .record(metricName, askedMetric)
    .default({})
    .meta({ description: "Names that people commonly ask for, and what is really there." }),
});
export type PackMetrics = z.infer<typeof packMetrics>;

/** One name that Datadog has, after an entry is expanded. */
export interface SentMetric {
  readonly name: string;
  readonly type: StoredType;
  readonly unit?: string | undefined;
  readonly per?: string | undefined;
  readonly tags: readonly string[];
  readonly needs?: Needs | undefined;
  /** The entry that it comes of. Absent of one of `others`. */
  readonly entry?: PackMetric;
}

interface Part {
  readonly suffix: string;
  readonly type: StoredType;
  /** True if it is measured in the entry's unit; else it is a number of observations. */
  readonly hasUnit: boolean;
  readonly tags?: readonly string[];
}

/**
 * What comes of a metric that is several. The first two are named by the Agent's OpenMetrics checks,
 * the last by DogStatsD with the Agent's default aggregates.
 *
 * @see https://docs.datadoghq.com/integrations/guide/prometheus-metrics/
 * @see https://docs.datadoghq.com/metrics/types/?tab=histogram
 */
const PARTS: Readonly<Record<Exclude<MetricType, StoredType>, readonly Part[]>> = {
  histogram: [
    { suffix: "bucket", type: "count", hasUnit: false, tags: ["upper_bound"] },
    { suffix: "sum", type: "count", hasUnit: true },
    { suffix: "count", type: "count", hasUnit: false },
  ],
  summary: [
    { suffix: "quantile", type: "gauge", hasUnit: true, tags: ["quantile"] },
    { suffix: "sum", type: "count", hasUnit: true },
    { suffix: "count", type: "count", hasUnit: false },
  ],
  timer: [
    { suffix: "avg", type: "gauge", hasUnit: true },
    { suffix: "median", type: "gauge", hasUnit: true },
    { suffix: "max", type: "gauge", hasUnit: true },
    { suffix: "95percentile", type: "gauge", hasUnit: true },
    { suffix: "count", type: "rate", hasUnit: false },
  ],
};

/** The names under which Datadog has what one entry stands for. */
export function sentBy(name: string, entry: PackMetric): readonly SentMetric[] {
  const { type, unit, per, tags, needs: wanted } = entry;
  if (isStored(type)) return [{ name, type, unit, per, tags, needs: wanted, entry }];
  return PARTS[type].map(({ suffix, type: stored, hasUnit, tags: more = [] }) => ({
    name: `${name}.${suffix}`,
    type: stored,
    unit: hasUnit ? unit : undefined,
    tags: [...tags, ...more],
    needs: wanted,
    entry,
  }));
}

function isStored(type: MetricType): type is StoredType {
  return (STORED_TYPES as readonly string[]).includes(type);
}

/** Every name that a pack's system sends, expanded, with `${option.…}` as the file has it. An entry wins over the same name in `others`. */
export function sentMetrics({ metrics, others }: PackMetrics): ReadonlyMap<string, SentMetric> {
  const sent = new Map<string, SentMetric>();
  for (const [type, names] of Object.entries(others) as [MetricType, readonly string[]][]) {
    for (const name of names) {
      if (isStored(type)) sent.set(name, { name, type, tags: [] });
      else
        for (const { suffix, type: stored, tags = [] } of PARTS[type])
          sent.set(`${name}.${suffix}`, { name: `${name}.${suffix}`, type: stored, tags });
    }
  }
  for (const [name, entry] of Object.entries(metrics))
    for (const one of sentBy(name, entry)) sent.set(one.name, one);
  return sent;
}
