import {
  errors,
  fieldsOf,
  reordered,
  textsOf,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type Fields,
  type Route,
  type StoredObject,
} from "./datadog-api.ts";
import { queryOf, specificationOf } from "./datadog-slo-query.ts";

const READ = "slos_read";
const WRITE = "slos_write";
const ALL = /^\/api\/v1\/slo$/;
const ONE = /^\/api\/v1\/slo\/([^/]+)$/;

export const sloRoutes: readonly Route[] = [
  {
    method: "POST",
    path: ALL,
    permission: WRITE,
    limit: { limit: 200, periodSeconds: 60, name: "slo_create" },
    run({ world, body }) {
      const refused = refusal(world, body, undefined);
      if (refused !== undefined) return refused;
      const slo = makeSlo(world, body);
      return { status: 200, body: { data: [slo], error: null } };
    },
  },
  {
    method: "GET",
    path: ALL,
    permission: READ,
    limit: { limit: 1_000, periodSeconds: 10, name: "slo_get_all" },
    run: list,
  },
  { method: "GET", path: /^\/api\/v1\/slo\/can_delete$/, permission: READ, run: canDelete },
  {
    method: "GET",
    path: ONE,
    permission: READ,
    limit: { limit: 3_000, periodSeconds: 10, name: "slo_get" },
    run(request) {
      const slo = request.world.slos.readable().get(idOf(request));
      return slo === undefined ? notFound(request) : { status: 200, body: { data: slo, error: null } };
    },
  },
  {
    method: "PUT",
    path: ONE,
    permission: WRITE,
    limit: { limit: 200, periodSeconds: 60, name: "slo_update" },
    run: update,
  },
  {
    method: "DELETE",
    path: ONE,
    permission: WRITE,
    limit: { limit: 100, periodSeconds: 10, name: "slo_delete" },
    run: remove,
  },
];

/** Stores an SLO as Datadog would, without a look at whether it makes sense. */
export function makeSlo(world: FakeWorld, body: Fields): StoredObject {
  const slo = normalise(body, undefined, world.newHex(32));
  world.slos.set(slo.id, slo);
  return slo;
}

function update(request: FakeRequest): FakeAnswer {
  const { world, body } = request;
  const existing = world.slos.get(idOf(request));
  if (existing === undefined) return notFound(request);
  const refused = refusal(world, body, existing);
  if (refused !== undefined) return refused;
  const slo = normalise(body, existing, existing.id);
  world.slos.set(slo.id, slo);
  return { status: 200, body: { data: [slo], error: null } };
}

function remove(request: FakeRequest): FakeAnswer {
  const { world, query } = request;
  const id = idOf(request);
  if (!world.slos.has(id)) return notFound(request);
  const user = hindrance(world, id);
  if (user !== undefined && query.get("force") !== "true") {
    return { status: 409, body: { data: [], errors: { [id]: user } } };
  }
  world.slos.delete(id);
  return { status: 200, body: { data: [id], error: null } };
}

/** By default 1 000 at once. With `ids` there are no totals. */
function list({ world, query }: FakeRequest): FakeAnswer {
  const tag = query.get("tags_query");
  const name = (query.get("query") ?? "").toLowerCase();
  const ids = query.get("ids")?.split(",");
  const stored = [...world.slos.readable().values()];
  const found = stored.filter(
    (slo) =>
      (tag === null || textsOf(slo["tags"]).includes(tag)) &&
      (ids === undefined || ids.includes(slo.id)) &&
      String(slo["name"]).toLowerCase().includes(name),
  );
  const offset = Number(query.get("offset") ?? 0);
  const limit = Math.min(Number(query.get("limit") ?? 1_000), 1_000);
  const page = { total_count: stored.length, total_filtered_count: found.length };
  const metadata = ids === undefined ? { metadata: { page } } : {};
  return {
    status: 200,
    body: { data: found.slice(offset, offset + limit), error: null, ...metadata },
  };
}

function canDelete({ world, query }: FakeRequest): FakeAnswer {
  const ids = (query.get("ids") ?? "").split(",");
  const failing = ids.flatMap((id) => {
    const user = hindrance(world, id);
    return user === undefined ? [] : [[id, user] as const];
  });
  const ok = ids.filter((id) => !failing.some(([failed]) => failed === id));
  if (failing.length === 0) return { status: 200, body: { data: { ok }, errors: null } };
  return { status: 409, body: { data: { ok }, errors: Object.fromEntries(failing) } };
}

function hindrance(world: FakeWorld, id: string): string | undefined {
  const users = [...world.dashboards.values()].filter(({ widgets }) =>
    JSON.stringify(widgets ?? []).includes(`"slo_id":"${id}"`),
  );
  if (users.length === 0) return undefined;
  return `SLO ${id} is used by dashboards: ${users.map((user) => user.id).join(", ")}`;
}

/** What Datadog refuses, in its words. A type is taken from what is stored, whatever is sent. */
function refusal(world: FakeWorld, body: Fields, existing: StoredObject | undefined): FakeAnswer | undefined {
  const type = existing?.["type"] ?? body["type"];
  const invalid = (what: string) => errors(400, `Invalid payload: ${what}`);
  const specification = fieldsOf(body["sli_specification"]);
  if (typeof body["name"] !== "string" || body["name"] === "") return invalid("must specify name");
  if (type !== "monitor" && type !== "metric" && type !== "time_slice") return invalid("invalid type");
  const ids = Array.isArray(body["monitor_ids"]) ? body["monitor_ids"] : [];
  if (type === "monitor" && ids.length === 0) return invalid("must specify monitor_ids");
  if (type === "metric" && body["query"] === undefined && specification["count"] === undefined) {
    return invalid("must specify the query for count types");
  }
  if (type === "time_slice" && specification["time_slice"] === undefined) {
    return invalid("must specify sli_specification");
  }
  const missing = type === "monitor" ? ids.find((id) => !world.monitors.has(Number(id))) : undefined;
  return missing === undefined
    ? refusedThresholds(thresholdsOf(body), invalid)
    : invalid(`monitor ${missing} not found`);
}

function refusedThresholds(
  thresholds: readonly Fields[],
  invalid: (what: string) => FakeAnswer,
): FakeAnswer | undefined {
  if (thresholds.length === 0) return invalid("must specify thresholds");
  for (const { target, warning } of thresholds) {
    if (typeof target !== "number" || target <= 0 || target > 100) {
      return invalid("target must be between 0 and 100");
    }
    if (typeof warning === "number" && warning <= target)
      return invalid("warning must be greater than target");
  }
  const isTwice = new Set(thresholds.map(({ timeframe }) => timeframe)).size < thresholds.length;
  return isTwice ? invalid("duplicate timeframe") : undefined;
}

const TYPE_IDS: Readonly<Record<string, number>> = { monitor: 0, metric: 1, time_slice: 2 };

/** What Datadog makes of a body before it stores it. Tags are a set, and the first threshold is told twice. */
function normalise(body: Fields, existing: StoredObject | undefined, id: string): StoredObject {
  const type = String(existing?.["type"] ?? body["type"]);
  const now = Math.floor(Date.now() / 1_000);
  const thresholds = thresholdsOf(body).map(({ timeframe, target, warning }) => ({
    timeframe,
    target,
    target_display: display(target),
    ...(typeof warning === "number" ? { warning, warning_display: display(warning) } : {}),
  }));
  const [first] = thresholds;
  const warning = body["warning_threshold"] ?? first?.warning;
  const groups = textsOf(body["groups"]);
  return {
    id,
    name: body["name"],
    tags: reordered(textsOf(body["tags"])),
    monitor_tags: [],
    thresholds,
    type,
    type_id: TYPE_IDS[type],
    description: body["description"] ?? "",
    timeframe: body["timeframe"] ?? first?.timeframe,
    target_threshold: body["target_threshold"] ?? first?.target,
    ...(warning === undefined ? {} : { warning_threshold: warning }),
    ...indicator(type, body),
    ...(groups.length === 0 ? {} : { groups }),
    creator: existing?.["creator"] ?? {
      name: "dd-observe",
      handle: "dd-observe@example.com",
      email: "dd-observe@example.com",
    },
    created_at: existing?.["created_at"] ?? now,
    modified_at: now,
  };
}

/** Queries and specification of a metric SLO are derived from each other. */
function indicator(type: string, body: Fields): Fields {
  const specification = fieldsOf(body["sli_specification"]);
  if (type === "monitor") return { monitor_ids: body["monitor_ids"] };
  if (type === "time_slice") {
    const slice = { query_interval_seconds: 300, ...fieldsOf(specification["time_slice"]) };
    return { sli_specification: { ...specification, time_slice: slice } };
  }
  const count = specification["count"];
  if (count !== undefined) {
    const query = body["query"] ?? queryOf(fieldsOf(count));
    return { query, sli_specification: specification };
  }
  const derived = specificationOf(fieldsOf(body["query"]));
  return { query: body["query"], ...(derived === undefined ? {} : { sli_specification: derived }) };
}

function thresholdsOf(body: Fields): readonly Fields[] {
  return Array.isArray(body["thresholds"]) ? body["thresholds"].map(fieldsOf) : [];
}

/** `99.` for 99 and `99.5` for 99.5. */
function display(value: unknown): string {
  const text = String(value);
  return text.includes(".") ? text : `${text}.`;
}

function notFound(request: FakeRequest): FakeAnswer {
  return errors(404, `SLO not found: ${idOf(request)} not found`);
}

function idOf({ params }: FakeRequest): string {
  return params[0] ?? "";
}
