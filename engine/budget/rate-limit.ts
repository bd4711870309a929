import {
  headerNumber,
  MAX_WAIT_MS,
  retryAfterMs,
  type AnswerHeaders,
  type Priority,
} from "../../clients/gate.ts";

/** For a 429 that doesn't say when to come back. */
const DEFAULT_WAIT_MS = 5_000;
/** For a 429 that says "at once". */
const LEAST_WAIT_MS = 1_000;
/** A 429 after a 429 waits longer than it asks, up to here. */
const MOST_GROWN_MS = 60_000;
const MAX_JITTER_MS = 1_000;
/** Windows up to here are too short to tell one from the next by what answers say, in whole seconds. */
const SHORT_MS = 2_000;
/** What fewer calls come to is no burst. */
const SPREAD_FROM = 20;
/** The share of a window that is left to more urgent calls. */
const RESERVE: Readonly<Record<Priority, number>> = { change: 0, drift: 0.1, status: 0.2 };

/**
 * The limit of one group of operations, as its answers told it. Without limit until one did.
 *
 * All times are milliseconds of a clock that only goes forward.
 */
export class RateLimit {
  /** Datadog's `x-ratelimit-name`, once known. */
  name: string | undefined;
  #limit = Infinity;
  #periodMs = 0;
  #remaining = Infinity;
  /** The least that an answer of this window said. Answers overtake one another, and what a late one says is over. */
  #leastSaid = Infinity;
  #lastTakeAt = 0;
  /** When calls may go on. Never further away than the longest wait, whatever an answer says. */
  #resetAt = 0;
  /** When the window really ends, for the estimate. */
  #windowEndsAt = 0;
  #inFlight = 0;
  /** True after a 429 without a limit: a single call may pass, to see how things are. */
  #isCareful = false;
  /** 429s in a row, those of one burst counted once. */
  #refusals = 0;
  #refusedUntil = -Infinity;

  get resetAt(): number {
    return this.#resetAt;
  }

  /** Infinity if none is known. */
  get limit(): number {
    return this.#limit;
  }

  /** Calls that may still be made in this window. */
  remaining(now: number): number {
    const isOver = now >= this.#resetAt && now >= this.#windowEndsAt;
    return Math.max(0, isOver ? this.#limit - this.#inFlight : this.#remaining);
  }

  /**
   * Whether a call may pass now.
   *
   * @param backlog How many such calls are to be made. Where the window can't take them all they are spread
   *   over it: that takes no longer, and a call that somebody waits for finds room at any time.
   */
  allows(priority: Priority, now: number, backlog = 0): boolean {
    if (now >= this.#resetAt) this.#beginWindow(now);
    return this.#hasRoom(priority) && now >= this.#turnAt(backlog);
  }

  /** When a call that may not pass now is worth another look. */
  opensAt(priority: Priority, backlog = 0): number {
    return this.#hasRoom(priority) ? this.#turnAt(backlog) : this.#resetAt;
  }

  #hasRoom(priority: Priority): boolean {
    // A limit of a few calls has no share to leave, or less urgent calls would never pass.
    const hasShare = this.#limit >= 10 && this.#limit !== Infinity && !this.#isCareful;
    return this.#remaining - (hasShare ? this.#limit * RESERVE[priority] : 0) >= 1;
  }

  #turnAt(backlog: number): number {
    const isWide = this.#limit >= SPREAD_FROM && this.#limit !== Infinity && this.#periodMs > SHORT_MS;
    if (!isWide || backlog <= this.#remaining) return -Infinity;
    // Answers round the end of the window up to a second.
    const lastAt = this.#windowEndsAt - 1_000 - this.#periodMs / 20;
    return this.#lastTakeAt + Math.max(0, lastAt - this.#lastTakeAt) / (this.#remaining + 1);
  }

  take(now: number): void {
    this.#lastTakeAt = now;
    this.#remaining -= 1;
    this.#inFlight += 1;
  }

  /** So many calls under way count here from now on, or no longer if negative. */
  shift(inFlight: number): void {
    this.#inFlight += inFlight;
  }

  /** Takes over what an answer says. @param random From 0 to 1. */
  learn(status: number, headers: AnswerHeaders, now: number, random: number): void {
    const limit = headerNumber(headers.get("x-ratelimit-limit"));
    const period = headerNumber(headers.get("x-ratelimit-period"));
    const remaining = headerNumber(headers.get("x-ratelimit-remaining"));
    const reset = headerNumber(headers.get("x-ratelimit-reset"));

    if (limit !== undefined && limit >= 1 && period !== undefined && period > 0) {
      this.#limit = limit;
      this.#periodMs = period * 1_000;
    }
    if (status === 429) {
      this.#refused(headers, now, random);
      return;
    }
    if (status >= 500) return;
    this.#refusals = 0;
    this.#isCareful = false;
    if (this.#limit === Infinity) {
      this.#resetAt = now;
      this.#remaining = Infinity;
    } else if (remaining !== undefined && reset !== undefined) {
      const movesMs = Math.abs(now + reset * 1_000 - this.#windowEndsAt);
      const isSameWindow = this.#periodMs > SHORT_MS && movesMs < this.#periodMs / 2;
      this.#leastSaid = isSameWindow ? Math.min(this.#leastSaid, remaining) : remaining;
      // The answer may not count the calls that are still under way.
      this.#remaining = this.#leastSaid - this.#inFlight;
      this.#wait(now, { boundedMs: reset * 1_000, windowMs: reset * 1_000, random });
    }
  }

  /** How long until the last of so many calls may be made, if no other call is made here. */
  waitFor(calls: number, now: number): number {
    const remaining = this.remaining(now);
    if (calls <= remaining) return 0;
    const untilNext = Math.max(0, this.#resetAt - now, this.#windowEndsAt - now);
    if (this.#limit === Infinity) return untilNext;
    const windows = Math.ceil((calls - remaining) / this.#limit) - 1;
    return untilNext + windows * this.#periodMs;
  }

  #refused(headers: AnswerHeaders, now: number, random: number): void {
    const isOfBurst = now < this.#refusedUntil;
    if (!isOfBurst) this.#refusals++;
    const askedMs = retryAfterMs(headers);
    const leastMs = askedMs === undefined ? DEFAULT_WAIT_MS : LEAST_WAIT_MS;
    const grownMs = Math.min(leastMs * 2 ** Math.min(this.#refusals - 1, 10), MOST_GROWN_MS);
    const boundedMs = Math.max(askedMs ?? 0, grownMs);
    const saidMs = ["retry-after", "x-ratelimit-reset"].map(
      (name) => (headerNumber(headers.get(name)) ?? 0) * 1_000,
    );
    const knownEndsAt = this.#limit === Infinity && !isOfBurst ? 0 : this.#windowEndsAt;
    this.#remaining = 0;
    this.#wait(now, { boundedMs, windowMs: Math.max(boundedMs, ...saidMs), random });
    if (isOfBurst) this.#resetAt = Math.max(this.#resetAt, this.#refusedUntil);
    this.#windowEndsAt = Math.max(this.#windowEndsAt, knownEndsAt);
    this.#refusedUntil = this.#resetAt;
    // Nothing is known but that it was too much: one careful call first, whose answer says more.
    if (this.#limit === Infinity) this.#isCareful = true;
  }

  #beginWindow(now: number): void {
    if (this.#limit === Infinity && !this.#isCareful) {
      this.#remaining = Infinity;
      return;
    }
    this.#leastSaid = Infinity;
    const leftMs = this.#windowEndsAt - now;
    // Before the window is over, a single call looks whether it is.
    this.#remaining = (leftMs > 0 || this.#isCareful ? 1 : this.#limit) - this.#inFlight;
    const nextMs = this.#limit === Infinity ? DEFAULT_WAIT_MS : this.#periodMs;
    const windowMs = leftMs > 0 ? leftMs : nextMs;
    this.#wait(now, { boundedMs: windowMs, windowMs, random: 0 });
  }

  #wait(now: number, { boundedMs, windowMs, random }: Wait): void {
    const waitMs = Math.min(boundedMs, MAX_WAIT_MS);
    this.#resetAt = now + waitMs + random * Math.min(MAX_JITTER_MS, waitMs / 10);
    this.#windowEndsAt = now + windowMs;
  }
}

interface Wait {
  /** How long calls wait. Never longer than `MAX_WAIT_MS`. */
  readonly boundedMs: number;
  /** When the window ends, as the answer says. */
  readonly windowMs: number;
  /** From 0 to 1, for the jitter. */
  readonly random: number;
}
