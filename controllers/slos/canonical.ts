import { compareText, isSame } from "../../engine/plan/plan.ts";
import { canonicalTags, isEmpty, isObject, text, type Json } from "../monitors/canonical.ts";

/**
 * An SLO in canonical form: what we want and what Datadog stores, brought to the same shape,
 * so that two equal SLOs are deeply equal. Names are the API's own.
 *
 * Further fields of a wish are kept under their own names. What Datadog sets itself is never part of it.
 */
export interface SloBody {
  /** `metric`, `monitor` or `time_slice`. Datadog never changes it: a PUT with another one is taken and ignored. */
  readonly type: string;
  readonly name: string;
  readonly description: string;
  /** Sorted and unique, including our marks. */
  readonly tags: readonly string[];
  /** By length of the timeframe. */
  readonly thresholds: readonly unknown[];
  /** The one that is shown first; that of the first threshold unless the wish says another. */
  readonly timeframe: string;
  /** Those of that timeframe's threshold unless the wish says others. */
  readonly target_threshold?: number;
  readonly warning_threshold?: number;
  /** Sorted. Texts, since a monitor of ours is named by a token until its number is known. */
  readonly monitor_ids: readonly string[];
  readonly groups: readonly string[];
  /** What a metric SLO counts, `numerator` and `denominator`, however it was written down. */
  readonly query?: Json;
  /** What a time-slice SLO measures. */
  readonly sli_specification?: Json;
  readonly [further: string]: unknown;
}

/** The body that we would send for a wish, in canonical form. Equal to its argument if that is canonical already. */
export function canonicalDesired(wire: Json): SloBody {
  const type = text(wire["type"]);
  const thresholds = listOf(wire["thresholds"]).map(canonicalThreshold);
  const timeframe = text(wire["timeframe"]) || timeframeOf(thresholds[0]);
  const shown = thresholds.find((one) => timeframeOf(one) === timeframe) ?? {};
  return {
    ...furtherFields(wire),
    type,
    name: text(wire["name"]).trim(),
    description: text(wire["description"]).trim(),
    tags: sloTags(wire["tags"]),
    thresholds: [...thresholds].sort(byTimeframe),
    timeframe,
    ...numberField("target_threshold", wire["target_threshold"] ?? shown["target"]),
    ...numberField("warning_threshold", wire["warning_threshold"] ?? shown["warning"]),
    monitor_ids: canonicalTags(listOf(wire["monitor_ids"]).map(text)),
    groups: canonicalTags(wire["groups"]),
    ...canonicalIndicator(type, wire),
  };
}

/**
 * An SLO as Datadog returned it, in canonical form.
 *
 * @param wanted The wish, if there is one. Datadog stores tags in lower case; they are spelt as the
 *   wish spells them. A field newer than this code counts only if the wish sets it.
 */
export function canonicalObserved(raw: Json, wanted?: SloBody): SloBody {
  if (wanted === undefined) return canonicalDesired(raw);
  // A specification that no query can say is compared as it is.
  const isSpecified = wanted.type === "metric" && wanted.sli_specification !== undefined;
  const body = canonicalDesired(isSpecified ? { ...raw, query: undefined } : raw);
  const spelling = new Map(wanted.tags.map((tag) => [storedTag(tag), tag]));
  const kept = Object.entries(body).filter(([field]) => FIELDS.has(field) || field in wanted);
  // Sorted while they were tokens, the numbers of a wish may stand in another order.
  const isSameSet = isSame(body.monitor_ids, [...wanted.monitor_ids].sort(compareText));
  return {
    // Every field of a body is among those that are kept.
    ...(Object.fromEntries(kept) as SloBody),
    tags: canonicalTags(body.tags.map((tag) => spelling.get(storedTag(tag)) ?? tag)),
    monitor_ids: isSameSet ? wanted.monitor_ids : body.monitor_ids,
  };
}

/** What is sent to create or replace an SLO. A monitor's text that is no number is sent as it is, for Datadog to refuse. */
export function toWire(body: SloBody): Json {
  const { monitor_ids: monitors, groups, ...wire } = body;
  return {
    ...wire,
    ...(monitors.length > 0
      ? { monitor_ids: monitors.map((id) => (/^\d+$/.test(id) ? Number(id) : id)) }
      : {}),
    ...(groups.length > 0 ? { groups } : {}),
  };
}

/** Every field of a body. */
const FIELDS: ReadonlySet<string> = new Set([
  "description",
  "groups",
  "monitor_ids",
  "name",
  "query",
  "sli_specification",
  "tags",
  "target_threshold",
  "thresholds",
  "timeframe",
  "type",
  "warning_threshold",
]);

/** Fields of an answer that Datadog sets by itself. */
export const SET_BY_DATADOG: ReadonlySet<string> = new Set([
  "configured_alert_ids",
  "created_at",
  "creator",
  "id",
  "modified_at",
  "monitor_tags",
  "type_id",
]);

function furtherFields(wire: Json): Json {
  return Object.fromEntries(
    Object.entries(wire).filter(
      ([field, value]) =>
        !FIELDS.has(field) && !SET_BY_DATADOG.has(field) && value !== null && value !== undefined,
    ),
  );
}

/** Datadog writes each number a second time, as a text for people. */
function canonicalThreshold(threshold: unknown): Json {
  if (!isObject(threshold)) return {};
  const { target_display: _target, warning_display: _warning, target, warning, ...rest } = threshold;
  return { ...rest, ...numberField("target", target), ...numberField("warning", warning) };
}

function timeframeOf(threshold: Json | undefined): string {
  return text(threshold?.["timeframe"]);
}

function byTimeframe(a: Json, b: Json): number {
  const days = (one: Json) => Number.parseInt(timeframeOf(one), 10) || Number.MAX_SAFE_INTEGER;
  return days(a) - days(b) || compareText(timeframeOf(a), timeframeOf(b));
}

/** 99.5 and "99.5" are the same; a null is a field left out. */
function numberField(name: string, value: unknown): Json {
  if (value === null || value === undefined || value === "") return {};
  const number = typeof value === "string" ? Number(value) : value;
  return { [name]: Number.isNaN(number) ? value : number };
}

/** Two tags that Datadog stores as one are one. */
function sloTags(tags: unknown): readonly string[] {
  const stored = new Map<string, string>();
  for (const tag of canonicalTags(tags)) {
    if (!stored.has(storedTag(tag))) stored.set(storedTag(tag), tag);
  }
  return [...stored.values()];
}

/**
 * A tag of an SLO as Datadog stores it. Monitors keep theirs as they were sent.
 *
 * @see https://github.com/DataDog/terraform-provider-datadog/issues/1675
 * @see https://docs.datadoghq.com/getting_started/tagging/#define-tags
 */
export function storedTag(tag: string): string {
  return tag
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_:./-]+/gu, "_")
    .slice(0, 200)
    .replace(/_+$/, "");
}

/** Seconds of a slice where the wish names none. */
const DEFAULT_SLICE = 300;

/**
 * What is measured. Datadog derives a metric SLO's query and its specification from each other,
 * and some organisations get the query alone back; so the query is what we compare and send.
 */
function canonicalIndicator(type: string, wire: Json): Pick<SloBody, "query" | "sli_specification"> {
  const query = isObject(wire["query"]) && !isEmpty(wire["query"]) ? trimmed(wire["query"]) : undefined;
  const specification = isObject(wire["sli_specification"]) ? wire["sli_specification"] : {};
  if (type === "metric") {
    const counted = query ?? queryOfCount(specification["count"]);
    if (counted !== undefined) return { query: counted };
  }
  const slice = specification["time_slice"];
  const filled = isObject(slice)
    ? { ...specification, time_slice: { query_interval_seconds: DEFAULT_SLICE, ...withoutNulls(slice) } }
    : specification;
  return {
    ...(query === undefined ? {} : { query }),
    ...(isEmpty(filled) ? {} : { sli_specification: filled }),
  };
}

/**
 * The query that Datadog derives from a specification: names in the formulas give way to their
 * queries; without a formula for all events, they are the good and the bad ones together.
 *
 * @returns undefined for a specification that says more than a query can.
 */
function queryOfCount(count: unknown): Json | undefined {
  if (!isObject(count)) return undefined;
  const queries = new Map<string, string>();
  for (const one of listOf(count["queries"])) {
    if (!isObject(one) || one["data_source"] !== "metrics" || Object.keys(one).length !== 3) return undefined;
    queries.set(text(one["name"]), text(one["query"]).trim());
  }
  const good = inserted(count["good_events_formula"], queries);
  const bad = inserted(count["bad_events_formula"], queries);
  const total = inserted(count["total_events_formula"], queries);
  if (good === undefined) return undefined;
  if (total !== undefined) return { numerator: good, denominator: total };
  return bad === undefined ? undefined : { numerator: good, denominator: `(${good}) + (${bad})` };
}

/** @returns undefined where the formula names a query that isn't there, or holds more than names, numbers, signs and functions. */
function inserted(formula: unknown, queries: ReadonlyMap<string, string>): string | undefined {
  const written = isObject(formula) ? text(formula["formula"]).trim() : "";
  if (written === "" || /['"]/.test(written)) return undefined;
  let isKnown = true;
  const result = written.replaceAll(/(?<![\w.])[A-Za-z_]\w*(\s*\()?/g, (name, call: string | undefined) => {
    if (call !== undefined) return name;
    const query = queries.get(name);
    if (query === undefined) isKnown = false;
    return query ?? name;
  });
  return isKnown ? result : undefined;
}

function trimmed(query: Json): Json {
  return Object.fromEntries(
    Object.entries(withoutNulls(query)).map(([name, value]) => [
      name,
      typeof value === "string" ? value.trim() : value,
    ]),
  );
}

function withoutNulls(record: Json): Json {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== null && value !== undefined),
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
