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

const PERMISSION = "monitors_downtime";
const ALL = /^\/api\/v2\/downtime$/;
const ONE = /^\/api\/v2\/downtime\/([^/]+)$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const FIELDS = new Set([
  "display_timezone",
  "message",
  "monitor_identifier",
  "mute_first_recovery_notification",
  "notify_end_states",
  "notify_end_types",
  "schedule",
  "scope",
]);

export const downtimeRoutes: readonly Route[] = [
  {
    method: "POST",
    path: ALL,
    permission: PERMISSION,
    run({ world, body }) {
      const sent = attributesIn(body);
      const refused = refusal(world, sent);
      return refused ?? { status: 200, body: { data: makeDowntime(world, sent) } };
    },
  },
  {
    method: "GET",
    path: ALL,
    permission: PERMISSION,
    run({ world, query }) {
      const all = [...world.downtimes.values()].filter((one) => !isCanceled(one)).map(shownDowntime);
      const offset = Number(query.get("page[offset]") ?? 0);
      const limit = Number(query.get("page[limit]") ?? 30);
      const page = { total_filtered_count: all.length };
      return { status: 200, body: { data: all.slice(offset, offset + limit), meta: { page } } };
    },
  },
  {
    method: "GET",
    path: ONE,
    permission: PERMISSION,
    run: (request) => found(request) ?? { status: 200, body: { data: shownDowntime(standing(request)) } },
  },
  {
    method: "PATCH",
    path: ONE,
    permission: PERMISSION,
    run(request) {
      const missing = found(request);
      if (missing !== undefined) return missing;
      const { world, body } = request;
      const sent = attributesIn(body);
      const refused = refusal(world, sent);
      if (refused !== undefined) return refused;
      const existing = standing(request);
      const attributes = normalise(sent, fieldsOf(existing["attributes"]));
      const downtime = { ...existing, attributes };
      world.downtimes.set(existing.id, downtime);
      return { status: 200, body: { data: shownDowntime(downtime) } };
    },
  },
  {
    method: "DELETE",
    path: ONE,
    permission: PERMISSION,
    run(request) {
      const id = request.params[0] ?? "";
      const missing = found(request, `Downtime ${id} not found`);
      if (missing !== undefined) return missing;
      cancelDowntime(request.world, id);
      return { status: 204 };
    },
  },
];

/** Stores a downtime as Datadog would, without a look at whether it makes sense. */
export function makeDowntime(world: FakeWorld, attributes: Fields): StoredObject {
  const text = world.newHex(32);
  const parts = [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)];
  const downtime = { type: "downtime", id: parts.join("-"), attributes: normalise(attributes, undefined) };
  world.downtimes.set(downtime.id, downtime);
  return shownDowntime(downtime);
}

/** Ends a downtime. It stays readable; to cancel it again changes nothing. */
export function cancelDowntime(world: FakeWorld, id: string): void {
  const downtime = world.downtimes.get(id);
  if (downtime === undefined || isCanceled(downtime)) return;
  const attributes = { ...fieldsOf(downtime["attributes"]), canceled: timestamp() };
  world.downtimes.set(id, { ...downtime, attributes });
}

/** What Datadog refuses, in its words. */
function refusal(world: FakeWorld, sent: Fields): FakeAnswer | undefined {
  const unknown = Object.keys(sent).filter((name) => !FIELDS.has(name));
  if (unknown.length > 0) {
    const names = unknown.map((name) => `'${name}'`).join(", ");
    const were = unknown.length > 1 ? "were" : "was";
    return errors(400, `Additional properties are not allowed (${names} ${were} unexpected)`);
  }
  if (typeof sent["scope"] === "string" && !isScope(sent["scope"])) {
    return errors(400, "All values must have a key");
  }
  const id = fieldsOf(sent["monitor_identifier"])["monitor_id"];
  if (id !== undefined && !world.monitors.has(Number(id))) return errors(400, "Monitor not found");
  const { start, end } = fieldsOf(sent["schedule"]);
  if (typeof end !== "string") return undefined;
  if (typeof start === "string" && Date.parse(end) <= Date.parse(start)) {
    return errors(400, "end must be after start");
  }
  return Date.parse(end) < Date.now() ? errors(400, "end must be in the future") : undefined;
}

/** Every term is `*` or has a key. */
function isScope(scope: string): boolean {
  const terms = scope
    .replaceAll(/[^\s:()]+:\s*\([^)]*\)/g, "key:value")
    .split(/\s+(?:AND|OR)\s+|[,()]/i)
    .map((term) => term.trim().replace(/^(?:NOT\s+|[!-])+/i, ""))
    .filter((term) => term !== "");
  return terms.every((term) => term === "*" || /^[^\s:]+:.+/.test(term));
}

/** What Datadog makes of a body before it stores it. An update keeps what it doesn't name. */
function normalise(sent: Fields, stored: Fields | undefined): Fields {
  const now = timestamp();
  const kept = (name: string, otherwise: unknown) =>
    sent[name] === undefined ? (stored?.[name] ?? otherwise) : sent[name];
  const schedule = sent["schedule"] === undefined ? stored?.["schedule"] : scheduleOf(sent["schedule"]);
  return {
    mute_first_recovery_notification: kept("mute_first_recovery_notification", false),
    canceled: null,
    monitor_identifier: kept("monitor_identifier", undefined),
    scope: kept("scope", undefined),
    message: kept("message", null),
    display_timezone: sent["display_timezone"] || (stored?.["display_timezone"] ?? "UTC"),
    notify_end_states: reordered(textsOf(kept("notify_end_states", ["alert", "no data", "warn"]))),
    notify_end_types: reordered(textsOf(kept("notify_end_types", ["expired"]))),
    schedule: schedule ?? scheduleOf({}),
    created: stored?.["created"] ?? now,
    modified: now,
  };
}

function scheduleOf(sent: unknown): Fields {
  const { timezone, recurrences, start, end } = fieldsOf(sent);
  if (Array.isArray(recurrences)) {
    const begin = timestamp().slice(0, 19);
    const tomorrow = timestamp(Date.now() + 86_400_000).slice(0, 19);
    return {
      timezone: timezone ?? "UTC",
      recurrences: recurrences.map((one: unknown) => ({ start: begin, ...fieldsOf(one) })),
      current_downtime: { start: `${begin}+00:00`, end: `${tomorrow}+00:00` },
    };
  }
  return { start: zoned(start) ?? timestamp(), end: zoned(end) ?? null };
}

function zoned(time: unknown): string | undefined {
  return typeof time === "string" ? time.replace(/Z$/, "+00:00") : undefined;
}

/** As it is answered: with the status of this moment, and the end states in yet another order. */
export function shownDowntime(downtime: StoredObject): StoredObject {
  const attributes = fieldsOf(downtime["attributes"]);
  return {
    ...downtime,
    attributes: {
      ...attributes,
      status: statusOf(attributes),
      notify_end_states: textsOf(attributes["notify_end_states"]).toReversed(),
    },
  };
}

function statusOf(attributes: Fields): string {
  const { start, end, recurrences } = fieldsOf(attributes["schedule"]);
  if (attributes["canceled"] !== null) return "canceled";
  if (recurrences !== undefined) return "active";
  if (typeof end === "string" && Date.parse(end) < Date.now()) return "ended";
  return Date.parse(String(start)) > Date.now() + 1_000 ? "scheduled" : "active";
}

function isCanceled({ attributes }: StoredObject): boolean {
  return fieldsOf(attributes)["canceled"] !== null;
}

/** Why the downtime that a request names can't be had, or undefined if it can. */
function found({ world, params }: FakeRequest, message = "Downtime not found"): FakeAnswer | undefined {
  const id = params[0] ?? "";
  if (!UUID.test(id)) return errors(400, "Invalid URL param: downtime_id must be an uuid");
  return world.downtimes.has(id) ? undefined : errors(404, message);
}

function standing({ world, params }: FakeRequest): StoredObject {
  const downtime = world.downtimes.get(params[0] ?? "");
  if (downtime === undefined) throw new Error(`there is no downtime ${params[0]}`);
  return downtime;
}

function attributesIn(body: Fields): Fields {
  return fieldsOf(fieldsOf(body["data"])["attributes"]);
}
