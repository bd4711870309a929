import { z } from "zod";

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** The largest unit first, each at most once: `1h30m`, never `30m1h`. */
const FORM = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?$/;

/** Reads `90s`, `15m`, `4h`, `7d` or `1h30m` as milliseconds; undefined if it is none of these, or nothing long. */
export function parseDuration(text: string): number | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const total = UNITS.reduce((sum, [, unitMs], at) => sum + Number(match[at + 1] ?? 0) * unitMs, 0);
  return total > 0 ? total : undefined;
}

/** The same as a text that `parseDuration` reads, with the largest units that fit. Whole seconds. */
export function formatDuration(durationMs: number): string {
  let rest = durationMs;
  let text = "";
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text === "" ? "0s" : text;
}

/** A length of time as people write it in a document. */
export const duration = z.string().refine((text) => parseDuration(text) !== undefined, {
  error: "must be a length of time such as 90s, 15m, 4h, 7d or 1h30m",
});
