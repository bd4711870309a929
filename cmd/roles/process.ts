import { ApiError } from "../../clients/errors.ts";
import type { Consul } from "../../clients/consul.ts";
import type { Budget } from "../../engine/budget.ts";
import { backoffMs, systemClock, type Clock } from "../../engine/clock.ts";
import { watchesMove } from "../../engine/health.ts";
import type { Standing } from "../../engine/leader/lease.ts";
import type { Log } from "../../engine/log.ts";
import { startControl, type OperatorSettings } from "../../engine/loop/operator.ts";
import type { Metrics } from "../../engine/metrics.ts";
import type { Check } from "../../engine/server.ts";
import { CONTROL_KEYS } from "../../engine/sources/control.ts";
import type { Feed } from "../../engine/sources/feed.ts";
import type { NodeSnapshot, Snapshot } from "../../engine/sources/snapshot.ts";
import {
  ensureKey,
  ensureSentinel,
  type ClusterState,
  type NodeState,
} from "../../engine/sources/sources.ts";
import type { WatchState } from "../../engine/sources/watch.ts";
import type { Board } from "../../engine/status/board.ts";
import type { Config, Role } from "../config.ts";

/** Everything that one running process has. */
export interface Process {
  readonly config: Config;
  readonly consul: Consul;
  readonly clusterId: string;
  readonly settings: OperatorSettings & { readonly clock: Clock };
  readonly log: Log;
  readonly metrics: Metrics;
  /** For all calls to Datadog. */
  readonly budget: Budget;
  /** Aborts when the process is asked to stop. */
  readonly stop: AbortSignal;
  /** Aborts some time later: what is still under way is given up. */
  readonly drained: AbortSignal;
  readonly boards: Map<string, Board>;
  readonly checks: (() => Check)[];
  /** What is read from Consul at the moment. */
  readonly watches: (() => readonly Readonly<WatchState>[])[];
  /** Feeds that must have a snapshot before the process is ready. */
  readonly feeds: { readonly snapshot: unknown }[];
  /** Services that the last term as the leader knew. */
  known: readonly string[];
  standing: Standing | undefined;
  /** What the cluster's services wish, where this process follows it. */
  snapshot: () => Snapshot | undefined;
}

/** How long what is under way may take after SIGTERM. Nomad kills after 5 s unless told otherwise; deploy/ says 30 s. */
const DRAIN_MS = 20_000;

/** Puts the two keys that must never be missing, once at the start. A token that may only read leaves it to others. */
export async function prepareKv({ consul, config, stop }: Process): Promise<void> {
  await ensureSentinel({ consul, prefix: config.kvPrefix }, stop);
  await ensureKey(consul, CONTROL_KEYS.keep(config.statePrefix), "", stop);
}

/** Aborts some time after the process was asked to stop. */
export function drainDeadline(stop: AbortSignal): AbortSignal {
  const deadline = new AbortController();
  const begin = (): void => {
    setTimeout(() => deadline.abort(new Error("the process is stopping")), DRAIN_MS).unref();
  };
  if (stop.aborted) begin();
  else stop.addEventListener("abort", begin, { once: true });
  return deadline.signal;
}

/** Tries until it works: at its start the operator waits for Consul, as long as it takes. Undefined if `stop` aborts first. */
export async function patiently<T>(
  log: Log,
  stop: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T | undefined> {
  for (let failures = 1; !stop.aborted; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (stop.aborted) return undefined;
      if (!(error instanceof ApiError) || error.failure === "rejected") throw error;
      if (failures === 1) log.error({ error: error.message, hint: error.hint }, "waiting for consul");
      await systemClock.sleep(backoffMs(failures, 500, 10_000, Math.random()), stop).catch(() => undefined);
    }
  }
  return undefined;
}

/** Follows a feed and people's orders until the process stops, and says once why no news comes. */
export async function follow(
  process: Process,
  feed: Feed<ClusterState, Snapshot> | Feed<NodeState, NodeSnapshot>,
  what: string,
): Promise<void> {
  const { settings, log, stop } = process;
  const control = startControl(settings, stop);
  noteFeed(process, feed, control);
  await Promise.all([
    feed.run(control.changes(), stop),
    logSourceErrors(() => feed.source.health.error, what, log, stop),
    logSourceErrors(() => control.state.error, "orders", log, stop),
  ]);
}

const LOOK_MS = 1_000;

/** Says once why no news comes, and when it comes again. */
async function logSourceErrors(
  errorOf: () => ApiError | undefined,
  watch: string,
  log: Log,
  stop: AbortSignal,
): Promise<void> {
  let told: string | undefined;
  const look = (): void => {
    const error = errorOf();
    if (error?.message === told) return;
    if (error !== undefined)
      log.error({ watch, reason: error.failure, error: error.message, hint: error.hint }, "source failing");
    else log.info({ watch }, "source back");
    told = error?.message;
  };
  const timer = setInterval(look, LOOK_MS);
  await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
  clearInterval(timer);
}

const STARTED_MS = Date.now();

/** Health and readiness depend on what a feed reads. */
function noteFeed(
  process: Process,
  feed: Feed<ClusterState, Snapshot> | Feed<NodeState, NodeSnapshot>,
  control: { readonly state: Readonly<WatchState> },
): void {
  process.feeds.push(feed);
  const watches = (): readonly Readonly<WatchState>[] => [...feed.source.health.watches, control.state];
  process.watches.push(watches);
  process.checks.push(() => watchesMove(watches(), STARTED_MS, Date.now()));
}

export function ready(process: Process, role: Role): Check {
  const problems: string[] = [];
  if (
    process.feeds.length < (role === "all" ? 2 : 1) ||
    process.feeds.some(({ snapshot }) => snapshot === undefined)
  )
    problems.push("the first snapshot is not there yet");
  if (role !== "node" && (process.standing === undefined || process.standing.role === "unknown"))
    problems.push("it is not known yet who leads");
  return { ok: problems.length === 0, problems };
}

export function merge(checks: readonly (() => Check)[]): Check {
  const problems = checks.flatMap((check) => check().problems);
  return { ok: problems.length === 0, problems };
}
