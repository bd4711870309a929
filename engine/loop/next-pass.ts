import type { Absence } from "../plan/absence.ts";
import { nextDriftEnd } from "../plan/drift.ts";
import { frozenNow } from "../plan/freeze.ts";
import { ownerOf } from "../plan/plan.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import type { Report } from "./report.ts";
import type { Refusals } from "./refusals.ts";
import { pauseAfter, type Schedule } from "./schedule.ts";

/** After writing, the other side gets this long before we look whether it works. */
const VERIFY_SOON_MS = 1_000;

export interface NextPassGround<Body> {
  /** Of the pass that has just ended. */
  readonly report: Report<Body>;
  readonly wasFresh: boolean;
  readonly snapshot: Snapshot;
  readonly absence: Absence;
  readonly refusals: Refusals<Body>;
  readonly graceMs: number;
  /** In how many milliseconds the other system is tried again, while it is known to be down. */
  readonly nextTryInMs: number | undefined;
  /** Milliseconds, as from `Date.now()`. */
  readonly now: number;
}

/** Says when the next pass is due: to try again what failed, or for what time alone brings. */
export function scheduleNext<Body>(schedule: Schedule, ground: NextPassGround<Body>): void {
  const { report, wasFresh, snapshot, absence, refusals, graceMs, nextTryInMs, now } = ground;
  if (report.error === undefined) schedule.succeeded({ wasFresh, isUnfinished: report.left > 0 });
  else schedule.failed(...pauseAfter(report.error, nextTryInMs));

  const times = [
    absence.nextEnd(graceMs, now),
    refusals.nextEnd(now),
    nextDriftEnd(report.drift, now),
    nextThaw(report, snapshot, now),
  ];
  for (const at of times) if (at !== undefined) schedule.wakeIn(at - now);
  if (report.outcomes.length > 0) schedule.verifyIn(VERIFY_SOON_MS);
  else if (wasFresh) schedule.verifyIn(0);
}

/** When the next freeze ends that keeps something back, in milliseconds as from `Date.now()`. */
function nextThaw({ withheld }: Report<unknown>, snapshot: Snapshot, now: number): number | undefined {
  const owners = withheld.flatMap(({ action, reason }) => (reason === "Frozen" ? [ownerOf(action)] : []));
  if (owners.length === 0) return undefined;
  const frozen = frozenNow(snapshot, now);
  const next = Math.min(...[...new Set(owners)].map((owner) => frozen(owner)?.untilMs ?? now));
  return next === Infinity ? undefined : next;
}
