import type { Problem } from "../../crds/problem.ts";
import type { Absence } from "../plan/absence.ts";
import type { Preview } from "./loop-options.ts";
import type { ControllerLoop } from "./loop.ts";
import { referencesOf, restore, startLoop, type PassOptions } from "./operator.ts";
import { tell, tidy } from "./services.ts";
import { keyOf } from "../plan/plan.ts";
import type { Report } from "./report.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import { flushStatuses } from "../status/status-writer.ts";

/** What one controller has to say of one pass: what came of it, or why there was none. */
export type Passed<Result> =
  | { readonly controller: string; readonly noun: string; readonly result: Result }
  | { readonly controller: string; readonly waiting: { readonly reason: string; readonly message: string } }
  | { readonly controller: string; readonly error: unknown };

/** Passes after the first, for what refers to what another controller has only just made: monitor, SLO, dashboard, link. */
const MORE_ROUNDS = 4;

/** Works out what every controller of a role would do with one snapshot, and does none of it. */
export async function previewOnce<S extends Snapshot>(
  options: PassOptions<S>,
  snapshot: S,
  signal: AbortSignal,
): Promise<readonly Passed<Preview<unknown>>[]> {
  return await inRounds(options, snapshot, signal, {
    first: async (loop) => await loop.preview(signal),
    again: async (loop) => await loop.preview(signal, { fresh: false }),
  });
}

/**
 * Makes one pass of every controller of a role, stores what there is to say of it, and waits for what it set going.
 *
 * What did not succeed stands in the reports; nothing is tried a second time.
 */
export async function passOnce<S extends Snapshot>(
  options: PassOptions<S>,
  snapshot: S,
  signal: AbortSignal,
): Promise<readonly Passed<Report<unknown>>[]> {
  const { board, statusPrefix: prefix, store } = options;
  const pass = async (loop: ControllerLoop<S, unknown>): Promise<Report<unknown> | undefined> => {
    await loop.pass(signal);
    return loop.report;
  };
  const passed = await inRounds(options, snapshot, signal, {
    begin: () => {
      const waiting = options.registrations.flatMap((one) => ("waiting" in one ? [one.waiting] : []));
      tell(options, snapshot, waiting);
    },
    first: pass,
    again: async (loop, before) => {
      const report = await pass(loop);
      return report === undefined ? undefined : joined(before, report);
    },
    end: async (absence, loops) => {
      for (const registration of options.registrations)
        if ("controller" in registration) await registration.controller.target.close?.();
      signal.throwIfAborted();
      tidy({ board, absence }, snapshot, loops);
      await flushStatuses(board, { prefix, store }, signal);
    },
  });
  return passed;
}

/** Two passes told as one: what the first wrote isn't as it was, and what it failed at isn't kept back besides. */
function joined(before: Report<unknown>, after: Report<unknown>): Report<unknown> {
  const again = new Set(after.outcomes.map(({ key }) => key));
  const kept = before.outcomes.filter(({ key }) => !again.has(key));
  const failed = new Set(kept.filter(({ error }) => error !== undefined).map(({ key }) => key));
  const standing = new Set(
    kept.filter(({ type, error }) => type !== "delete" && error === undefined).map(({ key }) => key),
  );
  return {
    ...after,
    outcomes: [...before.outcomes, ...after.outcomes],
    withheld: after.withheld.filter(({ action }) => !failed.has(keyOf(action))),
    unchanged: Math.max(0, after.unchanged - standing.size),
  };
}

interface Rounds<S extends Snapshot, Result> {
  readonly begin?: () => void;
  readonly first: (loop: ControllerLoop<S, unknown>) => Promise<Result | undefined>;
  /** Once more, since what it refers to is there now. */
  readonly again: (loop: ControllerLoop<S, unknown>, before: Result) => Promise<Result | undefined>;
  readonly end?: (absence: Absence, loops: readonly ControllerLoop<S, unknown>[]) => Promise<void>;
}

/** One controller that fails doesn't stop the others. */
async function inRounds<S extends Snapshot, Result>(
  options: PassOptions<S>,
  snapshot: S,
  signal: AbortSignal,
  { begin, first, again, end }: Rounds<S, Result>,
): Promise<readonly Passed<Result>[]> {
  const absence = await restore(options, signal);
  const references = referencesOf(options);
  begin?.();
  const passed = new Map<string, Passed<Result>>();
  const loops: ControllerLoop<S, unknown>[] = [];
  const attempt = async (
    loop: ControllerLoop<S, unknown>,
    noun: string,
    run: () => Promise<Result | undefined>,
  ): Promise<void> => {
    const { name: controller } = loop;
    try {
      const result = await run();
      if (result !== undefined) passed.set(controller, { controller, noun, result });
    } catch (error) {
      passed.set(controller, { controller, error });
    }
  };
  for (const registration of options.registrations) {
    if ("waiting" in registration) {
      const { name: controller, reason, message, isSaidOf } = registration.waiting;
      // What nobody asked for keeps nothing waiting.
      if (isSaidOf !== undefined && ![...snapshot.services.values()].some(isSaidOf)) continue;
      passed.set(controller, { controller, waiting: { reason, message } });
      continue;
    }
    const loop = startLoop({ ...options, absence, references }, registration, signal);
    loops.push(loop);
    loop.offer(snapshot);
    await attempt(loop, registration.controller.noun, async () => await first(loop));
  }
  for (let round = 0; round < MORE_ROUNDS && loops.some((loop) => loop.hasNewReferences); round++) {
    for (const loop of loops.filter(({ hasNewReferences }) => hasNewReferences)) {
      const before = passed.get(loop.name);
      if (before === undefined || !("result" in before)) continue;
      await attempt(loop, before.noun, async () => await again(loop, before.result));
    }
  }
  await end?.(absence, loops);
  return [...passed.values()];
}

/** The problems of a snapshot's wishes themselves: of services that are held. */
export function heldProblems({ services }: Snapshot): readonly Problem[] {
  return [...services.values()].flatMap((resolution) =>
    resolution.state === "held" ? resolution.problems : [],
  );
}
