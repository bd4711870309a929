/**
 * What a call is for. `change`: a person waits for it, or an object is missing.
 * `drift`: reading the world and putting edits back. `status`: only tells how things are.
 */
export type Priority = "change" | "drift" | "status";

/** Header names are looked up in lower case. */
export interface AnswerHeaders {
  get(name: string): string | null;
}

/** The leave for one call. Exactly one of the two methods is called, once. */
export interface Permit {
  answered(status: number, headers: AnswerHeaders): void;
  /** There was no answer. */
  failed(): void;
}

/** Lets calls to an API pass at the rate that it allows. `engine/budget.ts` is the real one. */
export interface Gate {
  /**
   * Waits until the call may be made.
   *
   * @param operation The API's own name: `createMonitor`.
   * @param kind What is worked on: `monitors`, `dashboards`. Calls of one kind leave room for others.
   * @throws the signal's reason if it is aborted while waiting.
   * @throws {ApiError} `unavailable` with `retryAfterMs` if the API is known to be down: the call is not sent.
   */
  acquire(operation: string, priority: Priority, signal: AbortSignal, kind?: string): Promise<Permit>;
}

/** Lets everything pass at once: for one-shot commands and tests. */
export const openGate: Gate = {
  acquire: () => Promise.resolve({ answered: () => undefined, failed: () => undefined }),
};

/** No answer makes us wait longer than this before we ask again, whatever it says. */
export const MAX_WAIT_MS = 10 * 60_000;

/**
 * How long an answer asks us to wait: `retry-after` (seconds or a date) or `x-ratelimit-reset`, bounded.
 *
 * @returns undefined if it doesn't say, or says nonsense.
 */
export function retryAfterMs(headers: AnswerHeaders, now: number = Date.now()): number | undefined {
  const header = headers.get("retry-after");
  const seconds = headerNumber(header) ?? headerNumber(headers.get("x-ratelimit-reset"));
  if (seconds !== undefined) return Math.min(seconds * 1_000, MAX_WAIT_MS);
  const date = header === null ? Number.NaN : Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - now), MAX_WAIT_MS);
}

/** A header that holds a number that is not negative. */
export function headerNumber(text: string | null): number | undefined {
  if (text === null || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
