import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import type { Absence } from "../plan/absence.ts";
import type { Memory } from "../plan/memory.ts";
import type { Desired, Plan } from "../plan/plan.ts";
import type { DeleteLimit } from "../plan/policies.ts";
import type { References } from "../plan/references.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import type { Board } from "../status/board.ts";
import type { OwnerChanges } from "./changes.ts";
import type { Controller } from "./controller.ts";
import type { IntentLog } from "./intent-log.ts";

export interface LoopOptions<S extends Snapshot, Body> {
  readonly controller: Controller<S, Body>;
  /** A second, consistent read of the wishes. */
  readonly confirm: (signal: AbortSignal) => Promise<S>;
  /** Throws if we may no longer write. */
  readonly mayWrite: (signal: AbortSignal) => Promise<void>;
  readonly board: Board;
  readonly memory?: Memory | undefined;
  /** Shared by the controllers that share the board. */
  readonly absence: Absence;
  /** Where the controllers of a role find one another's objects. Without it, nothing refers to anything. */
  readonly references?: References | undefined;
  /** Where it is written down what is about to be created. */
  readonly intents?: IntentLog | undefined;
  readonly resyncMs: number;
  readonly graceMs: number;
  readonly limit: DeleteLimit;
  /** Hashes of plans that a person approved. */
  readonly approved: () => ReadonlySet<string>;
  /** In how many milliseconds the other system is tried again, while it is known to be down. */
  readonly nextTryInMs?: (() => number | undefined) | undefined;
  /** Is told how many actions of a pass are left, and how many there were. */
  readonly onProgress?: ((left: number, total: number) => void) | undefined;
  /** Is told what a pass changed. Must neither throw nor take long. */
  readonly onChanges?: ((changes: readonly OwnerChanges[], snapshot: S) => void) | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock?: Clock | undefined;
}

/** What a pass would do. */
export interface Preview<Body> {
  readonly desired: Desired<Body>;
  readonly plan: Plan<Body>;
}
