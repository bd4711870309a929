import { ApiError } from "../../clients/errors.ts";
import { MAX_WAIT_MS, retryAfterMs, type AnswerHeaders } from "../../clients/gate.ts";
import { backoffMs } from "../clock.ts";

export interface BreakerOptions {
  /** Failures in a row that open it. A burst of calls that one lost connection ends is fewer than these. */
  readonly threshold?: number | undefined;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
}

/** The other system is down, as the status shows it. */
export interface Down {
  /** When the first of these failures came, in milliseconds since 1970. */
  readonly since: number;
  /** 0 if the next call is the try, or if the try is under way. */
  readonly nextTryInMs: number;
}

/** What one call said of the other system. `givenUp`: nothing, since the caller didn't wait for the answer. */
export type Evidence = "up" | "givenUp" | { readonly askedMs: number | undefined };

/** A call that was not sent, since the other system is down. The next try is due in `retryAfterMs`. */
export class DownError extends ApiError {
  constructor(api: string, operation: string, { since, nextTryInMs }: Down) {
    // Says the same for as long as the outage lasts: it becomes the condition of many services.
    super(`call ${operation}`, `${api} is down since ${new Date(since).toISOString()}`, {
      failure: "unavailable",
      retryAfterMs: Math.max(1, Math.ceil(nextTryInMs)),
      hint: "Nothing is sent until a single call has got an answer; that is tried by itself.",
    });
  }
}

const THRESHOLD = 5;
const PAUSE_BASE_MS = 1_000;
const PAUSE_CAP_MS = 60_000;

/**
 * Keeps calls from a system that is down: it opens after some failures in a row. After a growing
 * pause one call goes through, the probe. Its success closes the breaker, its failure opens it again.
 *
 * All times but `since` are milliseconds of a clock that only goes forward.
 */
export class Breaker {
  readonly #threshold: number;
  readonly #random: () => number;
  #state: "closed" | "open" | "probing" = "closed";
  #failures = 0;
  /** How often it opened since the last success. */
  #openings = 0;
  #since = 0;
  #nextTryAt = 0;
  /** Grows when it opens and when a probe begins. What earlier calls still find out is old news. */
  #epoch = 0;

  constructor({ threshold = THRESHOLD, random = Math.random }: BreakerOptions = {}) {
    this.#threshold = threshold;
    this.#random = random;
  }

  /** Undefined while it is closed. */
  down(now: number): Down | undefined {
    if (this.#state === "closed") return undefined;
    return {
      since: this.#since,
      nextTryInMs: this.#state === "probing" ? 0 : Math.max(0, this.#nextTryAt - now),
    };
  }

  /** True if a call would fail at once. While the probe is under way others may wait for what comes of it. */
  refuses(now: number): boolean {
    return this.#state === "open" && now < this.#nextTryAt;
  }

  /** True if a call may begin now: any while it is closed, a single one when the pause is over. */
  mayBegin(now: number): boolean {
    return this.#state === "closed" || (this.#state === "open" && now >= this.#nextTryAt);
  }

  /** Says that a call begins. @returns what `ended` needs to know. */
  begin(): number {
    if (this.#state === "open") {
      this.#state = "probing";
      this.#epoch++;
    }
    return this.#epoch;
  }

  /**
   * Says what came of a call.
   *
   * @param wallMs Milliseconds since 1970.
   * @returns True if it has just opened, so that nobody need wait any longer.
   */
  ended(epoch: number, evidence: Evidence, now: number, wallMs: number): boolean {
    if (epoch !== this.#epoch) return false;
    if (evidence === "up") {
      this.#state = "closed";
      this.#failures = 0;
      this.#openings = 0;
      return false;
    }
    if (evidence === "givenUp") {
      // The pause is over all the same: the next call is the probe.
      if (this.#state === "probing") this.#state = "open";
      return false;
    }
    if (this.#failures === 0) this.#since = wallMs;
    this.#failures++;
    if (this.#failures < this.#threshold) return false;
    this.#open(evidence.askedMs ?? 0, now);
    return true;
  }

  #open(askedMs: number, now: number): void {
    this.#state = "open";
    this.#openings++;
    this.#epoch++;
    const pauseMs = backoffMs(this.#openings, PAUSE_BASE_MS, PAUSE_CAP_MS, this.#random());
    this.#nextTryAt = now + Math.max(pauseMs, Math.min(askedMs, MAX_WAIT_MS));
  }
}

/**
 * What an answer says of the system behind it. 4xx and 429 are answers. A 5xx, a redirect or a page
 * instead of JSON is no answer of the API, but of something before it.
 */
export function evidenceOf(status: number, headers: AnswerHeaders): Evidence {
  const isPage = status <= 299 && /\bhtml\b/i.test(headers.get("content-type") ?? "");
  const isDown = status >= 500 || status === 408 || (status >= 300 && status <= 399) || isPage;
  if (!isDown) return "up";
  // `x-ratelimit-reset` stands in every answer, and says nothing of an outage.
  return { askedMs: headers.get("retry-after") === null ? undefined : retryAfterMs(headers) };
}
