import { ApiError } from "../clients/errors.ts";
import type { Consul } from "../clients/consul.ts";
import { CLUSTER_CONTROLLERS, NODE_CONTROLLERS } from "../controllers/index.ts";
import { Board } from "../engine/status/board.ts";
import { backoffMs, systemClock } from "../engine/clock.ts";
import { CONTROL_KEYS } from "../engine/sources/control.ts";
import { Feed } from "../engine/sources/feed.ts";
import { watchesMove } from "../engine/health.ts";
import { campaign, type Standing, type Term } from "../engine/leader/lease.ts";
import { openLog, type Log } from "../engine/log.ts";
import { createMetrics, type Metrics } from "../engine/metrics.ts";
import { serve, startControl, type OperatorSettings } from "../engine/loop/operator.ts";
import { startServer, type Check } from "../engine/server.ts";
import type { NodeSnapshot, Snapshot } from "../engine/sources/snapshot.ts";
import {
  clusterSource,
  ensureSentinel,
  nodeSource,
  type ClusterState,
  type NodeState,
} from "../engine/sources/sources.ts";
import { STATUS_KEYS } from "../engine/status/status.ts";
import type { WatchState } from "../engine/sources/watch.ts";
import { backups, readOrganisation, writeOrganisation } from "./backups.ts";
import type { Config, Role } from "./config.ts";
import { clusterIdOf, openConsul, openResolver } from "./connect.ts";
import { pageFiles, pagesOf } from "./pages.ts";

/** Everything that one running process has. */
interface Process {
  readonly config: Config;
  readonly consul: Consul;
  readonly clusterId: string;
  readonly settings: OperatorSettings;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Aborts when the process is asked to stop. */
  readonly stop: AbortSignal;
  /** Aborts some time later: what is still under way is given up. */
  readonly drained: AbortSignal;
  readonly boards: Map<string, Board>;
  readonly checks: (() => Check)[];
  /** Feeds that must have a snapshot before the process is ready. */
  readonly feeds: { readonly snapshot: unknown }[];
  /** Services that the last term as the leader knew. */
  known: readonly string[];
  standing: Standing | undefined;
}

/** How long what is under way may take after SIGTERM. Nomad kills after 5 s unless told otherwise; deploy/ says 30 s. */
const DRAIN_MS = 20_000;

export interface RunHandle {
  /** URL of the status page and of `/metrics`. */
  readonly url: string;
  /** Ends when the operator has stopped. */
  readonly done: Promise<void>;
}

/** Starts the operator. Ends when `stop` aborts and everything under way is finished. */
export async function startOperator(
  config: Config,
  role: Role,
  stop: AbortSignal,
  log = openLog({ level: config.logLevel, pretty: process.stdout.isTTY }),
): Promise<RunHandle> {
  const consul = openConsul(config);
  const clusterId = await patiently(log, stop, async () => await clusterIdOf(config, consul, stop));
  if (clusterId === undefined) return { url: "", done: Promise.resolve() };
  const metrics = createMetrics();
  const settings: OperatorSettings = {
    consul,
    statePrefix: config.statePrefix,
    resyncMs: config.resyncMs,
    graceMs: config.graceMs,
    limit: config.limit,
    log,
    metrics,
  };
  const process: Process = {
    config,
    consul,
    clusterId,
    settings,
    log,
    metrics,
    stop,
    drained: drainDeadline(stop),
    boards: new Map(),
    checks: [],
    feeds: [],
    known: [],
    standing: undefined,
  };

  // First, so that an address in use is seen before anything is written.
  const server = await startServer({
    ...config.http,
    health: () => merge(process.checks),
    readiness: () => merge([...process.checks, () => ready(process, role)]),
    metrics: async () => ({ type: metrics.registry.contentType, body: await metrics.registry.metrics() }),
    pages: pagesOf({
      role,
      clusterId,
      consul,
      config,
      boards: process.boards,
      standing: () => process.standing,
    }),
    files: pageFiles(),
  });
  log.info({ role, clusterId, consul: config.consul.address, url: server.url }, "started");
  const duties = [
    ...(role === "controller" ? [] : [runNode(process, role)]),
    ...(role === "node" ? [] : [runController(process)]),
  ];
  const done = Promise.all(duties).then(
    async () => await server.stop(),
    async (error: unknown) => {
      await server.stop();
      throw error;
    },
  );
  return { url: server.url, done };
}

async function runController(process: Process): Promise<void> {
  const { config, consul, settings, log, stop } = process;
  await patiently(log, stop, async () => await prepareKv(process));
  if (stop.aborted) return;

  const resolver = openResolver(config);
  const feed = new Feed<ClusterState, Snapshot>(
    clusterSource({ consul, prefix: config.kvPrefix }),
    (state, paused) => resolver.ofCluster(state, paused),
  );
  const control = startControl(settings, stop);
  noteFeed(process, feed, control);
  const feeding = feed.run(control.changes(), stop);
  const watching = Promise.all([
    logSourceErrors(() => feed.source.health.error, "catalog and documents", log, stop),
    logSourceErrors(() => control.state.error, "orders", log, stop),
  ]);

  const campaigning = campaign(
    {
      consul,
      key: `${config.statePrefix}/leader`,
      holder: config.holder,
      signal: stop,
      onStanding: (standing) => noteStanding(process, standing),
    },
    async (term) => await lead(process, feed, term),
  );
  // All at once: whatever fails first ends the process, and nothing fails unseen.
  await Promise.all([campaigning, feeding, watching]);
}

/** Puts the two keys that must never be missing, once at the start. A token that may only read leaves it to others. */
async function prepareKv({ consul, config, stop }: Process): Promise<void> {
  await ensureSentinel({ consul, prefix: config.kvPrefix }, stop);
  try {
    await consul.kvPut(CONTROL_KEYS.keep(config.statePrefix), "", { cas: 0 }, stop);
  } catch (error) {
    if (!(error instanceof ApiError && error.failure === "unauthorized")) throw error;
  }
}

function noteStanding(process: Process, standing: Standing): void {
  const before = process.standing;
  process.standing = standing;
  process.metrics.leader.set(standing.role === "leader" ? 1 : 0);
  if (before?.role === standing.role) return;
  if (standing.role === "unknown") process.log.warn({ error: standing.error.message }, "leadership unknown");
  else
    process.log.info(
      standing.role === "leader" ? { epoch: standing.epoch } : { leader: standing.leader?.holder },
      standing.role === "leader" ? "leading" : "standing by",
    );
}

/** One term as the leader. */
async function lead(process: Process, feed: Feed<ClusterState, Snapshot>, term: Term): Promise<void> {
  const { config, consul, settings, log, clusterId, stop } = process;
  const store = async (ops: Parameters<Term["fencedTxn"]>[0]): Promise<{ readonly ok: true }> => {
    await term.fencedTxn(ops);
    return { ok: true };
  };
  const abort = AbortSignal.any([term.signal, process.drained]);
  const over = AbortSignal.any([stop, abort]);
  const organisation = await patiently(log, over, async () => ({
    id: await readOrganisation(consul, config.statePrefix, over),
  }));
  if (organisation === undefined) return;
  const board = new Board("controller");
  board.addKnown(process.known);
  process.boards.set("controller", board);
  const deps = {
    clusterId,
    policy: config.policy,
    tagName: config.tagName,
    isDryRun: false,
    approved: () => feed.control.approved,
    onBackup: backups({ statePrefix: config.statePrefix, scope: "cluster", store, log }),
    log,
    datadog: config.datadog,
    organisation: organisation.id,
    onOrganisation: (id: number) => writeOrganisation(config.statePrefix, id, store, log),
  };
  try {
    await serve(
      {
        settings,
        feed,
        registrations: CLUSTER_CONTROLLERS.map((create) => create(deps)),
        board,
        statusPrefix: STATUS_KEYS.ofController(config.statePrefix),
        store,
        mayWrite: async () => await term.check(),
        tellsAccepted: true,
      },
      stop,
      abort,
    );
  } finally {
    process.known = board.known();
    process.boards.delete("controller");
  }
}

async function runNode(process: Process, role: Role): Promise<void> {
  const { config, consul, settings, log, stop } = process;
  await patiently(log, stop, async () => await prepareKv(process));
  if (stop.aborted) return;

  const resolver = openResolver(config);
  const source = nodeSource({
    consul,
    prefix: config.kvPrefix,
    nodeName: config.nodeName,
    // The controller's part reads all documents anyway, and the connections are few.
    ...(role === "all" ? { maxDocumentWatches: 0 } : {}),
  });
  const feed = new Feed<NodeState, NodeSnapshot>(source, (state, paused) => resolver.ofNode(state, paused));
  const control = startControl(settings, stop);
  noteFeed(process, feed, control);
  const feeding = feed.run(control.changes(), stop);
  const watching = Promise.all([
    logSourceErrors(() => feed.source.health.error, "node", log, stop),
    logSourceErrors(() => control.state.error, "orders", log, stop),
  ]);
  await Promise.all([serveNode(process, feed), feeding, watching]);
}

async function serveNode(process: Process, feed: Feed<NodeState, NodeSnapshot>): Promise<void> {
  const { config, consul, settings, log, clusterId, stop } = process;
  const first = await feed.first(stop);
  if (first === undefined) return;

  const board = new Board(first.node.name);
  process.boards.set(first.node.name, board);
  const store = async (
    ops: Parameters<Term["fencedTxn"]>[0],
    signal?: AbortSignal,
  ): ReturnType<Consul["txn"]> => await consul.txn(ops, signal);
  const deps = {
    clusterId,
    policy: config.policy,
    tagName: config.tagName,
    isDryRun: false,
    approved: () => feed.control.approved,
    onBackup: backups({
      statePrefix: config.statePrefix,
      scope: `nodes/${encodeURIComponent(first.node.name)}`,
      store,
      log,
    }),
    log,
    confdDir: config.confdDir,
    agentUrl: config.agentUrl,
    agentReload: config.agentReload,
  };
  await serve(
    {
      // A file of a service that has left the machine only makes the Agent complain.
      settings: { ...settings, graceMs: Math.min(settings.graceMs, 60_000) },
      feed,
      registrations: NODE_CONTROLLERS.map((create) => create(deps)),
      board,
      statusPrefix: STATUS_KEYS.ofNode(config.statePrefix, first.node.name),
      store,
      mayWrite: async () => undefined,
      tellsAccepted: false,
    },
    stop,
    process.drained,
  );
}

/** Aborts some time after the process was asked to stop. */
function drainDeadline(stop: AbortSignal): AbortSignal {
  const deadline = new AbortController();
  const begin = (): void => {
    setTimeout(() => deadline.abort(new Error("the process is stopping")), DRAIN_MS).unref();
  };
  if (stop.aborted) begin();
  else stop.addEventListener("abort", begin, { once: true });
  return deadline.signal;
}

/** Tries until it works: at its start the operator waits for Consul, as long as it takes. Undefined if `stop` aborts first. */
async function patiently<T>(log: Log, stop: AbortSignal, attempt: () => Promise<T>): Promise<T | undefined> {
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
  process.checks.push(() =>
    watchesMove([...feed.source.health.watches, control.state], STARTED_MS, Date.now()),
  );
}

function ready(process: Process, role: Role): Check {
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

function merge(checks: readonly (() => Check)[]): Check {
  const problems = checks.flatMap((check) => check().problems);
  return { ok: problems.length === 0, problems };
}
