import { Calls, fieldOf, isObject, nonsense, type CallOptions } from "./datadog-objects.ts";
import type { Call, DatadogTransport } from "./datadog-transport.ts";

/** One series of an answer: the tags that it is grouped by, and its newest point. */
export interface FoundSeries {
  /** `service:ray`. Where a tag is not there at all, Datadog says `N/A`, or leaves the series out. */
  readonly tags: readonly string[];
  /** ms since the epoch */
  readonly lastAtMs: number;
}

/** One series of an answer with all of its points. */
export interface SeriesPoints {
  readonly tags: readonly string[];
  /** ms since the epoch, and the value from there to the next. */
  readonly points: readonly (readonly [atMs: number, value: number])[];
  /** Datadog's name of the unit, such as `dollar`. Undefined where the metric has none. */
  readonly unit: string | undefined;
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
   * The same with the points themselves.
   *
   * @param intervalMs Of one point. Datadog takes a larger one where there would be more than 1,500 points.
   */
  points(
    queries: readonly string[],
    window: TimeWindow & { readonly intervalMs: number },
    options: CallOptions,
  ): Promise<readonly (readonly SeriesPoints[])[]>;
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
    async query(texts, window, options) {
      const answers = await ask(transport, texts, { ...window, intervalMs: INTERVAL_MS }, options);
      return answers.map((series) =>
        series.flatMap(({ tags, points }) => {
          const newest = points.at(-1);
          return newest === undefined ? [] : [{ tags, lastAtMs: newest[0] }];
        }),
      );
    },
    points: async (texts, window, options) => await ask(transport, texts, window, options),
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

async function ask(
  transport: DatadogTransport,
  texts: readonly string[],
  { fromMs, toMs, intervalMs }: Parameters<MetricsReader["points"]>[1],
  options: CallOptions,
): Promise<readonly (readonly SeriesPoints[])[]> {
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
          interval: intervalMs,
          queries: texts.map((query, at) => ({ data_source: "metrics", name: `q${at}`, query })),
        },
      },
    },
  });
  return seriesIn(call, texts.length, fieldOf(fieldOf(answer, "data"), "attributes"));
}

function seriesIn(call: Call, count: number, attributes: unknown): readonly (readonly SeriesPoints[])[] {
  const times = fieldOf(attributes, "times");
  const values = fieldOf(attributes, "values");
  const series = fieldOf(attributes, "series");
  if (!Array.isArray(times) || !Array.isArray(values) || !Array.isArray(series))
    throw nonsense(call, "200 without series");
  const found = Array.from({ length: count }, (): SeriesPoints[] => []);
  for (const [at, one] of series.entries()) {
    const own: unknown = values[at];
    if (!isObject(one) || !Array.isArray(own)) continue;
    const points = own.flatMap((value: unknown, index): readonly (readonly [number, number])[] => {
      const time: unknown = times[index];
      return typeof value === "number" && typeof time === "number" ? [[time, value]] : [];
    });
    if (points.length === 0) continue;
    const { query_index: index, group_tags: tags, unit } = one;
    // Left out where there is but one query.
    found[typeof index === "number" ? index : 0]?.push({
      tags: Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [],
      points,
      unit: unitIn(unit),
    });
  }
  return found;
}

/** A unit is a list of two: of what, and per what. */
function unitIn(unit: unknown): string | undefined {
  const [of]: readonly unknown[] = Array.isArray(unit) ? unit : [];
  const name = isObject(of) ? of["name"] : undefined;
  return typeof name === "string" ? name : undefined;
}
