import {
  errors,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type Fields,
  type MonitorContent,
  type Route,
  type StoredMonitor,
} from "./datadog-api.ts";

const READ = "monitors_read";
const WRITE = "monitors_write";
const ONE = /^\/api\/v1\/monitor\/(\d+)$/;

export const monitorRoutes: readonly Route[] = [
  {
    method: "POST",
    path: /^\/api\/v1\/monitor$/,
    permission: WRITE,
    limit: { limit: 500, periodSeconds: 10, name: "post_monitors" },
    run: create,
  },
  {
    method: "GET",
    path: /^\/api\/v1\/monitor$/,
    permission: READ,
    limit: { limit: 1_000, periodSeconds: 10 },
    run: list,
  },
  {
    method: "GET",
    path: /^\/api\/v1\/monitor\/can_delete$/,
    permission: READ,
    limit: { limit: 12_000, periodSeconds: 60, name: "can_delete" },
    run: canDelete,
  },
  { method: "GET", path: /^\/api\/v1\/monitor\/search$/, permission: READ, run: search },
  {
    method: "GET",
    path: ONE,
    permission: READ,
    limit: { limit: 3_000, periodSeconds: 10, name: "get_monitors" },
    run: (request) => {
      const monitor = request.world.readable().get(idOf(request));
      return monitor === undefined ? notFound() : { status: 200, body: monitor };
    },
  },
  {
    method: "PUT",
    path: ONE,
    permission: WRITE,
    limit: { limit: 500, periodSeconds: 10, name: "put_monitors" },
    run: update,
  },
  { method: "DELETE", path: ONE, permission: WRITE, run: remove },
  {
    method: "POST",
    path: /^\/api\/v1\/monitor\/validate$/,
    permission: READ,
    run: ({ world, body }) => refusal(body) ?? refusedReferences(world, body) ?? { status: 200, body: {} },
  },
  {
    method: "POST",
    path: /^\/api\/v1\/monitor\/(\d+)\/validate$/,
    permission: READ,
    run: (request) => {
      const existing = request.world.monitors.get(idOf(request));
      if (existing === undefined) return notFound();
      const wanted = { ...existing, ...request.body };
      return refusal(wanted) ?? refusedReferences(request.world, wanted) ?? { status: 200, body: {} };
    },
  },
];

function create({ world, body }: FakeRequest): FakeAnswer {
  const refused = refusal(body) ?? refusedReferences(world, body);
  if (refused !== undefined) return refused;
  const now = new Date().toISOString();
  const monitor: StoredMonitor = {
    id: world.nextId,
    org_id: world.orgId,
    ...normalise(body, undefined),
    draft_status: "published",
    restricted_roles: null,
    created: now,
    created_at: Date.now(),
    modified: now,
    deleted: null,
    overall_state: "No Data",
    overall_state_modified: null,
    creator: { id: 1, name: "dd-observe", handle: "dd-observe@example.com", email: "dd-observe@example.com" },
  };
  const same = world.monitors
    .values()
    .find((other) => other.name === monitor.name && identity(other) === identity(monitor));
  if (same !== undefined) {
    return errors(400, `Duplicate of an existing monitor_id:${same.id} org_id:${world.orgId}`);
  }
  world.nextId += 1;
  world.monitors.set(monitor.id, monitor);
  return { status: 200, body: { ...monitor, restriction_policy: null, assets: [] } };
}

function update(request: FakeRequest): FakeAnswer {
  const { world, body } = request;
  const existing = world.monitors.get(idOf(request));
  if (existing === undefined) return notFound();
  const wanted = { ...existing, ...body };
  if (family(text(wanted["type"])) !== family(existing.type)) {
    return errors(400, "The type of an existing monitor cannot be changed");
  }
  const refused = refusal(wanted) ?? refusedReferences(world, wanted);
  if (refused !== undefined) return refused;
  const monitor: StoredMonitor = {
    ...existing,
    ...normalise(body, existing),
    modified: new Date().toISOString(),
  };
  world.monitors.set(monitor.id, monitor);
  const { creator: _creator, ...answer } = monitor;
  return { status: 200, body: { ...answer, restriction_policy: null, assets: [] } };
}

function remove(request: FakeRequest): FakeAnswer {
  const id = idOf(request);
  if (!request.world.monitors.has(id)) return notFound();
  const user = hindrance(request.world, id);
  if (user !== undefined && request.query.get("force") !== "true") return errors(400, user);
  request.world.monitors.delete(id);
  return { status: 200, body: { deleted_monitor_id: id } };
}

/** Without `page` Datadog answers with everything; with it, 100 or `page_size` up to 1 000. */
function list({ world, query }: FakeRequest): FakeAnswer {
  const tags = (query.get("monitor_tags") ?? "").split(",").filter((tag) => tag !== "");
  const name = (query.get("name") ?? "").toLowerCase();
  const found = [...world.readable().values()]
    .filter((monitor) => tags.every((tag) => monitor.tags.includes(tag)))
    .filter((monitor) => monitor.name.toLowerCase().includes(name))
    .sort((a, b) => a.id - b.id);
  const page = query.get("page");
  const size = Math.min(Number(query.get("page_size") ?? 100), 1_000);
  const shown = page === null ? found : found.slice(Number(page) * size, (Number(page) + 1) * size);
  return { status: 200, body: shown.map((monitor) => ({ ...monitor, matching_downtimes: [] })) };
}

function search({ world, query }: FakeRequest): FakeAnswer {
  const wanted = (query.get("query") ?? "").replaceAll('"', "").toLowerCase();
  const found = [...world.readable().values()].filter((monitor) =>
    monitor.name.toLowerCase().includes(wanted),
  );
  const metadata = { total_count: found.length, page: 0, per_page: 30, page_count: 1 };
  const monitors = found
    .slice(0, 30)
    .map(({ id, name, type, query: of, tags }) => ({ id, name, type, query: of, tags }));
  return { status: 200, body: { monitors, metadata, counts: {} } };
}

function canDelete({ world, query }: FakeRequest): FakeAnswer {
  const ids = (query.get("monitor_ids") ?? "").split(",").map(Number);
  const failing = ids.flatMap((id): [string, string[]][] => {
    const why = world.monitors.has(id) ? hindrance(world, id) : `Monitor ${id} not found`;
    return why === undefined ? [] : [[String(id), [why]]];
  });
  const ok = ids.filter((id) => !failing.some(([failed]) => failed === String(id)));
  if (failing.length === 0) return { status: 200, body: { data: { ok }, errors: null } };
  return { status: 409, body: { data: { ok }, errors: Object.fromEntries(failing) } };
}

function hindrance(world: FakeWorld, id: number): string | undefined {
  const name = world.monitors.get(id)?.name ?? "";
  const slo = world.references.get(id);
  if (slo !== undefined) return `monitor [${id},${name}] is referenced in slos: [${slo}]`;
  const composite = [...world.monitors.values()].find(
    (other) => other.type === "composite" && new RegExp(`\\b${id}\\b`).test(other.query),
  );
  if (composite === undefined) return undefined;
  return `monitor [${id},${name}] is referenced in composite monitors: [${composite.id},${composite.name}]`;
}

/** What Datadog refuses, in its words. */
function refusal(body: Fields): FakeAnswer | undefined {
  for (const field of ["type", "query"]) {
    if (typeof body[field] !== "string") return errors(400, `The parameter '${field}' is required`);
  }
  const type = String(body["type"]);
  const query = String(body["query"]).trim();
  const invalid = errors(400, "The value provided for parameter 'query' is invalid");
  if (type === "composite") return /^[\d\s!&|()]+$/.test(query) ? undefined : invalid;
  if (type === "service check") return /\.(?:count|pct)_by_status\(\)$/.test(query) ? undefined : invalid;
  const compared = /(?:>=|<=|==|!=|>|<)\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|threshold)$/i.exec(query)?.[1];
  if (compared === undefined) return invalid;
  if ((type === "query alert" || type === "metric alert") && !query.startsWith("formula(")) {
    if (!/^[a-z_]+\(.*?\)\s*:/.test(query) || !query.includes("{")) return invalid;
  }
  const thresholds = (body["options"] as { thresholds?: Fields } | undefined)?.thresholds;
  return refusedThresholds(thresholds, Number(compared), query.includes(">"));
}

function refusedThresholds(
  thresholds: Fields | undefined,
  compared: number,
  rises: boolean,
): FakeAnswer | undefined {
  if (thresholds === undefined || Object.values(thresholds).every((value) => value === null))
    return undefined;
  const critical = thresholds["critical"];
  if (typeof critical !== "number") return errors(400, "Alert status is required.");
  if (!Number.isNaN(compared) && critical !== compared) {
    return errors(400, `Alert threshold (${critical}) does not match that used in the query (${compared}).`);
  }
  const recovery = thresholds["critical_recovery"];
  if (typeof recovery === "number" && (rises ? recovery > critical : recovery < critical)) {
    return errors(
      400,
      "alert and alert recovery criteria are such that the monitor can be simultaneously in alert and alert recovery states",
    );
  }
  return undefined;
}

function refusedReferences(world: FakeWorld, body: Fields): FakeAnswer | undefined {
  if (body["type"] !== "composite") return undefined;
  const ids = String(body["query"]).match(/\d+/g) ?? [];
  const isKnown = ids.every((id) => world.monitors.has(Number(id)));
  return isKnown ? undefined : errors(400, "Some monitor IDs are invalid");
}

/** What Datadog makes of a body before it stores it. */
function normalise(body: Fields, existing: StoredMonitor | undefined): MonitorContent {
  const type = text(body["type"] ?? existing?.type);
  const query = text(body["query"] ?? existing?.query);
  const hasOptions = body["options"] !== undefined || existing === undefined;
  const tags = Array.isArray(body["tags"]) ? (body["tags"] as string[]) : (existing?.tags ?? []);
  const priority = "priority" in body ? Number(body["priority"] ?? 0) : (existing?.priority ?? 0);
  return {
    // Recorded: a query alert stays one, whatever is sent.
    type: existing?.type === "query alert" && type === "metric alert" ? "query alert" : type,
    name: text(body["name"] ?? existing?.name ?? "Untitled monitor"),
    query,
    message: text(body["message"] ?? existing?.message ?? ""),
    tags,
    priority: priority > 0 ? priority : null,
    options: hasOptions
      ? normaliseOptions(type, (body["options"] ?? {}) as Fields, existing)
      : (existing?.options ?? {}),
    multi: /\bby\b/.test(query),
  };
}

const SIMPLE_BY_DEFAULT =
  /^(?:log|rum|ci-pipelines|ci-tests|error-tracking|event-v2|audit|llm-observability) alert$/;

function normaliseOptions(type: string, sent: Fields, existing: StoredMonitor | undefined): Fields {
  const options: Record<string, unknown> = { ...sent };
  const thresholds = Object.entries((sent["thresholds"] ?? {}) as Fields).filter(
    ([, value]) => value !== null,
  );
  if (thresholds.length > 0) options["thresholds"] = Object.fromEntries(thresholds);
  else delete options["thresholds"];
  if (typeof sent["escalation_message"] === "string") {
    options["escalation_message"] = text(sent["escalation_message"]);
  }
  const scheduling = sent["scheduling_options"] as Fields | undefined;
  if (scheduling?.["custom_schedule"] !== undefined && sent["on_missing_data"] === "default") {
    delete options["on_missing_data"];
  }
  if (sent["notify_no_data"] === undefined && sent["on_missing_data"] === undefined) {
    options["notify_no_data"] = false;
  }
  options["notify_audit"] ??= false;
  options["include_tags"] ??= true;
  if (sent["new_group_delay"] === undefined) options["new_host_delay"] ??= 300;
  if (SIMPLE_BY_DEFAULT.test(type)) options["groupby_simple_monitor"] ??= false;
  // An update that doesn't name the mutes keeps them.
  options["silenced"] ??= existing?.options["silenced"] ?? {};
  return options;
}

function text(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}

function family(type: string): string {
  return type === "metric alert" ? "query alert" : type;
}

/** Everything but what Datadog adds: two monitors that agree in it are duplicates. */
function identity(monitor: StoredMonitor): string {
  const { type, name, query, message, tags, priority, options } = monitor;
  const sorted = Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify([type, name, query, message, tags.toSorted(), priority, sorted]);
}

function notFound(): FakeAnswer {
  return errors(404, "Monitor not found");
}

function idOf({ params }: FakeRequest): number {
  return Number(params[0]);
}
