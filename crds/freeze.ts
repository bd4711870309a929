import { z } from "zod";

import { parseInstant, timezone } from "./instant.ts";

export const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/;
/** Windows may follow one another for ever; whoever asks in two weeks learns of the next ones. */
const AHEAD_MS = 14 * DAY_MS;

const momentOrClock = z.string().refine((text) => CLOCK.test(text) || parseInstant(text) !== undefined, {
  error: "must be a moment such as 2026-12-20T00:00:00Z, or a time of day such as 22:00",
});

/** A time in which nothing is written: once, or again and again. */
export const freezeWindow = z
  .strictObject({
    from: momentOrClock.meta({
      description: "When it begins: a moment, or a time of day.",
      examples: ["2026-12-20T00:00:00Z", "22:00"],
    }),
    to: momentOrClock.meta({
      description: "When it ends; the same form as `from`. A time of day before `from` is the next day's.",
      examples: ["2027-01-02T00:00:00Z", "06:00"],
    }),
    days: z
      .array(z.enum(DAYS))
      .min(1)
      .max(7)
      .optional()
      .meta({
        description: "Days on which it begins. Without it: every day. Times of day only.",
        examples: [["sat", "sun"]],
      }),
    timezone: timezone
      .optional()
      .meta({ description: "Time zone of the times of day.", examples: ["Europe/Berlin"], default: "UTC" }),
    reason: z.string().min(1).max(200).optional().meta({ description: "Why; shown wherever it holds." }),
  })
  .superRefine((window, context) => {
    for (const [path, message] of faultsOf(window))
      context.addIssue({ code: "custom", path: [path], message, input: window[path] });
  });
export type FreezeWindow = z.infer<typeof freezeWindow>;

/** A window's fields before they are held against one another. */
interface Bounds {
  readonly from: string;
  readonly to: string;
  readonly days?: readonly string[] | undefined;
  readonly timezone?: string | undefined;
}

function faultsOf(window: Bounds): readonly (readonly [path: keyof Bounds, message: string])[] {
  const { from, to } = window;
  const isClock = CLOCK.test(from);
  if (isClock !== CLOCK.test(to))
    return [["to", "must be of the same form as from: two moments, or two times of day"]];
  if (isClock) {
    if (from === "24:00") return [["from", "must be before 24:00; write 00:00"]];
    return from === to ? [["to", "must differ from `from`; a whole day is 00:00 to 24:00"]] : [];
  }
  const misplaced = (["days", "timezone"] as const)
    .filter((name) => window[name] !== undefined)
    .map((name) => [name, "is for times of day such as 22:00 only"] as const);
  const isBackwards = parseInstant(to)! <= parseInstant(from)!;
  return isBackwards ? [...misplaced, ["to", "must be after from"]] : misplaced;
}

/** The field `freeze` wherever it stands. A later layer replaces it whole. */
export const freezeLayer = z
  .array(freezeWindow)
  .max(20)
  .meta({
    description:
      "Times in which nothing is written or deleted, once ({from, to}) or again and again ({days, from, to, timezone}). What differs is still shown.",
    examples: [
      [
        { from: "2026-12-20T00:00:00Z", to: "2027-01-02T00:00:00Z", reason: "end of year" },
        { days: ["sat", "sun"], from: "00:00", to: "24:00", timezone: "Europe/Berlin" },
      ],
    ],
    default: [],
  });

export interface Frozen {
  readonly untilMs: number;
  readonly reason?: string | undefined;
}

/**
 * Tells whether some windows cover a moment, and until when. Windows that meet count as one.
 *
 * A window of times of day lasts from the first moment at which a clock there shows `from`
 * until the last at which it shows `to`; a time that the clock skips counts as that much later.
 *
 * @returns undefined outside all windows. Of windows that follow one another for ever, the end of one two weeks ahead.
 */
export function frozenUntil(windows: readonly FreezeWindow[], nowMs: number): Frozen | undefined {
  let until = nowMs;
  let reason: string | undefined;
  while (until < nowMs + AHEAD_MS) {
    const covering = windows
      .flatMap((window) => {
        const end = endAround(window, until);
        return end === undefined ? [] : [{ window, end }];
      })
      .toSorted((a, b) => b.end - a.end)[0];
    if (covering === undefined) break;
    if (until === nowMs) reason = covering.window.reason;
    until = covering.end;
  }
  if (until === nowMs) return undefined;
  return reason === undefined ? { untilMs: until } : { untilMs: until, reason };
}

/** When the window that covers a moment ends; undefined if it doesn't cover it. */
function endAround(window: FreezeWindow, atMs: number): number | undefined {
  if (!CLOCK.test(window.from)) {
    const [from, to] = [parseInstant(window.from)!, parseInstant(window.to)!];
    return from <= atMs && atMs < to ? to : undefined;
  }
  const zone = window.timezone ?? "UTC";
  const fromMinutes = minutesOf(window.from);
  const toMinutes = minutesOf(window.to);
  const lasting = toMinutes <= fromMinutes ? toMinutes + 1_440 : toMinutes;
  const today = Math.floor(wallClock(zone, atMs) / DAY_MS) * DAY_MS;
  const ends = [today - DAY_MS, today].flatMap((day) => {
    if (window.days !== undefined && !window.days.includes(DAYS[new Date(day).getUTCDay()]!)) return [];
    const from = momentOf(zone, day + fromMinutes * MINUTE_MS).first;
    const to = momentOf(zone, day + lasting * MINUTE_MS).last;
    return from <= atMs && atMs < to ? [to] : [];
  });
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function minutesOf(clock: string): number {
  return Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock in a zone shows, as the milliseconds at which a clock in UTC shows the same. Whole seconds. */
function wallClock(zone: string, atMs: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  const parts = format.formatToParts(atMs);
  const part = (type: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find((candidate) => candidate.type === type)?.value);
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}

/** The first and the last moment at which a clock in a zone shows a time: one and the same but when clocks are put back. */
function momentOf(zone: string, wallMs: number): { readonly first: number; readonly last: number } {
  // Offsets reach from -12 to +14 hours, and change at most once in the two days around.
  const offsets = [wallMs - DAY_MS, wallMs + DAY_MS].map((at) => wallClock(zone, at) - at);
  const moments = offsets.map((offset) => wallMs - offset).filter((at) => wallClock(zone, at) === wallMs);
  // Skipped: as if the clock had not been put forward yet.
  if (moments.length === 0) return { first: wallMs - offsets[0]!, last: wallMs - offsets[0]! };
  return { first: Math.min(...moments), last: Math.max(...moments) };
}
