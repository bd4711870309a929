import {
  errors,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type Route,
  type StoredMonitor,
} from "./datadog-api.ts";
import { family, identity, normalise, refusal, refusedReferences, text } from "./datadog-monitor-rules.ts";

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
  { method: "GET", path: /^\/api\/v1\/monitor\/groups\/search$/, permission: READ, run: searchGroups },
  {
    method: "GET",
    path: ONE,
    permission: READ,
    limit: { limit: 3_000, periodSeconds: 10, name: "get_monitors" },
    run: (request) => {
      const monitor = request.world.monitors.readable().get(idOf(request));
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
  const found = [...world.monitors.readable().values()]
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
  const found = [...world.monitors.readable().values()].filter((monitor) =>
    monitor.name.toLowerCase().includes(wanted),
  );
  const metadata = { total_count: found.length, page: 0, per_page: 30, page_count: 1 };
  const monitors = found
    .slice(0, 30)
    .map(({ id, name, type, query: of, tags }) => ({ id, name, type, query: of, tags }));
  return { status: 200, body: { monitors, metadata, counts: {} } };
}

/** Each monitor has one group here. Of the search's language only `tag:"…"` is known. */
function searchGroups({ world, query }: FakeRequest): FakeAnswer {
  const tags = [...(query.get("query") ?? "").matchAll(/tag:(?:"([^"]*)"|(\S+))/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  );
  const found = [...world.monitors.readable().values()].filter((monitor) =>
    tags.every((tag) => monitor.tags.includes(tag)),
  );
  const byStatus = Map.groupBy(found, (monitor) => text(monitor["overall_state"]));
  const status = [...byStatus].map(([name, monitors]) => ({ count: monitors.length, name }));
  const perPage = Number(query.get("per_page") ?? 30);
  const page = Number(query.get("page") ?? 0);
  const groups = found.slice(page * perPage, (page + 1) * perPage).map((monitor) => ({
    group: "total",
    group_tags: ["total"],
    last_nodata_ts: 0,
    last_triggered_ts: null,
    monitor_id: monitor.id,
    monitor_name: monitor.name,
    status: monitor["overall_state"],
  }));
  const pageCount = Math.ceil(found.length / perPage);
  const metadata = { total_count: found.length, page, per_page: perPage, page_count: pageCount };
  return { status: 200, body: { counts: { status, muted: [], tag: [], type: [] }, groups, metadata } };
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
  const user = [...world.slos.values()].find(
    ({ monitor_ids: ids }) => Array.isArray(ids) && ids.includes(id),
  );
  const slo = user === undefined ? world.references.get(id) : `${user.id},${text(user["name"])}`;
  if (slo !== undefined) return `monitor [${id},${name}] is referenced in slos: [${slo}]`;
  const composite = [...world.monitors.values()].find(
    (other) => other.type === "composite" && new RegExp(`\\b${id}\\b`).test(other.query),
  );
  if (composite === undefined) return undefined;
  return `monitor [${id},${name}] is referenced in composite monitors: [${composite.id},${composite.name}]`;
}

function notFound(): FakeAnswer {
  return errors(404, "Monitor not found");
}

function idOf({ params }: FakeRequest): number {
  return Number(params[0]);
}
