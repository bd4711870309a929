import {
  errors,
  fieldsOf,
  reordered,
  textsOf,
  timestamp,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type Fields,
  type Route,
  type StoredObject,
} from "./datadog-api.ts";

const READ = "metrics_read";
const WRITE = "metric_tags_write";
const ONE = /^\/api\/v2\/metrics\/([^/]+)\/tags$/;

export const metricTagsRoutes: readonly Route[] = [
  { method: "POST", path: ONE, permission: WRITE, run: create },
  {
    method: "GET",
    path: ONE,
    permission: READ,
    run(request) {
      const { world } = request;
      const name = nameOf(request);
      const object = world.tagConfigs.get(name) ?? deletedLately(world, name);
      return object === undefined ? notFound(name) : { status: 200, body: { data: object } };
    },
  },
  { method: "PATCH", path: ONE, permission: WRITE, run: update },
  {
    method: "DELETE",
    path: ONE,
    permission: WRITE,
    run(request) {
      const { world } = request;
      const name = nameOf(request);
      const object = world.tagConfigs.get(name);
      if (object === undefined) return notFound(name);
      world.tagConfigs.delete(name);
      world.deletedTagConfigs.set(name, { at: Date.now(), object });
      return { status: 204 };
    },
  },
  { method: "GET", path: /^\/api\/v2\/metrics$/, permission: READ, run: list },
  {
    method: "GET",
    path: /^\/api\/v2\/metrics\/([^/]+)\/estimate$/,
    needsAppKey: true,
    run(request) {
      const series = seriesOf(request.world, nameOf(request));
      const attributes = {
        estimated_output_series: series,
        estimate_type: "count_or_gauge",
        estimated_at: new Date().toISOString(),
      };
      const data = { type: "metric_cardinality_estimate", id: nameOf(request), attributes };
      return { status: 200, body: { data } };
    },
  },
  {
    method: "GET",
    path: /^\/api\/v2\/metrics\/([^/]+)\/volumes$/,
    needsAppKey: true,
    run(request) {
      const name = nameOf(request);
      if (!request.world.metrics.has(name)) return notFound(name);
      const ingested = Math.max(1, seriesOf(request.world, name));
      const indexed = request.world.tagConfigs.has(name) ? Math.max(1, Math.round(ingested / 3)) : ingested;
      const attributes = { ingested_volume: ingested, indexed_volume: indexed };
      return { status: 200, body: { data: { type: "metric_volumes", id: name, attributes } } };
    },
  },
];

/** Stores a configuration as Datadog would, without a look at whether the metric is there. */
export function makeTagConfig(world: FakeWorld, { id, attributes }: Fields): StoredObject {
  const name = String(id);
  const object = {
    type: "manage_tags",
    id: name,
    attributes: normalise(fieldsOf(attributes), undefined),
  };
  world.tagConfigs.set(name, object);
  return object;
}

function create(request: FakeRequest): FakeAnswer {
  const { world, body } = request;
  const name = nameOf(request);
  const data = fieldsOf(body["data"]);
  if (data["id"] !== name) {
    return errors(400, "The metric name in the body does not match the one in the URL");
  }
  if (world.tagConfigs.has(name) || deletedLately(world, name) !== undefined) {
    return errors(409, "conflicts with existing tag configuration, use PATCH to update");
  }
  if (!world.metrics.has(name)) {
    return errors(400, "Cannot configure tags on a metric that does not exist.");
  }
  if (world.integrationMetrics.has(name)) {
    return errors(400, `Cannot configure tags on metric because metric is an integration metric: ${name}.`);
  }
  const refused = refusal(fieldsOf(data["attributes"]), undefined);
  return refused ?? { status: 201, body: { data: makeTagConfig(world, data) } };
}

function update(request: FakeRequest): FakeAnswer {
  const { world, body } = request;
  const name = nameOf(request);
  const existing = world.tagConfigs.get(name);
  if (existing === undefined) return notFound(name);
  const sent = fieldsOf(fieldsOf(body["data"])["attributes"]);
  const stored = fieldsOf(existing["attributes"]);
  const refused = refusal(sent, stored);
  if (refused !== undefined) return refused;
  const object = { ...existing, attributes: normalise(sent, stored) };
  world.tagConfigs.set(name, object);
  return { status: 200, body: { data: object } };
}

/** Pages only if asked to; a page's cursor is where it begins. */
function list({ world, query }: FakeRequest): FakeAnswer {
  const isConfigured = query.get("filter[configured]");
  const names = [...new Set([...world.tagConfigs.keys(), ...world.metrics.keys()])].sort();
  const found = names.flatMap((name) => {
    const configured = world.tagConfigs.get(name);
    if (isConfigured !== null && (isConfigured === "true") !== (configured !== undefined)) return [];
    const plain = { type: "metrics", id: name };
    // As recorded: what is configured comes as a mere metric as well.
    return configured === undefined ? [plain] : [plain, configured];
  });
  const size = query.get("page[size]");
  if (size === null) return { status: 200, body: { data: found } };
  const limit = Number(size);
  const start = Number(query.get("page[cursor]") ?? 0);
  const end = start + limit;
  const pagination = {
    cursor: query.get("page[cursor]"),
    next_cursor: end < found.length ? String(end) : null,
    limit,
    type: "cursor_limit",
  };
  return { status: 200, body: { data: found.slice(start, end), meta: { pagination } } };
}

function refusal(sent: Fields, stored: Fields | undefined): FakeAnswer | undefined {
  const type = stored?.["metric_type"] ?? sent["metric_type"];
  if (type === undefined) return errors(400, "'metric_type' is a required property");
  if (sent["include_percentiles"] !== undefined && type !== "distribution") {
    return errors(400, "include_percentiles can only be set for distribution metrics");
  }
  if (stored !== undefined && sent["metric_type"] !== undefined && sent["metric_type"] !== type) {
    return errors(400, "metric_type cannot be changed");
  }
  return undefined;
}

/** Tags are a set. An update keeps what it doesn't name. */
function normalise(sent: Fields, stored: Fields | undefined): Fields {
  const type = stored?.["metric_type"] ?? sent["metric_type"];
  const isDistribution = type === "distribution";
  const excludes = sent["exclude_tags_mode"] ?? stored?.["exclude_tags_mode"];
  return {
    tags: sent["tags"] === undefined ? (stored?.["tags"] ?? []) : reordered(textsOf(sent["tags"])),
    ...(isDistribution
      ? { include_percentiles: sent["include_percentiles"] ?? stored?.["include_percentiles"] ?? false }
      : {
          aggregations: sent["aggregations"] ?? stored?.["aggregations"] ?? [{ time: "sum", space: "sum" }],
        }),
    created_at: stored?.["created_at"] ?? timestamp(),
    modified_at: timestamp(),
    metric_type: type,
    ...(excludes === undefined ? {} : { exclude_tags_mode: excludes }),
  };
}

function deletedLately(world: FakeWorld, name: string): StoredObject | undefined {
  const deleted = world.deletedTagConfigs.get(name);
  if (deleted === undefined || Date.now() - deleted.at >= world.tagDeleteLagMs) return undefined;
  return deleted.object;
}

function seriesOf(world: FakeWorld, name: string): number {
  return new Set((world.metrics.get(name) ?? []).map(({ tags = [] }) => tags.toSorted().join(","))).size;
}

function notFound(name: string): FakeAnswer {
  return errors(404, `${name} not found`);
}

function nameOf({ params }: FakeRequest): string {
  return params[0] ?? "";
}
