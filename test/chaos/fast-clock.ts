import type { Clock } from "../../engine/clock.ts";

export interface FastClock extends Clock {
  stop(): void;
}

const TICK_MS = 2;

/**
 * Time that passes `rate` times as fast as the real one, so that grace periods and pauses are over soon, and never
 * faster: on a machine that is busy with other things it slows down with everything else in this process.
 */
export function fastClock(rate: number): FastClock {
  const startedWallMs = Date.now();
  const sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();
  let nowMs = 0;
  const ticking = setInterval(() => {
    nowMs += TICK_MS * rate;
    for (const sleeper of sleepers) if (sleeper.atMs <= nowMs) sleeper.wake();
  }, TICK_MS);
  return {
    monotonicMs: () => nowMs,
    wallMs: () => startedWallMs + nowMs,
    random: () => Math.random(),
    async sleep(ms, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const sleeper = { atMs: nowMs + ms, wake: resolve };
      const give = (): void => reject(signal.reason);
      sleepers.add(sleeper);
      signal.addEventListener("abort", give, { once: true });
      try {
        await promise;
      } finally {
        sleepers.delete(sleeper);
        signal.removeEventListener("abort", give);
      }
    },
    stop: () => clearInterval(ticking),
  };
}
