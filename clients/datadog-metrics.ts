import type { CallOptions } from "./datadog-objects.ts";
import { DatadogTransport, type Call, type DatadogSettings } from "./datadog-transport.ts";
import { ApiError } from "./errors.ts";

/** Tells whether metrics arrive in Datadog. Reads only. */
export interface DatadogMetrics {
  /**
   * Names every metric that somebody sent since `fromSeconds`: one call for all services.
   *
   * @param options.tag Only metrics with this tag: `service:ray`.
   * @param fromSeconds Since 1970. Datadog keeps at most a day for this question.
   */
  activeMetrics(
    fromSeconds: number,
    options: CallOptions & { readonly tag?: string },
  ): Promise<ReadonlySet<string>>;
  /**
   * The time of the newest point of a query, in seconds since 1970. Datadog grants 600 of these an hour.
   *
   * @returns undefined if there is no point in the span: nothing arrives, or nothing has these tags.
   * @throws {ApiError} `rejected` with Datadog's reason if the query can't be read.
   */
  lastPoint(query: string, span: Span, options: CallOptions): Promise<number | undefined>;
}

/** In seconds since 1970. */
export interface Span {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

export function datadogMetrics(connection: DatadogSettings | DatadogTransport): DatadogMetrics {
  const transport =
    connection instanceof DatadogTransport
      ? connection
      : new DatadogTransport({ ...connection, readOnly: true });
  return {
    async activeMetrics(fromSeconds, { tag, ...options }) {
      const call = callOf("list the metrics that arrive", "listActiveMetrics", "metrics_read", options);
      const answer = await transport.send(call, async (configuration) =>
        (await metricRequests(configuration)).listActiveMetrics(Math.floor(fromSeconds), undefined, tag),
      );
      const names = (answer as { metrics?: unknown } | null)?.metrics;
      if (!Array.isArray(names)) throw nonsense(call, "200 without a list of metrics");
      return new Set(names.filter((name) => typeof name === "string"));
    },
    async lastPoint(query, { fromSeconds, toSeconds }, options) {
      const call = callOf(`query ${query}`, "queryMetrics", "timeseries_query", options);
      const answer = await transport.send(call, async (configuration) =>
        (await metricRequests(configuration)).queryMetrics(
          Math.floor(fromSeconds),
          Math.ceil(toSeconds),
          query,
        ),
      );
      const { error, series } = (answer ?? {}) as { error?: unknown; series?: unknown };
      if (typeof error === "string" && error !== "") {
        throw new ApiError(call.tried, error, { failure: "rejected" });
      }
      if (!Array.isArray(series)) throw nonsense(call, "200 without series");
      return newest(series as readonly Series[]);
    },
  };
}

interface Series {
  /** Milliseconds and value. A value of null is a gap. */
  readonly pointlist?: readonly (readonly [number, number | null])[];
}

function newest(series: readonly Series[]): number | undefined {
  let last: number | undefined;
  for (const { pointlist = [] } of series) {
    for (const [atMs, value] of pointlist) {
      if (value !== null && (last === undefined || atMs / 1_000 > last)) last = atMs / 1_000;
    }
  }
  return last;
}

function callOf(tried: string, operation: string, scope: string, options: CallOptions): Call {
  const { signal, priority = "status" } = options;
  return { kind: "metrics", tried, operation, scope, priority, signal, isWrite: false };
}

async function metricRequests(configuration: Parameters<Parameters<DatadogTransport["send"]>[1]>[0]) {
  const api =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/MetricsApi.js");
  return new api.MetricsApiRequestFactory(configuration);
}

function nonsense(call: Call, answer: string): ApiError {
  return new ApiError(call.tried, answer, { failure: "unavailable" });
}
