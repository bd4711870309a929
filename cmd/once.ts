import { toError } from "../clients/errors.ts";
import { openNomad } from "../clients/nomad.ts";
import { readOnlyConsul } from "../clients/consul-read-only.ts";
import type { Consul, TxnOp } from "../clients/consul.ts";
import type { ClusterDeps, NodeDeps } from "../controllers/deps.ts";
import { changeReporter } from "../controllers/change-events/index.ts";
import { CLUSTER_CONTROLLERS, NODE_CONTROLLERS } from "../controllers/index.ts";
import { NomadAgent } from "../controllers/nomad-telemetry/agent.ts";
import { Board } from "../engine/status/board.ts";
import { Budget } from "../engine/budget.ts";
import { readControlOnce, type Control } from "../engine/sources/control.ts";
import { Intents, intentsPrefix } from "../engine/status/intents.ts";
import type { Term } from "../engine/leader/lease.ts";
import { openLog, type Log } from "../engine/log.ts";
import { createMetrics } from "../engine/metrics.ts";
import type { OperatorSettings, PassOptions } from "../engine/loop/operator.ts";
import type { NodeSnapshot, Snapshot } from "../engine/sources/snapshot.ts";
import { clusterSource, nodeSource } from "../engine/sources/sources.ts";
import { STATUS_KEYS } from "../engine/status/status.ts";
import type { StatusStore } from "../engine/status/status-writer.ts";
import { backups, readOrganisation, writeOrganisation } from "./backups.ts";
import type { Config } from "./config.ts";
import { clusterIdOf, clusterNomad, nomadPlace, nomadSource, openConsul, openResolver } from "./connect.ts";

/** What `plan` and `apply` work with. */
export interface Once {
  readonly config: Config;
  readonly consul: Consul;
  readonly clusterId: string;
  readonly control: Control;
  readonly log: Log;
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
}

/** Everything that one role needs for a single pass. */
export interface Duty<S extends Snapshot> {
  readonly options: PassOptions<S>;
  readonly snapshot: S;
  /** Waits for what is stored behind the pass: backups, the organisation. */
  readonly stored: () => Promise<void>;
}

/** @param isDryRun True to get clients that cannot write. */
export async function openOnce(config: Config, isDryRun: boolean, signal: AbortSignal): Promise<Once> {
  const consul = isDryRun ? readOnlyConsul(openConsul(config)) : openConsul(config);
  const clusterId = await clusterIdOf(config, consul, signal);
  const control = await readControlOnce(consul, config.statePrefix, signal);
  // What happens is printed as the command's own answer.
  const log = openLog({ level: "silent", pretty: false });
  return { config, consul, clusterId, control, log, isDryRun, signal };
}

/** How long a command waits at its end for the events that tell what it changed. */
const LAST_EVENTS_MS = 10_000;

/** The controller role. @param term Without one nothing can be written. */
export async function clusterDuty(once: Once, term?: Term): Promise<Duty<Snapshot>> {
  const { config, consul, control, log, isDryRun, signal } = once;
  const source = clusterSource({
    consul,
    prefix: config.kvPrefix,
    beforeFirstRun: isDryRun,
    nomad: nomadSource(config),
  });
  const resolver = openResolver(config);
  const confirm = async (inner: AbortSignal): Promise<Snapshot> =>
    resolver.ofCluster(await source.confirm(inner), control.paused);
  const { store, stored } = tracked(async (ops) => {
    if (term === undefined) throw new Error("Without the lock nothing is stored");
    await term.fencedTxn(ops);
    return { ok: true };
  });
  const intents = new Intents({ prefix: intentsPrefix(config.statePrefix), store, log });
  const deps: ClusterDeps = {
    ...commonDeps(once, "cluster", store),
    kv: { consul, statePrefix: config.statePrefix, store },
    nomad: clusterNomad(config, isDryRun),
    datadog: config.datadog,
    budget: new Budget(),
    evaluators: config.evaluators,
    mandate: term,
    openIntents: (controller) => intents.agesOf(controller),
    organisation: await readOrganisation(consul, config.statePrefix, signal),
    onOrganisation: isDryRun
      ? () => undefined
      : (id) => writeOrganisation(config.statePrefix, id, store, log),
  };
  const reporter = config.changeEvents ? changeReporter(deps, signal) : undefined;
  const options: PassOptions<Snapshot> = {
    settings: settingsOf(once, config.graceMs),
    feed: { control, confirm },
    registrations: CLUSTER_CONTROLLERS.map((create) => create(deps)),
    board: new Board("controller"),
    statusPrefix: STATUS_KEYS.ofController(config.statePrefix),
    store,
    intents,
    mayWrite: async () => {
      if (term === undefined) refuseToWrite();
      await term.check();
    },
    onChanges: (controller, changes, snapshot) => reporter?.report(controller, changes, snapshot),
    tellsAccepted: true,
  };
  return {
    options,
    snapshot: await confirm(signal),
    async stored() {
      await stored();
      await reporter?.flush(LAST_EVENTS_MS);
    },
  };
}

/** The node role of this machine. */
export async function nodeDuty(once: Once): Promise<Duty<NodeSnapshot>> {
  const { config, consul, control, isDryRun, signal } = once;
  const source = nodeSource({
    consul,
    prefix: config.kvPrefix,
    nodeName: config.nodeName,
    nomad: nomadSource(config),
    beforeFirstRun: isDryRun,
  });
  const resolver = openResolver(config);
  const confirm = async (inner: AbortSignal): Promise<NodeSnapshot> =>
    resolver.ofNode(await source.confirm(inner), control);
  const snapshot = await confirm(signal);
  const { store, stored } = tracked(async (ops, inner) => await consul.txn(ops, inner));
  const agent = new NomadAgent(openNomad(config.nomad), config.nomad.configDir);
  await agent.look(signal);
  const deps: NodeDeps = {
    ...commonDeps(once, `nodes/${encodeURIComponent(snapshot.node.name)}`, store),
    confdDir: config.confdDir,
    agentUrl: config.agentUrl,
    agentReload: config.agentReload,
    nomadPlace: nomadPlace(config),
    receivers: config.receivers,
    nomad: { agent, program: config.nomad.bin },
  };
  const options: PassOptions<NodeSnapshot> = {
    // The same bound as in the operator: a file of a service that has left only makes the Agent complain.
    settings: settingsOf(once, Math.min(config.graceMs, 60_000)),
    feed: { control, confirm },
    registrations: NODE_CONTROLLERS.map((create) => create(deps)),
    board: new Board(snapshot.node.name),
    statusPrefix: STATUS_KEYS.ofNode(config.statePrefix, snapshot.node.name),
    store,
    mayWrite: async () => {
      if (isDryRun) refuseToWrite();
    },
    tellsAccepted: false,
  };
  return { options, snapshot, stored };
}

function commonDeps(
  { config, consul, clusterId, control, log, isDryRun }: Once,
  scope: string,
  store: StatusStore,
) {
  return {
    clusterId,
    policy: config.policy,
    tagName: config.tagName,
    isDryRun,
    approved: () => control.approved,
    onBackup: backups({ consul, statePrefix: config.statePrefix, scope, store, log }),
    log,
  };
}

function settingsOf({ config, consul, log }: Once, graceMs: number): OperatorSettings {
  const { statePrefix, resyncMs, limit } = config;
  return { consul, statePrefix, resyncMs, graceMs, limit, log, metrics: createMetrics() };
}

function refuseToWrite(): never {
  throw new Error("This command only reads");
}

/** A store whose writes can be waited for. */
function tracked(store: StatusStore): { readonly store: StatusStore; readonly stored: () => Promise<void> } {
  const pending = new Set<Promise<unknown>>();
  return {
    store: async (ops: readonly TxnOp[], signal) => {
      const write = store(ops, signal);
      pending.add(write);
      try {
        return await write;
      } finally {
        pending.delete(write);
      }
    },
    async stored() {
      const results = await Promise.allSettled(pending);
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw toError(failed.reason);
    },
  };
}
