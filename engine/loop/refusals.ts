import { ApiError } from "../../clients/errors.ts";
import { backoffMs, type Clock } from "../clock.ts";
import { failureOf } from "../status/conditions.ts";
import type { Desired } from "../plan/plan.ts";
import type { Refused } from "../plan/policies.ts";
import type { Outcome } from "./report.ts";

/** How long an object rests that failed, at first and at most. */
const REST_BASE_MS = 1_000;
const REST_CAP_MS = 300_000;

/**
 * Remembers what the other system has not taken. What it refused for good isn't sent again until the wish is
 * another one; what failed otherwise rests for a while, longer each time, and nothing else waits for it.
 */
export class Refusals<Body> {
  readonly #clock: Clock;
  readonly #refused = new Map<string, Refused<Body>>();
  /** How often in a row an object has failed in a way that another try may mend. */
  readonly #failures = new Map<string, number>();

  /** Hashes that a person had approved at the last pass. */
  #approved: ReadonlySet<string> = new Set();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get byKey(): ReadonlyMap<string, Refused<Body>> {
    return this.#refused;
  }

  note(outcomes: readonly Outcome[], desired: Desired<Body>): void {
    for (const { key, sent, error } of outcomes) {
      // What an outcome says was sent is one of this controller's bodies.
      const body = sent as Body | undefined;
      const restMs = error === undefined || isFinal(error) ? undefined : this.#restMs(key, error);
      if (restMs === undefined) this.#failures.delete(key);
      if (error !== undefined && (body !== undefined || restMs !== undefined)) {
        const until = restMs === undefined ? {} : { until: this.#clock.wallMs() + restMs };
        this.#refused.set(key, { body, ...failureOf(error), ...until });
      } else this.#refused.delete(key);
    }
    for (const [key, { body }] of this.#refused) {
      if (desired.objects.has(key) !== (body === undefined)) continue;
      this.#refused.delete(key);
      this.#failures.delete(key);
    }
  }

  /** Something of another owner stood in the way. A resync sees whether it still does. */
  forgetConflicts(): void {
    for (const [key, { reason }] of this.#refused) if (reason === "Conflict") this.#refused.delete(key);
  }

  /** When a person has approved something more, what others use may go now. */
  noteApproved(approved: ReadonlySet<string>): void {
    const isMore = approved.difference(this.#approved).size > 0;
    this.#approved = approved;
    if (!isMore) return;
    for (const [key, { reason }] of this.#refused) if (reason === "InUse") this.#refused.delete(key);
  }

  /** When the next object has rested enough, in milliseconds as from `Date.now()`. */
  nextEnd(now: number): number | undefined {
    const ends = [...this.#refused.values()].map(({ until = now }) => until).filter((until) => until > now);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  #restMs(key: string, error: Error): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const { retryAfterMs = 0, retryWithinMs = REST_CAP_MS } = error instanceof ApiError ? error : {};
    return Math.max(backoffMs(failures, REST_BASE_MS, retryWithinMs, this.#clock.random()), retryAfterMs);
  }
}

/** True if the same request would be refused again, so that only another wish can help. */
function isFinal(error: Error): boolean {
  return error instanceof ApiError && (error.failure === "rejected" || error.failure === "conflict");
}
