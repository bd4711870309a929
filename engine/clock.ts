import { setTimeout as sleepFor } from "node:timers/promises";

/** Time, as the engine reads it. Tests give their own. */
export interface Clock {
  /** Milliseconds that only go forward. */
  monotonicMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Rejects with the signal's reason if it aborts. Doesn't keep the process alive for it. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1, for jitter. */
  random(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  async sleep(ms, signal) {
    signal.throwIfAborted();
    await sleepFor(ms, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error;
    });
  },
  random: () => Math.random(),
};

/**
 * Milliseconds to wait before try number `failures`: doubles from `baseMs` up to `capMs`,
 * of which half is chance, so that many processes don't come back at once.
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: number): number {
  const full = Math.min(baseMs * 2 ** Math.min(failures - 1, 30), capMs);
  return full / 2 + (full / 2) * random;
}
