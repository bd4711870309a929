import type { Problem } from "../../crds/problem.ts";
import type { Preview } from "./loop.ts";
import { restore, startLoop, tell, tidy, type PassOptions } from "./operator.ts";
import type { Report } from "./reconcile.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import { flushStatuses } from "../status/status-writer.ts";

/** What one controller has to say of one pass: what came of it, or why there was none. */
export type Passed<Result> =
  | { readonly controller: string; readonly noun: string; readonly result: Result }
  | { readonly controller: string; readonly waiting: { readonly reason: string; readonly message: string } }
  | { readonly controller: string; readonly error: unknown };

/** Works out what every controller of a role would do with one snapshot, and does none of it. */
export async function previewOnce<S extends Snapshot>(
  options: PassOptions<S>,
  snapshot: S,
  signal: AbortSignal,
): Promise<readonly Passed<Preview<unknown>>[]> {
  const absence = await restore(options, signal);
  return await each(options, async (registration) => {
    const loop = startLoop({ ...options, absence }, registration, signal);
    loop.offer(snapshot);
    return await loop.preview(signal);
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
  const absence = await restore(options, signal);
  const waiting = options.registrations.flatMap((one) => ("waiting" in one ? [one.waiting] : []));
  tell(options, snapshot, waiting);
  const loops: ReturnType<typeof startLoop<S>>[] = [];
  const passed = await each(options, async (registration) => {
    const loop = startLoop({ ...options, absence }, registration, signal);
    loops.push(loop);
    loop.offer(snapshot);
    await loop.pass(signal);
    await registration.controller.target.close?.();
    return loop.report;
  });
  signal.throwIfAborted();
  tidy({ board, absence }, snapshot, loops);
  await flushStatuses(board, { prefix, store }, signal);
  return passed;
}

type Able<S extends Snapshot> = Extract<
  PassOptions<S>["registrations"][number],
  { readonly controller: unknown }
>;

/** One controller that fails doesn't stop the others. */
async function each<S extends Snapshot, Result>(
  { registrations }: PassOptions<S>,
  run: (registration: Able<S>) => Promise<Result | undefined>,
): Promise<readonly Passed<Result>[]> {
  const passed: Passed<Result>[] = [];
  for (const registration of registrations) {
    if ("waiting" in registration) {
      const { name, reason, message } = registration.waiting;
      passed.push({ controller: name, waiting: { reason, message } });
      continue;
    }
    const { name, noun } = registration.controller;
    try {
      const result = await run(registration);
      if (result !== undefined) passed.push({ controller: name, noun, result });
    } catch (error) {
      passed.push({ controller: name, error });
    }
  }
  return passed;
}

/** The problems of a snapshot's wishes themselves: of services that are held. */
export function heldProblems({ services }: Snapshot): readonly Problem[] {
  return [...services.values()].flatMap((resolution) =>
    resolution.state === "held" ? resolution.problems : [],
  );
}
