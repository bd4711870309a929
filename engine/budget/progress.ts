import { z } from "zod";

import type { BudgetStatus } from "./status.ts";

/** What the leader says of its calls to Datadog, as it stands in Consul's KV: only while there is something to say. */
const progress = z.object({
  /** When it was said, ISO 8601. */
  at: z.string(),
  /** What waits for the rate limit. Absent if nothing does. */
  limited: z
    .object({
      waiting: z.number(),
      total: z.number(),
      /** ISO 8601 */
      until: z.string(),
    })
    .optional(),
  /** Absent while Datadog answers. */
  down: z
    .object({
      /** ISO 8601 */
      since: z.string(),
      /** ISO 8601 */
      nextTryAt: z.string(),
    })
    .optional(),
});
export type Progress = z.infer<typeof progress>;

export function progressKey(statePrefix: string): string {
  return `${statePrefix}/state/progress`;
}

/** The leader repeats what it has to say more often than this; clocks of two machines differ by less. What is older is not believed. */
const STALE_MS = 15_000;

/** What there is to say at `now`, in milliseconds since 1970. Undefined if nothing waits and Datadog answers. */
export function progressOf(
  { waiting, total, estimatedWaitMs, down }: BudgetStatus,
  now: number,
): Progress | undefined {
  const isLimited = waiting > 0 && estimatedWaitMs > 0;
  if (!isLimited && down === undefined) return undefined;
  return {
    at: iso(now),
    ...(isLimited ? { limited: { waiting, total, until: iso(now + estimatedWaitMs) } } : {}),
    ...(down === undefined
      ? {}
      : { down: { since: iso(down.since), nextTryAt: iso(now + down.nextTryInMs) } }),
  };
}

/** Reads what is stored. Undefined if it is too old to be true, or no progress at all. */
export function parseProgress(text: string | undefined, now: number): Progress | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // Somebody else wrote it.
  }
  const { data } = progress.safeParse(value);
  if (data === undefined) return undefined;
  return Math.abs(now - Date.parse(data.at)) <= STALE_MS ? data : undefined;
}

/** `Datadog: 312 of 4,000 waiting for the rate limit, about 40 s`, `Datadog: down since 22:14:03, next try in 12 s`. */
export function progressInWords({ limited, down }: Progress, now: number): string {
  const parts: string[] = [];
  if (down !== undefined) {
    const leftMs = Date.parse(down.nextTryAt) - now;
    const next = leftMs > 0 ? `next try in ${durationInWords(leftMs)}` : "tried again now";
    parts.push(`down since ${timeOfDay(down.since, now)}, ${next}`);
  }
  if (limited !== undefined) {
    const leftMs = Math.max(0, Date.parse(limited.until) - now);
    const counts = `${count(limited.waiting)} of ${count(limited.total)} waiting for the rate limit`;
    parts.push(`${counts}, about ${durationInWords(leftMs)}`);
  }
  return `Datadog: ${parts.join("; ")}`;
}

/** `40 s`, `12 min`, `3 h` */
function durationInWords(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** In the reader's own time zone; with the date if it is not today. */
function timeOfDay(at: string, now: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const two = (value: number): string => String(value).padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
