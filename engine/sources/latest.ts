/** Hands each value to one consumer. A value that was not taken yet is replaced by the next: the newest wins. */
export class Latest<T> {
  #waiting: { readonly value: T } | undefined;
  #failure: { readonly error: unknown } | undefined;
  readonly #sleepers = new Set<() => void>();

  set(value: T): void {
    this.#waiting = { value };
    this.#wakeAll();
  }

  /** Ends the values with an error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wakeAll();
  }

  /** Ends without an error when the signal aborts. */
  async *values(signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    while (!signal.aborted) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const waiting = this.#waiting;
      if (waiting === undefined) {
        await this.#changed(signal);
        continue;
      }
      this.#waiting = undefined;
      yield waiting.value;
    }
  }

  #wakeAll(): void {
    for (const wake of this.#sleepers) wake();
  }

  async #changed(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#sleepers.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#sleepers.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
