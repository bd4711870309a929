import { isSame } from "../../engine/plan/plan.ts";
import { textSet, trimmed } from "../datadog/texts.ts";
import { isObject, type Json } from "../monitors/canonical.ts";
import { durationMs, instant, lastStartMs, wallTime } from "./time.ts";

/** One span of time. Instants as `instant` writes them. */
export interface OneTime {
  /** Absent if the wish leaves it out: the downtime begins when it is created. */
  readonly start?: string;
  /** Null if it ends by hand only. */
  readonly end: string | null;
}

export interface Recurrence {
  readonly rrule: string;
  /** `90m`, `4h`, `1d`, `1w`. */
  readonly duration: string;
  /** Wall time in the schedule's zone, `2026-12-24T18:00:00`. Absent if the wish leaves it out. */
  readonly start?: string;
}

export interface Recurring {
  readonly timezone: string;
  readonly recurrences: readonly Recurrence[];
}

/**
 * A downtime in canonical form: what we want and what Datadog stores, brought to the same shape,
 * so that two equal downtimes are deeply equal. Names are the API's own.
 *
 * @see https://docs.datadoghq.com/api/latest/downtimes/#schedule-a-downtime
 */
export interface DowntimeBody {
  readonly scope: string;
  /** One monitor's number as text, or the tags that its monitors have, sorted and unique. */
  readonly monitor_identifier: { readonly monitor_id: string } | { readonly monitor_tags: readonly string[] };
  /** With our mark in its last line. Empty if there is none. */
  readonly message: string;
  /** The zone in which people are shown the times. */
  readonly display_timezone: string;
  readonly mute_first_recovery_notification: boolean;
  /** Sorted and unique, as `notify_end_types`. Both may be empty. */
  readonly notify_end_states: readonly string[];
  readonly notify_end_types: readonly string[];
  readonly schedule: OneTime | Recurring;
}

/** What is filled in where nothing is sent (recorded). */
const END_STATES: readonly string[] = ["alert", "no data", "warn"];
const END_TYPES: readonly string[] = ["expired"];
const TIMEZONE = "UTC";

/**
 * The body that we would send for a wish, in canonical form.
 *
 * @param wire With the API's envelope: `{ attributes }`.
 */
export function canonicalDesired(wire: Json): DowntimeBody {
  const attributes = attributesOf(wire);
  return {
    scope: trimmed(attributes["scope"]),
    monitor_identifier: canonicalIdentifier(attributes["monitor_identifier"]),
    message: trimmed(attributes["message"]),
    display_timezone: trimmed(attributes["display_timezone"]) || TIMEZONE,
    mute_first_recovery_notification: attributes["mute_first_recovery_notification"] === true,
    notify_end_states: textSet(attributes["notify_end_states"] ?? END_STATES),
    notify_end_types: textSet(attributes["notify_end_types"] ?? END_TYPES),
    schedule: canonicalSchedule(attributes["schedule"]),
  };
}

/**
 * A downtime as Datadog returned it, in canonical form.
 *
 * @param raw An item of the list, or `data` of a single answer.
 * @param wanted The wish, if there is one. A start that it leaves out is Datadog's own and doesn't count.
 */
export function canonicalObserved(raw: Json, wanted?: DowntimeBody): DowntimeBody {
  const body = canonicalDesired(raw);
  if (wanted === undefined) return body;
  return { ...body, schedule: comparable(body.schedule, wanted.schedule, attributesOf(raw)) };
}

/**
 * `data` of the request that creates the downtime.
 *
 * @param nowMs If given, a start that is past is left to Datadog, which refuses it ("start cannot
 *   be in the past", terraform-provider-datadog#1983): the downtime begins at once.
 * @throws {TypeError} if the monitor is still a reference: nothing may be sent then.
 */
export function toWire(body: DowntimeBody, nowMs?: number): Json {
  const { schedule } = body;
  const isPast =
    nowMs !== undefined &&
    "end" in schedule &&
    schedule.start !== undefined &&
    Date.parse(schedule.start) <= nowMs;
  return {
    type: "downtime",
    attributes: {
      ...body,
      monitor_identifier: wireIdentifier(body.monitor_identifier),
      message: body.message === "" ? null : body.message,
      schedule: wireSchedule(isPast ? { end: schedule.end } : schedule),
    },
  };
}

/**
 * `data` of the request that brings a stored downtime to the wish: only the fields that differ,
 * since Datadog keeps the others, and a start that doesn't change word for word, since it refuses
 * to move that of a downtime in progress (terraform-provider-datadog#2798).
 *
 * @param raw As Datadog returned it.
 */
export function toPatch(body: DowntimeBody, raw: Json): Json {
  const found = canonicalObserved(raw, body);
  const wire = toWire(body)["attributes"] as Json;
  const attributes = Object.fromEntries(
    Object.entries(wire).filter(
      ([name]) => !isSame(body[name as keyof DowntimeBody], found[name as keyof DowntimeBody]),
    ),
  );
  if ("schedule" in attributes)
    attributes["schedule"] = wireSchedule(withStoredStarts(body.schedule, found.schedule, raw));
  return { type: "downtime", id: raw["id"], attributes };
}

/** False for a downtime that was canceled or has ended: Datadog keeps it readable, but it is not there. */
export function isThere(raw: Json): boolean {
  const status = attributesOf(raw)["status"];
  return status !== "canceled" && status !== "ended";
}

/** True once nothing of the downtime is left to come: it is neither created nor missing. */
export function isOver({ schedule }: DowntimeBody, nowMs: number): boolean {
  if ("end" in schedule) return schedule.end !== null && Date.parse(schedule.end) <= nowMs;
  return (
    schedule.recurrences.length > 0 &&
    schedule.recurrences.every(({ rrule, duration }) => {
      const last = lastStartMs(rrule);
      return last !== undefined && last + durationMs(duration) <= nowMs;
    })
  );
}

function canonicalIdentifier(value: unknown): DowntimeBody["monitor_identifier"] {
  const identifier = isObject(value) ? value : {};
  if ("monitor_id" in identifier) return { monitor_id: trimmed(identifier["monitor_id"]) };
  return { monitor_tags: textSet(identifier["monitor_tags"]) };
}

function canonicalSchedule(value: unknown): OneTime | Recurring {
  const schedule = isObject(value) ? value : {};
  if (!Array.isArray(schedule["recurrences"])) {
    const start = trimmed(schedule["start"]);
    const end = trimmed(schedule["end"]);
    return { ...(start === "" ? {} : { start: instant(start) }), end: end === "" ? null : instant(end) };
  }
  return {
    timezone: trimmed(schedule["timezone"]) || TIMEZONE,
    recurrences: schedule["recurrences"].filter(isObject).map((recurrence) => {
      const start = trimmed(recurrence["start"]);
      return {
        rrule: trimmed(recurrence["rrule"]),
        duration: trimmed(recurrence["duration"]),
        ...(start === "" ? {} : { start: wallTime(start) }),
      };
    }),
  };
}

/** What is stored, without the starts that the wish leaves to Datadog. */
function comparable(
  stored: OneTime | Recurring,
  wanted: OneTime | Recurring,
  attributes: Json,
): OneTime | Recurring {
  if ("end" in stored) {
    if (!("end" in wanted)) return stored;
    if (wanted.start === undefined) return startsLater(stored, attributes) ? stored : { end: stored.end };
    return beganLate(wanted.start, attributes) ? { ...stored, start: wanted.start } : stored;
  }
  if ("end" in wanted) return stored;
  const recurrences = stored.recurrences.map((recurrence, at) => {
    if (wanted.recurrences[at]?.start !== undefined) return recurrence;
    return { rrule: recurrence.rrule, duration: recurrence.duration };
  });
  return { ...stored, recurrences };
}

/** True if the wished start was past when the downtime was created, so that it began then, and cannot begin earlier any more. */
function beganLate(start: string, attributes: Json): boolean {
  const created = Date.parse(trimmed(attributes["created"]));
  return attributes["status"] === "active" && Date.parse(start) < created;
}

/** True if it begins later than when it was written last: somebody stated a start, and Datadog didn't fill in its own. */
function startsLater({ start = "" }: OneTime, attributes: Json): boolean {
  const written = Date.parse(trimmed(attributes["modified"]) || trimmed(attributes["created"]));
  return Date.parse(start) > written + FILL_IN_MS;
}

/** A start that Datadog fills in is that of the request, give or take a clock. */
const FILL_IN_MS = 60_000;

function withStoredStarts(
  wanted: OneTime | Recurring,
  found: OneTime | Recurring,
  raw: Json,
): OneTime | Recurring {
  const stored = canonicalDesired(raw).schedule;
  if ("end" in wanted) {
    if (!("end" in stored) || !("end" in found) || wanted.start !== found.start) return wanted;
    return { ...stored, end: wanted.end };
  }
  if ("end" in stored) return wanted;
  const recurrences = wanted.recurrences.map((recurrence, at) => {
    const start = recurrence.start ?? stored.recurrences[at]?.start;
    return start === undefined ? recurrence : { ...recurrence, start };
  });
  return { ...wanted, recurrences };
}

function wireSchedule(schedule: OneTime | Recurring): Json {
  if ("end" in schedule) return { start: schedule.start ?? null, end: schedule.end };
  return {
    timezone: schedule.timezone,
    recurrences: schedule.recurrences.map((recurrence) => ({ start: null, ...recurrence })),
  };
}

function wireIdentifier(identifier: DowntimeBody["monitor_identifier"]): Json {
  if ("monitor_tags" in identifier) return { monitor_tags: [...identifier.monitor_tags] };
  if (!/^\d+$/.test(identifier.monitor_id))
    throw new TypeError(`"${identifier.monitor_id}" is no monitor's number: the reference is not resolved`);
  return { monitor_id: Number(identifier.monitor_id) };
}

function attributesOf(wire: Json): Json {
  return isObject(wire["attributes"]) ? wire["attributes"] : {};
}
