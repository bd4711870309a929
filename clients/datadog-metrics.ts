import { Calls, fieldOf, isObject, nonsense, type CallOptions } from "./datadog-objects.ts";
import type { Call, DatadogTransport } from "./datadog-transport.ts";

/** One series of an answer: the tags that it is grouped by, and its newest point. */
export interface FoundSeries {
  /** `service:ray`. Where a tag is not there at all, Datadog says `N/A`, or leaves the series out. */
  readonly tags: readonly string[];
  /** ms since the epoch */
  readonly lastAtMs: number;
}

/** From when to when, in ms since the epoch. */
export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Asks whether metrics have points. Writes nothing, though the first call is a POST. */
export interface MetricsReader {
  /**
   * Runs metric queries in one call, at most `MOST_QUERIES` of them.
   *
   * @returns For each query the series that have points, in the order of the queries.
   * @throws {ApiError} `rejected` if Datadog can't read one of them.
   */
  query(
    queries: readonly string[],
    window: TimeWindow,
    options: CallOptions,
  ): Promise<readonly (readonly FoundSeries[])[]>;
  /**
   * Names of the metrics that had points with all these tags since a time. Sorted.
   *
   * @see https://docs.datadoghq.com/api/latest/metrics/#get-active-metrics-list
   */
  active(tags: readonly string[], fromMs: number, options: CallOptions): Promise<readonly string[]>;
}

/** No number is documented. So many fit the web interface's own graphs. */
export const MOST_QUERIES = 10;

/** One point a minute says how old the newest is, and keeps answers small. */
const INTERVAL_MS = 60_000;

const queries = new Calls("metrics", { read: "timeseries_query", write: "none" });
const names = new Calls("metrics", { read: "metrics_read", write: "none" });

/** @param transport One that lets a POST leave. */
export function metricsReader(transport: DatadogTransport): MetricsReader {
  return {
    async query(texts, { fromMs, toMs }, options) {
      const what = texts.length === 1 ? texts[0]! : `${texts.length} metric queries`;
      const call = queries.read("queryTimeseriesData", `run ${what}`, options);
      const answer = await transport.request(call, {
        method: "POST",
        path: "/api/v2/query/timeseries",
        body: {
          data: {
            type: "timeseries_request",
            attributes: {
              from: fromMs,
              to: toMs,
              interval: INTERVAL_MS,
              queries: texts.map((query, at) => ({ data_source: "metrics", name: `q${at}`, query })),
            },
          },
        },
      });
      return seriesIn(call, texts.length, fieldOf(fieldOf(answer, "data"), "attributes"));
    },
    async active(tags, fromMs, options) {
      const call = names.read(
        "listActiveMetrics",
        `list the metrics that arrive with ${tags.join(", ")}`,
        options,
      );
      const answer = await transport.request(call, {
        method: "GET",
        path: "/api/v1/metrics",
        query: { from: Math.floor(fromMs / 1_000), tag_filter: tags.join(" AND ") },
      });
      const found = fieldOf(answer, "metrics");
      if (!Array.isArray(found)) throw nonsense(call, "200 without a list of metrics");
      return found.filter((name) => typeof name === "string").sort();
    },
  };
}

function seriesIn(call: Call, count: number, attributes: unknown): readonly (readonly FoundSeries[])[] {
  const times = fieldOf(attributes, "times");
  const values = fieldOf(attributes, "values");
  const series = fieldOf(attributes, "series");
  if (!Array.isArray(times) || !Array.isArray(values) || !Array.isArray(series))
    throw nonsense(call, "200 without series");
  const found = Array.from({ length: count }, (): FoundSeries[] => []);
  for (const [at, one] of series.entries()) {
    const points: unknown = values[at];
    const newest = Array.isArray(points) ? points.findLastIndex((value) => typeof value === "number") : -1;
    const lastAtMs: unknown = times[newest];
    if (typeof lastAtMs !== "number" || !isObject(one)) continue;
    const { query_index: index, group_tags: tags } = one;
    // Left out where there is but one query.
    found[typeof index === "number" ? index : 0]?.push({
      tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [],
      lastAtMs,
    });
  }
  return found;
}
