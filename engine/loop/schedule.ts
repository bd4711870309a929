import { ApiError } from "../../clients/errors.ts";
import { DownError } from "../budget/breaker.ts";
import { backoffMs, type Clock } from "../clock.ts";
import { RefusedError } from "../plan/refused.ts";

const RETRY_BASE_MS = 1_000;
const RETRY_CAP_MS = 300_000;
/** What a server asks for is respected up to here; after that we look for ourselves. */
const MOST_ASKED_MS = 600_000;
/** What waits for a person's approval goes on soon after it. */
const APPROVAL_CAP_MS = 10_000;
/** While the other system is known to be down, whoever needs it comes when the next try is due. */
const DOWN_CAP_MS = 1_000;

/** Knows when the next pass and the next verification of one loop are due. All times are of the monotonic clock. */
export class Schedule {
  readonly #clock: Clock;
  readonly #resyncMs: number;
  #failures = 0;
  #isPending = false;
  #freshAt = Infinity;
  /** True until a pass has read the target afresh and gone well. */
  #needsFresh = true;
  #retryAt = Infinity;
  #verifyAt = Infinity;
  #wakeAt = Infinity;
  #interrupt: () => void = () => undefined;

  constructor(clock: Clock, resyncMs: number) {
    this.#clock = clock;
    this.#resyncMs = resyncMs;
  }

  /** True if something changed since the last pass began. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** Something changed: a pass is due now, unless a failed one waits for its retry. */
  request(): void {
    this.#isPending = true;
    this.#interrupt();
  }

  get isPassDue(): boolean {
    const now = this.#clock.monotonicMs();
    // While a failed pass waits for its retry, changes wait with it: the target is down or has asked for a pause.
    if (this.#retryAt !== Infinity) return now >= this.#retryAt;
    return this.#isPending || now >= Math.min(this.#freshAt, this.#wakeAt);
  }

  get isVerificationDue(): boolean {
    return this.#clock.monotonicMs() >= this.#verifyAt;
  }

  /** Says that a pass begins. @returns True if it has to read the target afresh. */
  begin(): boolean {
    this.#isPending = false;
    this.#retryAt = Infinity;
    this.#wakeAt = Infinity;
    this.#needsFresh ||= this.#clock.monotonicMs() >= this.#freshAt;
    return this.#needsFresh;
  }

  /** The pass went well. A resync comes a little earlier or later each time, so that many processes don't read at once. */
  succeeded({
    wasFresh,
    isUnfinished,
  }: {
    readonly wasFresh: boolean;
    readonly isUnfinished: boolean;
  }): void {
    this.#failures = 0;
    if (isUnfinished) this.#isPending = true;
    if (!wasFresh) return;
    this.#needsFresh = false;
    this.#freshAt = this.#clock.monotonicMs() + this.#resyncMs * (0.9 + 0.2 * this.#clock.random());
  }

  /** The pass, or part of it, is worth trying again. */
  failed(askedMs: number, capMs = RETRY_CAP_MS): void {
    this.#failures++;
    const pauseMs = backoffMs(this.#failures, RETRY_BASE_MS, capMs, this.#clock.random());
    this.#retryAt = this.#clock.monotonicMs() + Math.max(pauseMs, Math.min(askedMs, MOST_ASKED_MS));
    this.#isPending = true;
  }

  wakeIn(ms: number): void {
    this.#wakeAt = Math.min(this.#wakeAt, this.#clock.monotonicMs() + ms);
  }

  verifyIn(ms: number): void {
    this.#verifyAt = Math.min(this.#verifyAt, this.#clock.monotonicMs() + ms);
  }

  verificationBegins(): void {
    this.#verifyAt = Infinity;
  }

  /** Waits until something is due or requested. */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.isPassDue || this.isVerificationDue) return;
    const passAt = this.#retryAt === Infinity ? Math.min(this.#freshAt, this.#wakeAt) : this.#retryAt;
    const waitMs = Math.min(passAt, this.#verifyAt) - this.#clock.monotonicMs();
    const interrupted = new AbortController();
    this.#interrupt = () => interrupted.abort();
    await this.#clock
      .sleep(Math.min(Math.max(waitMs, 0), 60_000), AbortSignal.any([signal, interrupted.signal]))
      .catch(() => undefined);
    this.#interrupt = () => undefined;
  }
}

/**
 * How long an error asks us to wait, and up to where our own pause grows.
 *
 * @param nextTryInMs When the other system is tried again, if it is known to be down.
 */
export function pauseAfter(error: Error, nextTryInMs?: number): readonly [askedMs: number, capMs?: number] {
  if (error instanceof RefusedError) return [0, APPROVAL_CAP_MS];
  if (!(error instanceof ApiError)) return [0];
  const askedMs = error.retryAfterMs ?? 0;
  if (error instanceof DownError) return [askedMs, DOWN_CAP_MS];
  const isDown = nextTryInMs !== undefined && error.failure === "unavailable";
  return isDown ? [Math.max(askedMs, nextTryInMs), DOWN_CAP_MS] : [askedMs];
}
