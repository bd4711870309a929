import { compareText } from "../../engine/plan/plan.ts";

/** A JSON value as Datadog's API names it, of which only the shape "object" is known. */
export type Json = Readonly<Record<string, unknown>>;

/**
 * A monitor in canonical form: what we want and what Datadog stores, brought to the
 * same shape, so that two equal monitors are deeply equal. Names are the API's own.
 *
 * It holds only what dd-observe decides. Mutes (`options.silenced`), states and authors
 * belong to people or to Datadog and are never part of it.
 */
export interface MonitorBody {
  /** `query alert` also stands for `metric alert`, which Datadog turns into each other. */
  readonly type: string;
  readonly name: string;
  readonly query: string;
  readonly message: string;
  /** Sorted and unique, including our marks. */
  readonly tags: readonly string[];
  /** 1 (highest) to 5, or null. */
  readonly priority: number | null;
  /** As Datadog stores them once its defaults are filled in. */
  readonly options: Json;
  /** Only if the wish sets it, as the two below: people decide these in Datadog. Sorted. */
  readonly restricted_roles?: readonly string[];
  readonly draft_status?: string;
  readonly assets?: readonly Json[];
}

/** The body that we would send for a wish, in canonical form. Unknown top-level keys are left out. */
export function canonicalDesired(wire: Json): MonitorBody {
  const type = familyOf(text(wire["type"]));
  return {
    ...canonicalOuter(wire, wire),
    type,
    name: text(wire["name"]).trim(),
    query: text(wire["query"]).trim(),
    message: text(wire["message"]).trim(),
    tags: canonicalTags(wire["tags"]),
    priority: canonicalPriority(wire["priority"]),
    options: canonicalOptions(type, isObject(wire["options"]) ? wire["options"] : {}),
  };
}

/**
 * A monitor as Datadog returned it, in canonical form.
 *
 * @param wanted The wish, if there is one. Datadog sets some options by itself (`evaluation_delay`
 *   for cloud metrics, options newer than this code). They count only if the wish sets them.
 */
export function canonicalObserved(raw: Json, wanted?: MonitorBody): MonitorBody {
  const { restricted_roles: _roles, draft_status: _status, assets: _assets, ...body } = canonicalDesired(raw);
  if (wanted === undefined) return body;
  const options = Object.fromEntries(
    Object.entries(body.options).filter(([name]) => counts(name, wanted.options)),
  );
  const raws = isObject(raw["options"]) ? raw["options"] : {};
  // It is stored even where nothing notifies; one switch that a person turned is one difference.
  if ("no_data_timeframe" in wanted.options && isNumber(raws["no_data_timeframe"]))
    options["no_data_timeframe"] = raws["no_data_timeframe"];
  // The API's own default, where it is not stored.
  if (wanted.options["require_full_window"] === false) options["require_full_window"] ??= false;
  return { ...body, ...canonicalOuter(raw, { ...wanted }), options };
}

/** Whether an option that stands in Datadog says anything about the wish. */
function counts(name: string, wanted: Json): boolean {
  if (name in wanted) return true;
  return name === "no_data_timeframe" ? wanted["notify_no_data"] === true : !setByServer(name);
}

/** The fields beside the options, as far as `wanted` has them. */
function canonicalOuter(raw: Json, wanted: Json): Partial<MonitorBody> {
  const { restricted_roles: roles, draft_status: status, assets } = raw;
  return {
    ...(wanted["restricted_roles"] === undefined
      ? {}
      : { restricted_roles: Array.isArray(roles) ? [...new Set(roles.map(text))].sort(compareText) : [] }),
    ...(wanted["draft_status"] === undefined ? {} : { draft_status: text(status ?? "published") }),
    // Lists leave assets out unless asked for them: what wasn't told can't differ.
    ...(wanted["assets"] === undefined ? {} : { assets: canonicalAssets(assets ?? wanted["assets"]) }),
  };
}

const ASSET_FIELDS = ["name", "url", "category", "resource_type", "resource_key"] as const;

/** Without what Datadog adds, such as the monitor's own id. */
function canonicalAssets(assets: unknown): readonly Json[] {
  if (!Array.isArray(assets)) return [];
  return assets
    .filter(isObject)
    .map((asset) =>
      Object.fromEntries(
        ASSET_FIELDS.filter((name) => !isEmpty(asset[name])).map((name) => [name, asset[name]]),
      ),
    );
}

/**
 * What is sent to create or replace a monitor. All options are sent, since Datadog
 * replaces them as a whole; never `silenced`, so that people's mutes survive.
 */
export function toWire(body: MonitorBody): Json {
  const options: Record<string, unknown> = { ...body.options };
  // Custom schedules must say what missing data means; the default is not stored (datadog-sync-cli, model/monitors.py).
  if (hasCustomSchedule(options) && options["on_missing_data"] === undefined) {
    options["on_missing_data"] = "default";
    if (options["notify_no_data"] === false) delete options["notify_no_data"];
  }
  // Deprecated, and Datadog fills in the same value.
  if (options["new_host_delay"] === DEFAULT_HOST_DELAY) delete options["new_host_delay"];
  return { ...body, tags: [...body.tags], options };
}

/** Seconds for which Datadog leaves a new host in peace. */
const DEFAULT_HOST_DELAY = 300;

/** Both names of a metric monitor give one: Datadog stores either for the same query. */
export function familyOf(type: string): string {
  return type === "metric alert" ? "query alert" : type;
}

/** Options that the API documents and that stay as they are sent, so that a value we did not wish is a person's. */
const STORED_AS_SENT: ReadonlySet<string> = new Set([
  "aggregation",
  "device_ids",
  "enable_logs_sample",
  "enable_samples",
  "escalation_message",
  "group_retention_duration",
  "groupby_simple_monitor",
  "include_tags",
  "min_failure_duration",
  "min_location_failed",
  "new_group_delay",
  "new_host_delay",
  "no_data_timeframe",
  "notification_preset_name",
  "notify_audit",
  "notify_by",
  "notify_no_data",
  "on_missing_data",
  "renotify_interval",
  "renotify_occurrences",
  "renotify_statuses",
  "scheduling_options",
  "threshold_windows",
  "thresholds",
  "timeout_h",
  "variables",
]);

/** `evaluation_delay`, `require_full_window`, `avalanche_window` and `locked` were all seen without having been sent. */
function setByServer(option: string): boolean {
  return !STORED_AS_SENT.has(option);
}

/** Options whose zero, empty text or false means the same as leaving them out. */
const SAME_AS_ABSENT: Readonly<Record<string, unknown>> = {
  escalation_message: "",
  groupby_simple_monitor: false,
  locked: false,
  renotify_interval: 0,
  timeout_h: 0,
};

/** Brings options to the form in which Datadog stores them, defaults filled in as it does. */
function canonicalOptions(type: string, sent: Json): Json {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(sent)) {
    const stored = canonicalOption(type, name, value);
    if (isEmpty(stored) || SAME_AS_ABSENT[name] === stored) continue;
    options[name] = stored;
  }
  delete options["silenced"];
  delete options["avalanche_window"];

  if (hasCustomSchedule(options)) {
    // Not stored there, and Datadog decides the window by itself (recorded; terraform-provider-datadog).
    if (options["on_missing_data"] === "default") delete options["on_missing_data"];
    delete options["require_full_window"];
  }
  if (options["on_missing_data"] === undefined) options["notify_no_data"] ??= false;
  else if (options["notify_no_data"] === false) delete options["notify_no_data"];
  if (options["notify_no_data"] !== true) delete options["no_data_timeframe"];
  options["notify_audit"] ??= false;
  options["include_tags"] ??= true;
  // A group delay, even 0, takes the place of the host delay (terraform-provider-datadog#1533).
  if (options["new_group_delay"] === undefined) options["new_host_delay"] ??= DEFAULT_HOST_DELAY;
  else delete options["new_host_delay"];
  return options;
}

function canonicalOption(type: string, name: string, value: unknown): unknown {
  if (typeof value === "string") return name === "escalation_message" ? value.trim() : value;
  if ((name === "thresholds" || name === "threshold_windows") && isObject(value)) {
    // Only service checks count by status; elsewhere these two mean nothing (terraform-provider-datadog#1418).
    const ignored = type === "service check" ? [] : ["ok", "unknown"];
    const kept = Object.entries(value).filter(
      ([field, limit]) => limit !== null && limit !== undefined && !ignored.includes(field),
    );
    return Object.fromEntries(kept);
  }
  if ((name === "renotify_statuses" || name === "notify_by") && Array.isArray(value))
    return [...new Set(value.map(text))].sort(compareText);
  return value;
}

function hasCustomSchedule(options: Json): boolean {
  const scheduling = options["scheduling_options"];
  return isObject(scheduling) && !isEmpty(scheduling["custom_schedule"]);
}

/** Order carries no meaning in tags; case does, as Datadog keeps it on monitors. */
export function canonicalTags(tags: unknown): readonly string[] {
  if (!Array.isArray(tags)) return [];
  return [...new Set(tags.map((tag) => text(tag).trim()))].filter((tag) => tag !== "").sort(compareText);
}

function canonicalPriority(priority: unknown): number | null {
  const number = Number(priority ?? 0);
  return Number.isInteger(number) && number > 0 ? number : null;
}

export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}
