const INSTANT = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2})?(\.\d+)?\s*([Zz]|[+-]\d{2}:?\d{2})?$/;

/**
 * One form for one instant, `2026-12-24T18:00:00Z`, with the fraction of a second as far as there is one.
 * Without a zone it is taken as UTC, so that no machine's zone decides.
 *
 * @returns The text itself if it is no instant.
 */
export function instant(text: string): string {
  const match = INSTANT.exec(text);
  if (match === null) return text;
  const [, date, minutes, seconds = ":00", fraction = "", zone = "Z"] = match;
  const timeMs = Date.parse(`${date}T${minutes}${seconds}${zoneOf(zone)}`);
  if (Number.isNaN(timeMs)) return text;
  // Date keeps milliseconds only, Datadog microseconds.
  const kept = fraction.replace(/\.?0*$/, "");
  return `${new Date(timeMs).toISOString().slice(0, "2026-12-24T18:00:00".length)}${kept}Z`;
}

function zoneOf(text: string): string {
  if (text.toUpperCase() === "Z") return "Z";
  return text.includes(":") ? text : `${text.slice(0, 3)}:${text.slice(3)}`;
}

/** A time on the clock of a place that is named elsewhere, with seconds: `2026-12-24T18:00:00`. */
export function wallTime(text: string): string {
  const match = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2})(:\d{2})?(?:\.0+)?$/.exec(text);
  return match === null ? text : `${match[1]}T${match[2]}${match[3] ?? ":00"}`;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** How long a recurrence lasts: `90m`, `4h`, `1d`, `1w`. Endless if it can't be read, so that nothing counts as over. */
export function durationMs(text: string): number {
  const match = /^(\d+)([mhdw])$/.exec(text);
  const unit = UNIT_MS[match?.[2] ?? ""];
  return match === null || unit === undefined ? Number.POSITIVE_INFINITY : Number(match[1]) * unit;
}

/** The most by which a wall time may differ from UTC, in either direction. */
const WIDEST_OFFSET_MS = 14 * 3_600_000;

/**
 * The latest instant at which a rule can start once more, if it says so by `UNTIL`. A time without a
 * zone is taken as late as it can be anywhere. A rule that counts instead is taken as endless.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5545#section-3.3.10
 */
export function lastStartMs(rrule: string): number | undefined {
  const match = /(?:^|[;:])UNTIL=(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?(?:;|$)/i.exec(rrule);
  if (match === null) return undefined;
  const [, year, month, day, hour = "23", minute = "59", second = "59", zone = ""] = match;
  const timeMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(timeMs)) return undefined;
  return zone === "" ? timeMs + WIDEST_OFFSET_MS : timeMs;
}
