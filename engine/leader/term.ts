import { keyPath } from "../../clients/consul-connection.ts";
import type { Consul, TxnOp } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Clock } from "../clock.ts";

/** One time of leading, from taking the lock to losing or giving it back. */
export interface Term {
  /** Aborts at once when leadership is lost, or may be. Not when the process is asked to stop: then `lead` drains. */
  readonly signal: AbortSignal;
  /** Grows from term to term: the ModifyIndex at which the lock was taken. */
  readonly epoch: number;
  /**
   * Makes sure that we still lead. Called before each batch of writes to anything but Consul's KV store.
   *
   * @throws {ApiError} `conflict` if we don't, `unavailable` if it can't be told.
   */
  check(): Promise<void>;
  /**
   * Looks at our own clocks only, and asks nobody. Called at the last moment before anything is sent: after a pause no
   * timer has run yet, so that `signal` may not say so.
   *
   * @throws {ApiError} `conflict` if we may not lead any more.
   */
  mustHold(): void;
  /**
   * Writes to the KV store if, and only if, we still lead: Consul checks both in one step.
   *
   * @param ops At most 63.
   * @throws {ApiError} `conflict` if we don't lead, or if an operation failed; then none is made.
   */
  fencedTxn(ops: readonly TxnOp[]): Promise<void>;
}

/** One election, as all of its parts see it. */
export interface Settings {
  readonly consul: Consul;
  readonly key: string;
  readonly ttlMs: number;
  readonly renewEveryMs: number;
  readonly lockDelayMs: number;
  readonly clock: Clock;
  readonly name: string;
  readonly value: () => string;
}

/** A session, and when Consul was last asked to keep it. */
export interface Session {
  readonly id: string;
  renewSentAt: Moment;
}

/** A point in time on both clocks: one stands still while a machine sleeps, the other may be set back. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function now(clock: Clock): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/** The longer of both clocks' times: a wrong guess costs a term, never a second leader. */
export function elapsedMs(since: Moment, clock: Clock): number {
  return Math.max(clock.monotonicMs() - since.monotonicMs, clock.wallMs() - since.wallMs);
}

/** A lock that we have just taken. */
export interface Won {
  readonly session: Session;
  readonly epoch: number;
}

/** A spare looks at least this often, since the end of a lock delay wakes nobody. */
const SPARE_WAIT_MS = 30_000;

/** What stands at the lock's key. */
export interface Seen {
  readonly index: number;
  readonly session: string | undefined;
  readonly text: string;
  readonly modifyIndex: number;
}

/** Reads the lock's key, waiting until it is newer than `index`. */
export async function lookAtLock(
  { consul, key }: Settings,
  index: number,
  signal: AbortSignal,
): Promise<Seen> {
  const answer = await consul.read(
    {
      path: `/kv/${keyPath(key)}`,
      index,
      waitMs: SPARE_WAIT_MS,
      tried: `watch the lock "${key}"`,
      right: `key "${key}" { policy = "write" } and session_prefix "" { policy = "write" }`,
    },
    signal,
  );
  if (!answer.knownLeader) {
    throw new ApiError(`watch the lock "${key}"`, "Consul has no leader", { failure: "unavailable" });
  }
  const entry = (answer.body() as readonly WireLock[] | undefined)?.[0];
  return {
    index: answer.index,
    session: entry?.Session,
    text: Buffer.from(entry?.Value ?? "", "base64").toString("utf8"),
    modifyIndex: entry?.ModifyIndex ?? 0,
  };
}

interface WireLock {
  readonly Session?: string;
  readonly Value: string | null;
  readonly ModifyIndex: number;
}

/**
 * Leads until `lead` returns or the lock is lost, and keeps the session meanwhile.
 *
 * @returns True if we still led when `lead` returned; the lock is then given back.
 */
export async function serve(
  settings: Settings,
  won: Won,
  lead: (term: Term) => Promise<void>,
): Promise<boolean> {
  const holding = new Holding(settings, won);
  const over = new AbortController();
  const background = AbortSignal.any([over.signal, holding.signal]);
  const keeping = Promise.all([renewUntilLost(holding, background), watchUntilLost(holding, background)]);
  const expiry = setInterval(() => holding.loseIfExpired(), settings.ttlMs / 40);
  expiry.unref();
  try {
    await lead(holding.term());
    return !holding.signal.aborted;
  } catch (error) {
    // An error of a term that was lost is its end, not a failure.
    if (holding.signal.aborted) return false;
    throw error;
  } finally {
    clearInterval(expiry);
    over.abort();
    await keeping;
    await giveBack(settings, won.session);
  }
}

/** Whether we hold the lock, as far as we can know. */
class Holding {
  readonly settings: Settings;
  readonly session: Session;
  readonly #epoch: number;
  readonly #lost = new AbortController();

  constructor(settings: Settings, won: Won) {
    this.settings = settings;
    this.session = won.session;
    this.#epoch = won.epoch;
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  lose(why: string): ApiError {
    const error = new ApiError("go on as the leader", why, { failure: "conflict" });
    if (!this.#lost.signal.aborted) this.#lost.abort(error);
    return error;
  }

  /** Consul never ends a session earlier than its TTL after we asked to keep it; so until then nobody else leads. */
  loseIfExpired(): void {
    const { ttlMs, clock } = this.settings;
    if (elapsedMs(this.session.renewSentAt, clock) >= ttlMs) this.lose("the session was not renewed in time");
  }

  /** @throws if we know that we don't lead. Looks at the clocks: after a pause, timers have not run yet. */
  #mustHold(): void {
    this.loseIfExpired();
    this.#lost.signal.throwIfAborted();
  }

  term(): Term {
    const { consul, key } = this.settings;
    return {
      signal: this.#lost.signal,
      epoch: this.#epoch,
      mustHold: () => this.#mustHold(),
      check: async () => {
        this.#mustHold();
        const entry = await consul.kvGet(key, { consistent: true }, this.#lost.signal);
        if (entry?.session !== this.session.id) throw this.lose("another process holds the lock");
        this.#mustHold();
      },
      fencedTxn: async (ops) => {
        this.#mustHold();
        const guard: TxnOp = { verb: "check-session", key, session: this.session.id };
        const result = await consul.txn([guard, ...ops], this.#lost.signal);
        if (result.ok) return;
        const [first] = result.errors;
        if (first === undefined || first.opIndex === 0)
          throw this.lose(first?.what ?? "the lock is not ours");
        throw new ApiError(`write ${ops.length} keys`, first.what, { failure: "conflict", status: 409 });
      },
    };
  }
}

/** Renews the session. Errors are no proof of loss: it tries until the time is over. */
async function renewUntilLost(holding: Holding, signal: AbortSignal): Promise<void> {
  const { consul, ttlMs, renewEveryMs, clock } = holding.settings;
  let pauseMs = renewEveryMs;
  while (!signal.aborted) {
    await clock.sleep(pauseMs * (0.9 + 0.2 * clock.random()), signal).catch(() => undefined);
    if (signal.aborted) return;
    const sentAt = now(clock);
    const leftMs = ttlMs - elapsedMs(holding.session.renewSentAt, clock);
    try {
      const isKnown = await consul.sessionRenew(
        holding.session.id,
        Math.max(Math.min(leftMs, ttlMs / 2), 1),
        signal,
      );
      if (!isKnown) {
        holding.lose("Consul ended the session");
        return;
      }
      holding.session.renewSentAt = sentAt;
      pauseMs = renewEveryMs;
    } catch {
      // No answer says nothing; `loseIfExpired` ends the term when it lasts.
      pauseMs = renewEveryMs / 6;
    }
  }
}

/** Sees at once if someone deleted the key or the session. */
async function watchUntilLost(holding: Holding, signal: AbortSignal): Promise<void> {
  const { clock, renewEveryMs } = holding.settings;
  let index = 0;
  while (!signal.aborted) {
    try {
      const seen = await lookAtLock(holding.settings, index, signal);
      if (seen.session !== holding.session.id) {
        holding.lose(
          seen.session === undefined ? "the lock was taken from us" : "another process holds the lock",
        );
        return;
      }
      index = seen.index < index ? 0 : seen.index;
    } catch {
      // The renewals decide; this only sees some losses earlier.
      index = 0;
      await clock.sleep(renewEveryMs / 3, signal).catch(() => undefined);
    }
  }
}

/** Frees the lock without its delay, so that a spare takes over at once. If Consul is away, it frees it by itself. */
async function giveBack(settings: Settings, session: Session): Promise<void> {
  const { consul, key } = settings;
  const soon = AbortSignal.timeout(2_000);
  await consul.kvRelease(key, settings.value(), session.id, soon).catch(() => false);
  await endSession(settings, session);
}

export async function endSession({ consul }: Settings, session: Session): Promise<void> {
  // A session that is not ended now ends by its TTL.
  await consul.sessionDestroy(session.id, AbortSignal.timeout(2_000)).catch(() => undefined);
}
