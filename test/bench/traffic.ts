import type { Exchange } from "../contracts/datadog-double.ts";

/** The recorded limit of `POST /api/v1/monitor`. Windows are aligned to the clock. */
export const CREATES = { limit: 500, windowMs: 10_000 } as const;

/** Whether calls went out as fast as a limit allows. */
export interface Pace {
  readonly calls: number;
  /** From the first call to the last. */
  readonly tookMs: number;
  /** The least for so many calls after those of the first window, from the first one on. */
  readonly leastMs: number;
  /** Windows between the first and the last that were not used to their limit. */
  readonly wasted: number;
  /** From the start of a window to its first call, for all windows but the first one. */
  readonly delaysMs: readonly number[];
  /** Calls of the busiest 100 ms. */
  readonly busiest: number;
}

export function paceOf(
  times: readonly number[],
  { limit, windowMs }: { readonly limit: number; readonly windowMs: number },
): Pace {
  const sorted = times.toSorted((a, b) => a - b);
  const [first = 0, last = 0] = [sorted[0], sorted.at(-1)];
  const windowOf = (at: number): number => Math.floor(at / windowMs);
  const windows = Map.groupBy(sorted, windowOf);
  const [firstWindow, lastWindow] = [windowOf(first), windowOf(last)];
  // The first window was begun somewhere in its midst: what it took stands.
  const left = sorted.length - (windows.get(firstWindow)?.length ?? 0);
  const lastLeast = firstWindow + Math.ceil(left / limit);
  const delaysMs: number[] = [];
  let wasted = 0;
  for (let window = firstWindow; window <= lastWindow; window++) {
    const calls = windows.get(window) ?? [];
    if (window > firstWindow && calls[0] !== undefined) delaysMs.push(calls[0] - window * windowMs);
    if (window > firstWindow && window < lastWindow && calls.length < limit) wasted++;
  }
  return {
    calls: sorted.length,
    tookMs: last - first,
    leastMs: Math.max(0, lastLeast * windowMs - first),
    wasted,
    delaysMs,
    busiest: Math.max(
      0,
      ...[...Map.groupBy(sorted, (at) => Math.floor(at / 100)).values()].map(({ length }) => length),
    ),
  };
}

/** How often each operation was called and answered how: `POST /api/v1/monitor 200: 10,000`. */
export function callsByOperation(traffic: readonly Exchange[]): string {
  const counts = new Map<string, number>();
  for (const { method, path, status } of traffic) {
    const operation = `${method} ${path.replace(/\/[^/]*\d[^/]*(?=\/|$)/g, (part) => (/^\/v\d$/.test(part) ? part : "/{id}"))} ${status}`;
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([operation, count]) => `${operation}: ${count.toLocaleString("en-US")}`)
    .join(", ");
}
