import { NO_CONTROL, type Control } from "./control.ts";
import type { Snapshot } from "./snapshot.ts";
import type { Source } from "./source.ts";

/** The newest snapshot of one source, with what people told by command. Warm in spares as well. */
export class Feed<State, S extends Snapshot> {
  readonly #source: Source<State>;
  readonly #snapshotOf: (state: State, control: Control) => S;
  readonly #listeners = new Set<(snapshot: S) => void>();
  #state: State | undefined;
  #control: Control | undefined;
  #snapshot: S | undefined;

  constructor(source: Source<State>, snapshotOf: (state: State, control: Control) => S) {
    this.#source = source;
    this.#snapshotOf = snapshotOf;
  }

  get source(): Source<State> {
    return this.#source;
  }

  get snapshot(): S | undefined {
    return this.#snapshot;
  }

  get control(): Control {
    return this.#control ?? NO_CONTROL;
  }

  /**
   * Follows the source and what people tell until `signal` aborts. There is no snapshot before both
   * are known: a pass that doesn't know of a pause yet would write what a person has paused.
   *
   * @throws what is wrong in our own code, of either.
   */
  async run(control: AsyncIterable<Control>, signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#follow(control, (told) => (this.#control = told)),
      this.#follow(this.#source.changes(signal), (state) => (this.#state = state)),
    ]);
  }

  /** Calls `listener` with the newest snapshot, now if there is one and whenever there is another. */
  subscribe(listener: (snapshot: S) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
    if (this.#snapshot !== undefined) listener(this.#snapshot);
  }

  /** The first snapshot. Undefined if the signal aborts before there is one. */
  async first(signal: AbortSignal): Promise<S | undefined> {
    if (signal.aborted) return undefined;
    const found = Promise.withResolvers<S | undefined>();
    const over = new AbortController();
    this.subscribe(found.resolve, AbortSignal.any([signal, over.signal]));
    signal.addEventListener("abort", () => found.resolve(undefined), { once: true, signal: over.signal });
    const snapshot = await found.promise;
    over.abort();
    return snapshot;
  }

  async confirm(signal: AbortSignal): Promise<S> {
    return this.#snapshotOf(await this.#source.confirm(signal), this.control);
  }

  async #follow<T>(values: AsyncIterable<T>, take: (value: T) => void): Promise<void> {
    for await (const value of values) {
      take(value);
      this.#offer();
    }
  }

  #offer(): void {
    if (this.#state === undefined || this.#control === undefined) return;
    this.#snapshot = this.#snapshotOf(this.#state, this.#control);
    for (const listener of this.#listeners) listener(this.#snapshot);
  }
}
