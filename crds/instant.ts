import { z } from "zod";

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;
const LOCAL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?$/;

/** Reads a moment with its offset as milliseconds since 1970; undefined if it is none, such as the 30th of February. */
export function parseInstant(text: string): number | undefined {
  if (!INSTANT.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) || !isDay(text.slice(0, 10)) ? undefined : ms;
}

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}

/** A moment, the same for everybody. */
export const instant = z.string().refine((text) => parseInstant(text) !== undefined, {
  error: "must be a moment with its time zone, such as 2026-12-20T00:00:00Z",
});

/** A date and a time of day, in a zone that is named elsewhere. */
export const localTime = z
  .string()
  .refine((text) => LOCAL.test(text) && parseInstant(`${text}Z`) !== undefined, {
    error: "must be a date and time without a zone, such as 2026-12-20T22:00:00",
  });

/** A name of the time zone database. */
export const timezone = z.string().refine(isTimezone, {
  error: "must be the name of a time zone, such as Europe/Berlin or UTC",
});

function isTimezone(name: string): boolean {
  // Intl also takes offsets, which Datadog doesn't.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false; // A RangeError is how Intl says that there is no such zone.
  }
}
