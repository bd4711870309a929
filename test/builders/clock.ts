import type { Clock } from "../../engine/clock.ts";

/** Lets everything that is due now happen, promises included. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

interface Sleeper {
  readonly atMs: number;
  wake(): void;
}

/** Time that passes only by `advance`. */
export class SteppedClock implements Clock {
  /** What `random` says. */
  chance = 0.5;
  #nowMs = Date.parse("2026-11-22T07:00:00Z");
  readonly #sleepers = new Set<Sleeper>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return this.chance;
  }

  date(): Date {
    return new Date(this.#nowMs);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper: Sleeper = { atMs: this.#nowMs + ms, wake: resolve };
    const stop = (): void => reject(signal.reason);
    this.#sleepers.add(sleeper);
    signal.addEventListener("abort", stop, { once: true });
    try {
      await promise;
    } finally {
      this.#sleepers.delete(sleeper);
      signal.removeEventListener("abort", stop);
    }
  }

  /** When the next sleeper wakes, in milliseconds from now. */
  get nextMs(): number | undefined {
    const next = Math.min(...[...this.#sleepers].map(({ atMs }) => atMs));
    return next === Infinity ? undefined : next - this.#nowMs;
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      const [next] = [...this.#sleepers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#sleepers.delete(next);
      next.wake();
      await settled();
    }
    this.#nowMs = endMs;
    await settled();
  }
}
