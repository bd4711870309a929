/**
 * What a failed call means for the caller. Picked from the HTTP status or the network failure.
 *
 * - `unauthorized`: the credentials are missing, wrong or not allowed. A person must act.
 * - `rejected`: the request itself is wrong. The same request will fail again.
 * - `notFound`: the object is not there.
 * - `conflict`: the object changed or exists already.
 * - `inUse`: something else uses the object, so that it can't be deleted yet.
 * - `rateLimited`: try again after `retryAfterMs`.
 * - `unavailable`: the server is down, slow or answered nonsense. Try again later.
 * - `ambiguous`: a write was sent and its outcome is not known. Look before writing again.
 */
export type ApiFailure =
  | "unauthorized"
  | "rejected"
  | "notFound"
  | "conflict"
  | "inUse"
  | "rateLimited"
  | "unavailable"
  | "ambiguous";

export interface ApiErrorDetails {
  readonly failure: ApiFailure;
  /** HTTP status, absent if there was no answer. */
  readonly status?: number;
  readonly retryAfterMs?: number;
  /** The longest pause before another try, where what is missing comes by itself. */
  readonly retryWithinMs?: number;
  readonly cause?: unknown;
  /** What the person can do, as a sentence. */
  readonly hint?: string;
  /** CamelCase: what a condition says instead of the failure's name, such as `WaitingForMetric`. */
  readonly reason?: string;
}

/** A call to another system that failed. The message says what was tried, on what, and what came back. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly failure: ApiFailure;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly retryWithinMs: number | undefined;
  readonly hint: string | undefined;
  readonly reason: string | undefined;

  /**
   * @param tried What was tried and on what, without "cannot": `create monitor "x"`.
   * @param answer What came back: `429 Rate limited`. Never a token or a request body.
   */
  constructor(tried: string, answer: string, details: ApiErrorDetails) {
    super(`Cannot ${tried}: ${answer}`, { cause: details.cause });
    this.failure = details.failure;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.retryWithinMs = details.retryWithinMs;
    this.hint = details.hint;
    this.reason = details.reason;
  }

  /** True if the next call to the same system would fail as well, so that a run should end here. */
  get stopsRun(): boolean {
    return (
      this.failure === "unauthorized" || this.failure === "rateLimited" || this.failure === "unavailable"
    );
  }
}

export function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
