import { loadDatadogClient } from "../../clients/datadog-warm.ts";
import { changeReporter } from "../../controllers/change-events/index.ts";
import { watchBudgets } from "../../controllers/budgets/index.ts";
import { watchCost } from "../../controllers/cost/index.ts";
import { watchArrival } from "../../controllers/metrics-arrival/index.ts";
import { CLUSTER_CONTROLLERS } from "../../controllers/index.ts";
import { watchPlacement } from "../../controllers/placement/index.ts";
import { tellProgress } from "../../engine/budget/tell.ts";
import { campaign, type Standing, type Term } from "../../engine/leader/lease.ts";
import { serve } from "../../engine/loop/operator.ts";
import { Feed } from "../../engine/sources/feed.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { clusterSource, type ClusterState } from "../../engine/sources/sources.ts";
import { Board } from "../../engine/status/board.ts";
import { STATUS_KEYS } from "../../engine/status/status.ts";
import { Intents, intentsPrefix } from "../../engine/status/intents.ts";
import { backups, pruneBackups, readOrganisation, writeOrganisation } from "../backups.ts";
import { clusterNomad, nomadSource, openResolver } from "../connect.ts";
import { follow, patiently, prepareKv, type Process } from "./process.ts";

/** The controller role: takes part in the election, and keeps what is common to the cluster while it leads. A spare reads along. */
export async function runController(process: Process): Promise<void> {
  const { config, consul, log, stop, settings } = process;
  await patiently(log, stop, async () => await prepareKv(process));
  if (stop.aborted) return;

  const resolver = openResolver(config);
  const feed = new Feed<ClusterState, Snapshot>(
    clusterSource({
      consul,
      prefix: config.kvPrefix,
      clock: settings.clock,
      nomad: nomadSource(config, log),
    }),
    (state, { paused }) => resolver.ofCluster(state, paused),
  );
  process.snapshot = () => feed.snapshot;
  const following = follow(process, feed, "catalog and documents");
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
  await Promise.all([campaigning, following]);
}

function noteStanding(process: Process, standing: Standing): void {
  const before = process.standing;
  process.standing = standing;
  process.metrics.leader.set(standing.role === "leader" ? 1 : 0);
  if (before?.role === standing.role) return;
  if (standing.role === "spare") void warmUp(process);
  if (standing.role === "unknown") process.log.warn({ error: standing.error.message }, "leadership unknown");
  else
    process.log.info(
      standing.role === "leader" ? { epoch: standing.epoch } : { leader: standing.leader?.holder },
      standing.role === "leader" ? "leading" : "standing by",
    );
}

/** A spare has read the wishes already; what else a leader needs before its first write is loaded as well. */
async function warmUp({ config, log }: Process): Promise<void> {
  if (config.datadog.apiKey === undefined || config.datadog.appKey === undefined) return;
  const startedAt = performance.now();
  // What can't be loaded fails the first call as well, and says so there.
  await loadDatadogClient().catch(() => undefined);
  log.debug({ durationMs: Math.round(performance.now() - startedAt) }, "warmed up");
}

/** How often old backups are looked for. */
const PRUNE_MS = 24 * 3_600_000;

/** How long the end of a term waits for events of what it changed last. */
const LAST_EVENTS_MS = 2_000;

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
  const kept = { consul, statePrefix: config.statePrefix, scope: "cluster", store, log };
  const intents = new Intents({
    prefix: intentsPrefix(config.statePrefix),
    store,
    log,
    wallMs: () => settings.clock.wallMs(),
  });
  const deps = {
    clusterId,
    kv: { consul, statePrefix: config.statePrefix, store },
    nomad: clusterNomad(config, false),
    policy: config.policy,
    tagName: config.tagName,
    isDryRun: false,
    approved: () => feed.control.approved,
    onBackup: backups(kept),
    openIntents: (controller: string) => intents.agesOf(controller),
    log,
    clock: settings.clock,
    datadog: config.datadog,
    budget: process.budget,
    mandate: { signal: abort, mustHold: () => term.mustHold() },
    organisation: organisation.id,
    evaluators: config.evaluators,
    onOrganisation: (id: number) => writeOrganisation(config.statePrefix, id, store, log),
  };
  const reporter = config.changeEvents ? changeReporter(deps, abort) : undefined;
  const pruning = setInterval(() => void pruneBackups(kept), PRUNE_MS);
  pruning.unref();
  void pruneBackups(kept);
  const leading = new AbortController();
  const telling = tellProgress(
    { statePrefix: config.statePrefix, budget: process.budget, store, log },
    AbortSignal.any([over, leading.signal]),
  );
  const { metrics } = process;
  const watching = { deps, snapshot: () => feed.snapshot, board, metrics, log };
  const costing = watchCost(
    { ...watching, intervalMs: config.costIntervalMs },
    AbortSignal.any([over, leading.signal]),
  );
  const arriving = watchArrival(
    { ...watching, intervalMs: config.arrivalIntervalMs },
    AbortSignal.any([over, leading.signal]),
  );
  const budgeting = watchBudgets(
    { ...watching, dogstatsd: config.receivers.dogstatsd, intervalMs: config.budgetIntervalMs },
    AbortSignal.any([over, leading.signal]),
  );
  try {
    await serve(
      {
        settings,
        feed,
        registrations: CLUSTER_CONTROLLERS.map((create) => create(deps)),
        board,
        statusPrefix: STATUS_KEYS.ofController(config.statePrefix),
        store,
        intents,
        mayWrite: async () => await term.check(),
        nextTryInMs: () => process.budget.status.down?.nextTryInMs,
        onProgress: (controller, left, total) => process.budget.announce(controller, { left, total }),
        onChanges: (controller, changes, snapshot) => reporter?.report(controller, changes, snapshot),
        tellsAccepted: true,
        beside: async (signal) =>
          await watchPlacement(
            {
              consul,
              statePrefix: config.statePrefix,
              clusterId,
              alsoFromNomad: config.nomad.services,
              snapshot: () => feed.snapshot,
              board,
              store,
              log,
              intervalMs: config.resyncMs,
              clock: settings.clock,
            },
            signal,
          ),
      },
      stop,
      abort,
    );
  } finally {
    clearInterval(pruning);
    leading.abort();
    await reporter?.flush(LAST_EVENTS_MS);
    await Promise.all([telling, costing, arriving, budgeting]);
    process.known = board.known();
    process.boards.delete("controller");
  }
}
