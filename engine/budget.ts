import {
  headerNumber,
  MAX_WAIT_MS,
  retryAfterMs,
  type AnswerHeaders,
  type Gate,
  type Permit,
  type Priority,
} from "../clients/gate.ts";

export interface Clock {
  /** Milliseconds since some fixed point. */
  now(): number;
  /** Calls `run` once after `delayMs`. The returned function takes it back. */
  after(delayMs: number, run: () => void): () => void;
}

export interface BudgetOptions {
  readonly clock?: Clock;
  /** Calls under way at once. Datadog's edge answers 512 to storms of about 64 (datadog-sync-cli). */
  readonly concurrency?: number;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
}

/** What waits for the rate limit, for the status. */
export interface BudgetStatus {
  readonly waiting: number;
  /** Calls since the budget was last idle: those that passed, and those that wait. */
  readonly total: number;
  readonly estimatedWaitMs: number;
}

const CONCURRENCY = 8;
/** For a 429 that doesn't say when to come back. */
const DEFAULT_WAIT_MS = 5_000;
const MAX_JITTER_MS = 1_000;
const PRIORITIES: readonly Priority[] = ["change", "drift", "status"];
/** The share of a window that is left to more urgent calls. */
const RESERVE: Readonly<Record<Priority, number>> = { change: 0, drift: 0.1, status: 0.2 };

/** The limit of one group of operations, as its last answer told it. Times in milliseconds of the clock. */
interface Bucket {
  limit: number;
  periodMs: number;
  remaining: number;
  resetAt: number;
  inFlight: number;
}

interface Waiter {
  readonly operation: string;
  readonly pass: (permit: Permit) => void;
}

/**
 * One budget for an API, shared by everything that calls it.
 *
 * It learns the limits from `x-ratelimit-*` and waits before they are hit. Each operation has
 * a bucket of its own; operations whose answers carry the same `x-ratelimit-name` share one.
 * Urgent calls overtake the others, and never wait for a bucket that they don't need.
 */
export class Budget implements Gate {
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #random: () => number;
  /** By operation. Two operations may have the same bucket. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #named = new Map<string, Bucket>();
  readonly #queues = new Map<Priority, Waiter[]>(PRIORITIES.map((priority) => [priority, []]));
  #inFlight = 0;
  #passed = 0;
  #cancelTimer: (() => void) | undefined;

  constructor({ clock = systemClock, concurrency = CONCURRENCY, random = Math.random }: BudgetOptions = {}) {
    this.#clock = clock;
    this.#concurrency = concurrency;
    this.#random = random;
  }

  acquire(operation: string, priority: Priority, signal: AbortSignal): Promise<Permit> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const queue = this.#queue(priority);
      const waiter: Waiter = {
        operation,
        pass: (permit) => {
          signal.removeEventListener("abort", onAbort);
          resolve(permit);
        },
      };
      const onAbort = () => {
        queue.splice(queue.indexOf(waiter), 1);
        this.#serve();
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      queue.push(waiter);
      this.#serve();
    });
  }

  get status(): BudgetStatus {
    const waiting = PRIORITIES.reduce((sum, priority) => sum + this.#queue(priority).length, 0);
    if (waiting === 0) return { waiting: 0, total: 0, estimatedWaitMs: 0 };
    return { waiting, total: this.#passed + waiting, estimatedWaitMs: this.#estimate() };
  }

  /** `312 of 4,000 waiting for the rate limit, about 40 s`, or undefined if nothing waits for it. */
  describe(): string | undefined {
    const { waiting, total, estimatedWaitMs } = this.status;
    if (waiting === 0 || estimatedWaitMs === 0) return undefined;
    const count = (value: number) => value.toLocaleString("en-US");
    const seconds = Math.max(1, Math.round(estimatedWaitMs / 1_000));
    return `${count(waiting)} of ${count(total)} waiting for the rate limit, about ${count(seconds)} s`;
  }

  #queue(priority: Priority): Waiter[] {
    return this.#queues.get(priority) ?? [];
  }

  #bucket(operation: string): Bucket {
    let bucket = this.#buckets.get(operation);
    if (bucket === undefined) {
      bucket = { limit: Infinity, periodMs: 0, remaining: Infinity, resetAt: 0, inFlight: 0 };
      this.#buckets.set(operation, bucket);
    }
    return bucket;
  }

  /** Lets pass whatever may, most urgent first, then sleeps until the next bucket is full again. */
  #serve(): void {
    const now = this.#clock.now();
    let nextReset = Infinity;
    for (const priority of PRIORITIES) {
      const queue = this.#queue(priority);
      const full = new Set<Bucket>();
      for (let at = 0; at < queue.length && this.#inFlight < this.#concurrency;) {
        const waiter = queue[at];
        if (waiter === undefined) break;
        const bucket = this.#bucket(waiter.operation);
        if (full.has(bucket)) at++;
        else if (this.#take(bucket, priority, now)) {
          queue.splice(at, 1);
          waiter.pass(this.#permit(waiter.operation));
        } else {
          full.add(bucket);
          nextReset = Math.min(nextReset, bucket.resetAt);
        }
      }
    }
    const isIdle = this.#inFlight === 0 && PRIORITIES.every((priority) => this.#queue(priority).length === 0);
    if (isIdle) this.#passed = 0;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (nextReset !== Infinity) {
      this.#cancelTimer = this.#clock.after(Math.max(1, nextReset - now), () => this.#serve());
    }
  }

  #take(bucket: Bucket, priority: Priority, now: number): boolean {
    if (now >= bucket.resetAt) {
      bucket.remaining = bucket.limit - bucket.inFlight;
      if (bucket.limit !== Infinity) bucket.resetAt = now + bucket.periodMs;
    }
    // A limit of a few calls has no share to leave, or less urgent calls would never pass.
    const reserve = bucket.limit >= 10 && bucket.limit !== Infinity ? bucket.limit * RESERVE[priority] : 0;
    if (bucket.remaining - reserve < 1) return false;
    bucket.remaining -= 1;
    bucket.inFlight += 1;
    this.#inFlight += 1;
    this.#passed += 1;
    return true;
  }

  #permit(operation: string): Permit {
    let isOpen = true;
    const end = (learn: () => void) => {
      if (!isOpen) return;
      isOpen = false;
      // Looked up afresh: the bucket may have been joined to another one meanwhile.
      this.#bucket(operation).inFlight -= 1;
      this.#inFlight -= 1;
      learn();
      this.#serve();
    };
    return {
      answered: (status, headers) => end(() => this.#learn(operation, status, headers)),
      failed: () => end(() => undefined),
    };
  }

  #learn(operation: string, status: number, headers: AnswerHeaders): void {
    const bucket = this.#share(operation, headers.get("x-ratelimit-name"));
    const limit = headerNumber(headers.get("x-ratelimit-limit"));
    const period = headerNumber(headers.get("x-ratelimit-period"));
    const remaining = headerNumber(headers.get("x-ratelimit-remaining"));
    const reset = headerNumber(headers.get("x-ratelimit-reset"));
    const now = this.#clock.now();

    if (limit !== undefined && limit >= 1 && period !== undefined && period > 0) {
      bucket.limit = limit;
      bucket.periodMs = Math.min(period * 1_000, MAX_WAIT_MS);
    }
    if (status === 429) {
      const waitMs = retryAfterMs(headers) ?? DEFAULT_WAIT_MS;
      bucket.remaining = 0;
      bucket.resetAt = Math.max(bucket.resetAt, now + waitMs + this.#jitter(waitMs));
      if (bucket.limit === Infinity) {
        // Nothing is known but that it was too much: one careful call first, whose answer says more.
        bucket.limit = 1;
        bucket.periodMs = Math.min(waitMs, MAX_WAIT_MS);
      }
    } else if (bucket.limit !== Infinity && remaining !== undefined && reset !== undefined) {
      // The answer may not count the calls that are still under way.
      bucket.remaining = remaining - bucket.inFlight;
      const waitMs = Math.min(reset * 1_000, MAX_WAIT_MS);
      bucket.resetAt = now + waitMs + this.#jitter(waitMs);
    } else if (limit === undefined && bucket.limit === 1) {
      bucket.limit = Infinity;
      bucket.remaining = Infinity;
    }
  }

  /** Joins the operation to the bucket of its name. */
  #share(operation: string, name: string | null): Bucket {
    const own = this.#bucket(operation);
    if (name === null || name === "") return own;
    const shared = this.#named.get(name) ?? own;
    this.#named.set(name, shared);
    if (shared !== own) {
      shared.inFlight += own.inFlight;
      this.#buckets.set(operation, shared);
    }
    return shared;
  }

  #jitter(waitMs: number): number {
    return this.#random() * Math.min(MAX_JITTER_MS, waitMs / 10);
  }

  /** Buckets run beside each other, so the slowest one counts. */
  #estimate(): number {
    const waiting = new Map<Bucket, number>();
    for (const priority of PRIORITIES) {
      for (const { operation } of this.#queue(priority)) {
        const bucket = this.#bucket(operation);
        waiting.set(bucket, (waiting.get(bucket) ?? 0) + 1);
      }
    }
    return Math.max(0, ...[...waiting].map(([bucket, count]) => this.#waitFor(bucket, count)));
  }

  #waitFor(bucket: Bucket, calls: number): number {
    if (bucket.limit === Infinity || calls <= bucket.remaining) return 0;
    const windows = Math.ceil((calls - Math.max(0, bucket.remaining)) / bucket.limit) - 1;
    return Math.max(0, bucket.resetAt - this.#clock.now()) + windows * bucket.periodMs;
  }
}

const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
