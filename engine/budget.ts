import type { Gate, Permit, Priority } from "../clients/gate.ts";
import { Breaker, DownError, evidenceOf, type Evidence } from "./budget/breaker.ts";
import type { Lane } from "./budget/lane.ts";
import { Ledger, type Work } from "./budget/ledger.ts";
import { Queue, type Waiter } from "./budget/queue.ts";
import { statusOf, type BudgetStatus } from "./budget/status.ts";

export interface Clock {
  /** Milliseconds since some fixed point. Only goes forward. */
  now(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Calls `run` once after `delayMs`. The returned function takes it back. */
  after(delayMs: number, run: () => void): () => void;
}

export interface BudgetOptions {
  /** What the API is called in messages. */
  readonly api?: string;
  readonly clock?: Clock;
  /** Calls under way at once. Datadog's edge answers 512 to storms of about 64 (datadog-sync-cli). */
  readonly concurrency?: number;
  /** Calls of one kind under way at once: fewer, so that there is always room for another kind. */
  readonly concurrencyPerKind?: number;
  /** Failures in a row after which nothing is sent any more but a single call now and then. */
  readonly failureThreshold?: number | undefined;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
}

const CONCURRENCY = 32;
const CONCURRENCY_PER_KIND = 24;

/**
 * One budget for an API, shared by everything that calls it.
 *
 * It learns the limits from `x-ratelimit-*` and waits before they are hit. Each operation has
 * a limit of its own; operations whose answers carry the same `x-ratelimit-name` share one.
 * Urgent calls overtake the others, and never wait for a limit that they don't need. Among
 * equally urgent ones the kind with the fewest calls under way comes first, so that no kind
 * starves. While the API is down, calls fail at once.
 */
export class Budget implements Gate {
  readonly #api: string;
  readonly #clock: Clock;
  readonly #concurrency: number;
  readonly #concurrencyPerKind: number;
  readonly #random: () => number;
  readonly #breaker: Breaker;
  readonly #ledger = new Ledger();
  readonly #queue = new Queue((waiters) => this.#giveUp(waiters));
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor({
    api = "Datadog",
    clock = systemClock,
    concurrency = CONCURRENCY,
    concurrencyPerKind = CONCURRENCY_PER_KIND,
    failureThreshold,
    random = Math.random,
  }: BudgetOptions = {}) {
    this.#api = api;
    this.#clock = clock;
    this.#concurrency = concurrency;
    this.#concurrencyPerKind = concurrencyPerKind;
    this.#random = random;
    this.#breaker = new Breaker({ threshold: failureThreshold, random });
  }

  async acquire(operation: string, priority: Priority, signal: AbortSignal, kind = ""): Promise<Permit> {
    signal.throwIfAborted();
    if (this.#breaker.refuses(this.#clock.now())) throw this.#downError(operation);
    return await new Promise((pass, fail) => {
      const lane = this.#queue.lane(kind, operation, priority);
      const isAlone = lane.size === 0;
      this.#ledger.kind(kind).waiting++;
      this.#queue.add({ lane, signal, pass, fail });
      // Behind another one nobody may pass who could not before.
      if (isAlone) this.#serve();
    });
  }

  /** Says what a kind still has to do in this pass, so that the status can tell how long it takes. */
  announce(kind: string, work: Work): void {
    this.#ledger.kind(kind).work = work;
  }

  get status(): BudgetStatus {
    const now = this.#clock.now();
    return statusOf({ ledger: this.#ledger, queue: this.#queue, down: this.#breaker.down(now) }, now);
  }

  /** Lets pass whatever may, most urgent first, then sleeps until somebody may. */
  #serve(): void {
    const now = this.#clock.now();
    for (const lanes of this.#queue.byUrgency()) {
      const sameUrgency = [...lanes];
      while (this.#ledger.inFlight < this.#concurrency && this.#breaker.mayBegin(now)) {
        const next = this.#next(sameUrgency, now)?.first;
        if (next === undefined) break;
        this.#pass(next);
      }
    }
    let nextLook = Infinity;
    for (const lane of this.#queue.all()) {
      if (lane.size === 0 || this.#allows(lane, now)) continue;
      const { limit } = this.#ledger.operation(lane.operation);
      nextLook = Math.min(nextLook, limit.opensAt(lane.priority, this.#backlog(lane)));
    }
    this.#sleepUntil(nextLook, now);
  }

  /** The lane whose first call comes next. */
  #next(lanes: readonly Lane<Waiter>[], now: number): Lane<Waiter> | undefined {
    let best: Lane<Waiter> | undefined;
    for (const lane of lanes) {
      if (lane.size === 0 || this.#ledger.kind(lane.kind).inFlight >= this.#concurrencyPerKind) continue;
      if (!this.#allows(lane, now)) continue;
      if (best === undefined || this.#comesBefore(lane, best)) best = lane;
    }
    return best;
  }

  #allows(lane: Lane<Waiter>, now: number): boolean {
    const { limit } = this.#ledger.operation(lane.operation);
    return limit.allows(lane.priority, now, this.#backlog(lane));
  }

  /** What is yet to be sent of a kind: calls that wait, and work that was announced. */
  #backlog({ kind, size }: Lane<Waiter>): number {
    const { work, inFlight } = this.#ledger.kind(kind);
    return Math.max(size, work.left - inFlight);
  }

  #comesBefore(one: Lane<Waiter>, other: Lane<Waiter>): boolean {
    const [a, b] = [this.#ledger.kind(one.kind), this.#ledger.kind(other.kind)];
    if (a === b) return (one.first?.order ?? 0) < (other.first?.order ?? 0);
    return a.inFlight === b.inFlight ? a.lastPass < b.lastPass : a.inFlight < b.inFlight;
  }

  #sleepUntil(at: number, now: number): void {
    if (this.#timer?.at === at) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (at === Infinity) return;
    const run = (): void => {
      this.#timer = undefined;
      this.#serve();
    };
    this.#timer = { at, cancel: this.#clock.after(Math.max(1, at - now), run) };
  }

  #pass(waiter: Waiter): void {
    const { kind: kindName, operation: operationName, priority } = waiter.lane;
    const kind = this.#ledger.kind(kindName);
    const operation = this.#ledger.operation(operationName);
    this.#leave(waiter);
    this.#ledger.begin(kind, operation, this.#clock.now());
    if (priority === "change") kind.changes = operation;
    const epoch = this.#breaker.begin();
    let isOpen = true;
    const end = (evidence: Evidence, learn: (now: number) => void): void => {
      if (!isOpen) return;
      isOpen = false;
      const now = this.#clock.now();
      this.#ledger.end(kind, operation);
      learn(now);
      if (this.#breaker.ended(epoch, evidence, now, this.#clock.wallMs())) this.#turnAway();
      this.#serve();
    };
    waiter.pass({
      answered: (status, headers) =>
        end(evidenceOf(status, headers), (now) => {
          this.#ledger.share(operation, headers.get("x-ratelimit-name"));
          operation.limit.learn(status, headers, now, this.#random());
        }),
      // Whoever doesn't wait for the answer can't say that there is none.
      failed: () => end(waiter.signal.aborted ? "givenUp" : { askedMs: undefined }, () => undefined),
    });
  }

  #leave(waiter: Waiter): void {
    this.#queue.leave(waiter);
    this.#ledger.kind(waiter.lane.kind).waiting--;
  }

  #giveUp(waiters: ReadonlySet<Waiter>): void {
    for (const waiter of waiters) {
      this.#leave(waiter);
      this.#ledger.settle(this.#ledger.kind(waiter.lane.kind));
      waiter.fail(waiter.signal.reason as Error);
    }
    this.#serve();
  }

  /** Nobody waits for an API that is down. */
  #turnAway(): void {
    for (const lane of this.#queue.all()) {
      for (let waiter = lane.first; waiter !== undefined; waiter = lane.first) {
        this.#leave(waiter);
        waiter.fail(this.#downError(lane.operation));
      }
    }
  }

  #downError(operation: string): DownError {
    const down = this.#breaker.down(this.#clock.now()) ?? { since: this.#clock.wallMs(), nextTryInMs: 0 };
    return new DownError(this.#api, operation, down);
  }
}

const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
