import type { Consul } from "../clients/consul.ts";
import { ApiError } from "../clients/errors.ts";
import { backoffMs, systemClock, type Clock } from "./clock.ts";
import {
  elapsedMs,
  endSession,
  lookAtLock,
  now,
  serve,
  type Session,
  type Settings,
  type Term,
  type Won,
} from "./term.ts";

export type { Term } from "./term.ts";

export interface CampaignOptions {
  readonly consul: Consul;
  /** `dd-observe/leader` */
  readonly key: string;
  /** Who we are, for people: `node-1/4711`. */
  readonly holder: string;
  readonly version?: string | undefined;
  /** Aborts when the process is asked to stop. */
  readonly signal: AbortSignal;
  /** At least 10 000, Consul's own limit. */
  readonly ttlMs?: number | undefined;
  readonly renewEveryMs?: number | undefined;
  /** How long Consul keeps the lock closed after a crash, so that a paused holder's last writes are over. */
  readonly lockDelayMs?: number | undefined;
  /** Told whenever the leader question has an answer: for readiness and the status page. */
  onStanding?(standing: Standing): void;
  readonly clock?: Clock | undefined;
}

export type Standing =
  | { readonly role: "leader"; readonly epoch: number }
  | { readonly role: "spare"; readonly leader: Leader | undefined }
  | { readonly role: "unknown"; readonly error: ApiError };

export interface Leader {
  readonly holder: string;
  /** ISO 8601. */
  readonly since: string;
  readonly version: string;
}

const RETRY_BASE_MS = 250;
const RETRY_CAP_MS = 5_000;

/**
 * Takes part in the election until `signal` aborts, and calls `lead` for each term that we win.
 *
 * When `signal` aborts while we lead, waits for `lead` to return, then gives the lock back,
 * so that a spare takes over at once. When leadership is lost, aborts the term's signal and
 * waits for `lead` before trying again. Returns as well when `lead` returns while we still lead.
 *
 * @throws what `lead` throws while it still leads.
 */
export async function campaign(options: CampaignOptions, lead: (term: Term) => Promise<void>): Promise<void> {
  const settings = settingsOf(options);
  const { signal } = options;
  while (!signal.aborted) {
    const won = await win(settings, options, signal);
    if (won === undefined) return;
    options.onStanding?.({ role: "leader", epoch: won.epoch });
    const kept = await serve(settings, won, lead);
    if (kept) return;
  }
}

/** Who leads now. Undefined if nobody holds the lock. */
export async function readLeader(
  consul: Consul,
  key: string,
  signal?: AbortSignal,
): Promise<Leader | undefined> {
  const entry = await consul.kvGet(key, {}, signal);
  return entry?.session === undefined ? undefined : parseLeader(entry.text);
}

function parseLeader(text: string): Leader {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Someone wrote over the key; the session on it still holds the lock.
    value = {};
  }
  const { holder, since, version } = { ...(value as Partial<Leader>) };
  return { holder: holder ?? "unknown", since: since ?? "", version: version ?? "" };
}

function settingsOf(options: CampaignOptions): Settings {
  const clock = options.clock ?? systemClock;
  return {
    consul: options.consul,
    key: options.key,
    ttlMs: options.ttlMs ?? 10_000,
    renewEveryMs: options.renewEveryMs ?? 3_000,
    lockDelayMs: options.lockDelayMs ?? 1_000,
    clock,
    name: `dd-observe ${options.holder}`,
    value: () =>
      JSON.stringify({
        holder: options.holder,
        since: new Date(clock.wallMs()).toISOString(),
        version: options.version ?? "",
      }),
  };
}

/** Waits until we hold the lock. Undefined if `signal` aborted first. */
async function win(
  settings: Settings,
  options: CampaignOptions,
  signal: AbortSignal,
): Promise<Won | undefined> {
  let session: Session | undefined;
  let index = 0;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const seen = await lookAtLock(settings, index, signal);
      failures = 0;
      index = seen.index < index ? 0 : seen.index;
      if (seen.session !== undefined && seen.session === session?.id) {
        return { session, epoch: seen.modifyIndex };
      }
      if (seen.session !== undefined) {
        options.onStanding?.({ role: "spare", leader: parseLeader(seen.text) });
        continue;
      }
      session = await keepSession(settings, session, signal);
      // Read again in any case: the answer may be lost, and the epoch stands in the key.
      index = 0;
      if (await settings.consul.kvAcquire(settings.key, settings.value(), session.id, signal)) continue;
      options.onStanding?.({ role: "spare", leader: undefined });
      await settings.clock.sleep((settings.lockDelayMs / 4) * (1 + settings.clock.random()), signal);
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof ApiError)) throw error;
      failures++;
      index = 0;
      options.onStanding?.({ role: "unknown", error });
      const pauseMs = backoffMs(failures, RETRY_BASE_MS, RETRY_CAP_MS, settings.clock.random());
      await settings.clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }
  if (session !== undefined) await endSession(settings, session);
  return undefined;
}

/** A session that will live for most of its TTL: the one we have, renewed, or a new one. */
async function keepSession(
  settings: Settings,
  session: Session | undefined,
  signal: AbortSignal,
): Promise<Session> {
  const { consul, ttlMs, lockDelayMs, name, clock, renewEveryMs } = settings;
  if (session !== undefined && elapsedMs(session.renewSentAt, clock) < renewEveryMs) return session;
  const renewSentAt = now(clock);
  if (session !== undefined && (await consul.sessionRenew(session.id, ttlMs, signal))) {
    session.renewSentAt = renewSentAt;
    return session;
  }
  return { id: await consul.sessionCreate({ ttlMs, lockDelayMs, name }, signal), renewSentAt };
}

/**
 * Leads until `lead` returns or the lock is lost, and keeps the session meanwhile.
 *
 * @returns True if we still led when `lead` returned; the lock is then given back.
 */
async function serve(settings: Settings, won: Won, lead: (term: Term) => Promise<void>): Promise<boolean> {
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

async function endSession({ consul }: Settings, session: Session): Promise<void> {
  // A session that is not ended now ends by its TTL.
  await consul.sessionDestroy(session.id, AbortSignal.timeout(2_000)).catch(() => undefined);
}
