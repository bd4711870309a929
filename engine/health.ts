import type { Check } from "./server.ts";
import type { WatchState } from "./sources/watch.ts";

/** A blocking read lasts a minute and a sixteenth; three of them without a sign are too many. */
const SILENCE_MS = 200_000;

/**
 * Whether every watch makes progress. One that never had any counts from its start: a process that
 * has read nothing for minutes looks healthy otherwise, and does nothing.
 *
 * @param startedMs When the process began, in milliseconds as from `Date.now()`: a watch must exist soon after.
 */
export function watchesMove(
  watches: readonly Readonly<WatchState>[],
  startedMs: number,
  nowMs: number,
): Check {
  const silent = watches.filter(
    ({ lastProgressMs, startedMs: began }) => nowMs - Math.max(lastProgressMs, began) > SILENCE_MS,
  );
  const problems = silent.map(
    ({ name, error }) =>
      `the watch of ${name} makes no progress${error === undefined ? "" : `: ${error.message}`}`,
  );
  if (watches.length === 0 && nowMs - startedMs > SILENCE_MS) problems.push("nothing is watched yet");
  return { ok: problems.length === 0, problems };
}
