import {
  Calls,
  fieldOf,
  isObject,
  MAX_PAGES,
  nonsense,
  objectIn,
  objectsIn,
  Pages,
  type CallOptions,
  type ObjectReader,
  type ObjectWriter,
  type RawObject,
} from "./datadog-objects.ts";
import type { Call, DatadogTransport } from "./datadog-transport.ts";

/** The reading half of Datadog's metric tag configurations. A dry run holds nothing else. Their ids are the metrics' names. */
export interface MetricTagsReader extends ObjectReader {
  /** Lists every configuration of the organisation, whoever made it: `{ id, type, attributes }`. */
  list(options: CallOptions): Promise<readonly RawObject[]>;
  /**
   * What Datadog knows of a metric itself.
   *
   * @throws {ApiError} `notFound` if it doesn't know the metric.
   */
  metadata(metric: string, options: CallOptions): Promise<MetricMetadata>;
  /** How many series a metric would have with other tags. */
  estimate(metric: string, wanted: TagsEstimate, options: CallOptions): Promise<number>;
  /** @throws {ApiError} `notFound` if nobody sent the metric lately. */
  volumes(metric: string, options: CallOptions): Promise<MetricVolumes>;
}

export interface MetricTagsWriter extends MetricTagsReader, ObjectWriter {}

export interface MetricMetadata {
  /** `gauge`, `count`, `rate` or `distribution`. */
  readonly type: string | undefined;
  /** Datadog's integration that sends the metric, if one does. */
  readonly integration: string | undefined;
}

/** What is asked of an estimate. */
export interface TagsEstimate {
  readonly tags: readonly string[];
  /** True if these tags are left out, and all others kept. */
  readonly isExcluding?: boolean;
  /** For a distribution: with percentiles. */
  readonly hasPercentiles?: boolean;
}

/** Series per hour. For a distribution only the sum of both is told, as `indexed`. */
export interface MetricVolumes {
  readonly ingested: number | undefined;
  readonly indexed: number | undefined;
}

/** The most that Datadog gives at once. */
const PAGE_SIZE = 10_000;
const ONE = "/api/v2/metrics/{metric_name}/tags";

const calls = new Calls("metric-tags", { read: "metrics_read", write: "metric_tags_write" });

export function metricTagsReader(transport: DatadogTransport): MetricTagsReader {
  return {
    list: (options) => list(transport, options),
    async get(id, options) {
      const call = calls.read(
        "listTagConfigurationByName",
        `read the tag configuration of metric ${id}`,
        options,
      );
      const answer = await transport.request(call, {
        method: "GET",
        path: ONE,
        params: { metric_name: id },
      });
      return objectIn(call, fieldOf(answer, "data"));
    },
    async metadata(metric, options) {
      const call = calls.read("getMetricMetadata", `read what metric ${metric} is`, options);
      const answer = await transport.request(call, {
        method: "GET",
        path: "/api/v1/metrics/{metric_name}",
        params: { metric_name: metric },
      });
      const text = (name: string) => {
        const value = fieldOf(answer, name);
        return typeof value === "string" && value !== "" ? value : undefined;
      };
      return { type: text("type"), integration: text("integration") };
    },
    async estimate(metric, { tags, isExcluding, hasPercentiles }, options) {
      const call = calls.read(
        "estimateMetricsOutputSeries",
        `estimate the series of metric ${metric}`,
        options,
      );
      const answer = await transport.request(call, {
        method: "GET",
        path: "/api/v2/metrics/{metric_name}/estimate",
        params: { metric_name: metric },
        query: {
          "filter[groups]": tags.join(","),
          "filter[pct]": hasPercentiles,
          "filter[exclude_tags_mode]": isExcluding,
        },
      });
      const series = fieldOf(attributesIn(answer), "estimated_output_series");
      if (typeof series !== "number") throw nonsense(call, "200 without an estimate");
      return series;
    },
    async volumes(metric, options) {
      const call = calls.read("listVolumesByMetricName", `read the volumes of metric ${metric}`, options);
      const answer = await transport.request(call, {
        method: "GET",
        path: "/api/v2/metrics/{metric_name}/volumes",
        params: { metric_name: metric },
      });
      const attributes = attributesIn(answer);
      const volume = (name: string) => {
        const value = fieldOf(attributes, name);
        return typeof value === "number" ? value : undefined;
      };
      return {
        ingested: volume("ingested_volume"),
        indexed: volume("indexed_volume") ?? volume("distinct_volume"),
      };
    },
  };
}

/** Bodies are the API's `data`: `{ type: "manage_tags", id, attributes }`, the id being the metric's name. */
export function metricTagsWriter(transport: DatadogTransport): MetricTagsWriter {
  const write = async (call: Call, method: "POST" | "PATCH", id: string, body: object) => {
    const answer = await transport.request(call, {
      method,
      path: ONE,
      params: { metric_name: id },
      body: { data: body },
    });
    return objectIn(call, fieldOf(answer, "data"));
  };
  return {
    ...metricTagsReader(transport),
    async create(body, options) {
      const id = fieldOf(body, "id");
      if (typeof id !== "string") throw new Error("A tag configuration needs its metric's name as id");
      const tried = `create the tag configuration of metric ${id}`;
      return write(calls.write("createTagConfiguration", tried, options), "POST", id, body);
    },
    async update(id, body, options) {
      const tried = `update the tag configuration of metric ${id}`;
      return write(calls.write("updateTagConfiguration", tried, options), "PATCH", id, body);
    },
    async delete(id, options) {
      const tried = `delete the tag configuration of metric ${id}`;
      await transport.request(
        { ...calls.write("deleteTagConfiguration", tried, options), mayBeEmpty: true },
        { method: "DELETE", path: ONE, params: { metric_name: id } },
      );
    },
  };
}

async function list(transport: DatadogTransport, options: CallOptions): Promise<readonly RawObject[]> {
  const call = calls.read("listTagConfigurations", "list metric tag configurations", options);
  const found = new Pages();
  let cursor: string | undefined;
  while (found.pages < MAX_PAGES) {
    const answer = await transport.request(call, {
      method: "GET",
      path: "/api/v2/metrics",
      query: { "filter[configured]": true, "page[size]": PAGE_SIZE, "page[cursor]": cursor },
    });
    const page = objectsIn(call, fieldOf(answer, "data"));
    // The filter was seen to let metrics without a configuration through, of the same ids.
    found.add(page.filter(({ type }) => type === "manage_tags"));
    const next = fieldOf(fieldOf(fieldOf(answer, "meta"), "pagination"), "next_cursor");
    if (typeof next !== "string" || next === "") return found.list.objects;
    if (next === cursor) throw nonsense(call, "the same page twice");
    cursor = next;
  }
  throw nonsense(call, `more than ${MAX_PAGES} pages`);
}

function attributesIn(answer: unknown): RawObject {
  const attributes = fieldOf(fieldOf(answer, "data"), "attributes");
  return isObject(attributes) ? attributes : {};
}
