import type { Permit, Priority } from "../../clients/gate.ts";
import { Lane, type Waiting } from "./lane.ts";
import { getOr } from "./ledger.ts";

/** A call that waits. */
export interface Waiter extends Waiting {
  readonly lane: Lane<Waiter>;
  readonly signal: AbortSignal;
  readonly pass: (permit: Permit) => void;
  readonly fail: (error: Error) => void;
}

/** Most urgent first. */
const PRIORITIES: readonly Priority[] = ["change", "drift", "status"];

/** Calls that wait, in one lane for each kind, operation and priority. There are few lanes, however many calls wait. */
export class Queue {
  readonly #lanes: ReadonlyMap<Priority, Map<string, Lane<Waiter>>> = new Map(
    PRIORITIES.map((priority) => [priority, new Map()]),
  );
  /** Each signal is listened to once, however many calls have it. */
  readonly #bySignal = new Map<AbortSignal, { readonly waiters: Set<Waiter>; readonly stop: () => void }>();
  readonly #onAbort: (waiters: ReadonlySet<Waiter>) => void;
  #calls = 0;

  /** @param onAbort Is told who gives up. They are still in the queue then. */
  constructor(onAbort: (waiters: ReadonlySet<Waiter>) => void) {
    this.#onAbort = onAbort;
  }

  /** The lanes of each priority, most urgent first. */
  byUrgency(): Iterable<Iterable<Lane<Waiter>>> {
    return [...this.#lanes.values()].map((lanes) => lanes.values());
  }

  *all(): Generator<Lane<Waiter>> {
    for (const lanes of this.#lanes.values()) yield* lanes.values();
  }

  lane(kind: string, operation: string, priority: Priority): Lane<Waiter> {
    const lanes = this.#lanes.get(priority)!;
    return getOr(lanes, `${kind} ${operation}`, () => new Lane<Waiter>(kind, operation, priority));
  }

  add(waiter: Omit<Waiter, "order" | "hasLeft">): void {
    const { signal, lane } = waiter;
    const added: Waiter = { ...waiter, order: ++this.#calls, hasLeft: false };
    const { waiters } = getOr(this.#bySignal, signal, () => this.#listen(signal));
    waiters.add(added);
    lane.add(added);
  }

  leave(waiter: Waiter): void {
    const { signal, lane } = waiter;
    lane.leave(waiter);
    const listening = this.#bySignal.get(signal);
    listening?.waiters.delete(waiter);
    if (listening?.waiters.size !== 0) return;
    listening.stop();
    this.#bySignal.delete(signal);
  }

  #listen(signal: AbortSignal) {
    const waiters = new Set<Waiter>();
    const onAbort = (): void => this.#onAbort(waiters);
    signal.addEventListener("abort", onAbort, { once: true });
    return { waiters, stop: () => signal.removeEventListener("abort", onAbort) };
  }
}
