import type { Consul } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { backoffMs, systemClock, type Clock } from "../clock.ts";
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
