import {
  errors,
  type FakeAnswer,
  type FakeWorld,
  type Fields,
  type MonitorContent,
  type StoredMonitor,
} from "./datadog-api.ts";

/** What Datadog refuses, in its words. */
export function refusal(body: Fields): FakeAnswer | undefined {
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

export function refusedReferences(world: FakeWorld, body: Fields): FakeAnswer | undefined {
  if (body["type"] !== "composite") return undefined;
  const ids = String(body["query"]).match(/\d+/g) ?? [];
  const isKnown = ids.every((id) => world.monitors.has(Number(id)));
  return isKnown ? undefined : errors(400, "Some monitor IDs are invalid");
}

/** What Datadog makes of a body before it stores it. */
export function normalise(body: Fields, existing: StoredMonitor | undefined): MonitorContent {
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

export function text(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}

export function family(type: string): string {
  return type === "metric alert" ? "query alert" : type;
}

/** Everything but what Datadog adds: two monitors that agree in it are duplicates. */
export function identity(monitor: StoredMonitor): string {
  const { type, name, query, message, tags, priority, options } = monitor;
  const sorted = Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify([type, name, query, message, tags.toSorted(), priority, sorted]);
}
