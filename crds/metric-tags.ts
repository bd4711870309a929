import { z } from "zod";

/** @see https://docs.datadoghq.com/metrics/custom_metrics/#naming-custom-metrics */
export const metricName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.]{0,199}$/, {
  error: "must be a metric's name as Datadog shows it: letters, digits, _ and dots, at most 200",
});

/** A tag's key alone, as Datadog keeps it. */
const tagKey = z.string().regex(/^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_\-./]{0,199}$/u, {
  error: "must be the key of a tag alone, in lower case, such as host or kube_cluster_name",
});

/** What stands under `metrics.<metric>`: which tags of a metric can be asked for. */
export const metricTagsLayer = z
  .strictObject({
    tags: z
      .array(tagKey)
      .max(1_000)
      .meta({
        description: "Keys of the tags that stay queryable; all others are not indexed.",
        examples: [["service", "env", "host"]],
      }),
    excludeTags: z.boolean().meta({
      description: "True: `tags` are those that are left out, and all others stay.",
      default: false,
    }),
    percentiles: z.boolean().meta({
      description: "True: percentiles such as p99 can be asked for. Distributions only.",
      default: false,
    }),
    type: z.enum(["gauge", "count", "rate", "distribution"]).meta({
      description: "Type of the metric. Without it: the one that Datadog has seen.",
    }),
  })
  .partial();
export type MetricTagsLayer = z.infer<typeof metricTagsLayer>;
