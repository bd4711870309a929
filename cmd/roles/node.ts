import { openNomad } from "../../clients/nomad.ts";
import type { Consul } from "../../clients/consul.ts";
import { watchEndpoints } from "../../controllers/endpoint-probe/index.ts";
import { watchReceivers } from "../../controllers/receivers/index.ts";
import { NomadAgent } from "../../controllers/nomad-telemetry/agent.ts";
import { watchRestarts } from "../../controllers/nomad-telemetry/restart/index.ts";
import { openTelemetryFile } from "../../controllers/nomad-telemetry/target.ts";
import { NODE_CONTROLLERS } from "../../controllers/index.ts";
import { runPolls } from "../../controllers/polls/index.ts";
import type { Term } from "../../engine/leader/lease.ts";
import { serve } from "../../engine/loop/operator.ts";
import { Feed } from "../../engine/sources/feed.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import { nodeSource, type NodeState } from "../../engine/sources/sources.ts";
import { Board } from "../../engine/status/board.ts";
import { STATUS_KEYS } from "../../engine/status/status.ts";
import { backups } from "../backups.ts";
import type { Role } from "../config.ts";
import { nomadPlace, nomadSource, openResolver } from "../connect.ts";
import { follow, patiently, prepareKv, type Process } from "./process.ts";

/** The node role: keeps the files of this machine. */
export async function runNode(process: Process, role: Role): Promise<void> {
  const { config, consul, log, stop } = process;
  await patiently(log, stop, async () => await prepareKv(process));
  if (stop.aborted) return;

  const resolver = openResolver(config);
  const source = nodeSource({
    consul,
    prefix: config.kvPrefix,
    nodeName: config.nodeName,
    nomad: nomadSource(config),
    // The controller's part reads all documents anyway, and the connections are few.
    ...(role === "all" ? { maxDocumentWatches: 0 } : {}),
  });
  const feed = new Feed<NodeState, NodeSnapshot>(source, (state, control) => resolver.ofNode(state, control));
  await Promise.all([follow(process, feed, "node"), serveNode(process, feed)]);
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
  const agent = new NomadAgent(openNomad(config.nomad), config.nomad.configDir);
  // Files of the Agent wait for nobody; once it is known what Nomad this is, the next pass knows.
  void agent.look(stop).catch(() => undefined);
  const deps = {
    clusterId,
    policy: config.policy,
    tagName: config.tagName,
    isDryRun: false,
    approved: () => feed.control.approved,
    onBackup: backups({
      consul,
      statePrefix: config.statePrefix,
      scope: `nodes/${encodeURIComponent(first.node.name)}`,
      store,
      log,
    }),
    log,
    confdDir: config.confdDir,
    agentUrl: config.agentUrl,
    agentReload: config.agentReload,
    nomadPlace: nomadPlace(config),
    receivers: config.receivers,
    nomad: { agent, program: config.nomad.bin },
  };
  const { probeIntervalMs: intervalMs, receivers: addresses, statePrefix } = config;
  const looks = { snapshot: () => feed.snapshot, board, log, intervalMs };
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
      beside: async (signal) =>
        await Promise.all([
          watchEndpoints({ ...looks, ground: deps }, signal),
          watchReceivers(
            { ...looks, addresses, clusterId, statePrefix, node: first.node.name, store },
            signal,
          ),
          watchRestarts(
            {
              consul,
              statePrefix,
              node: first.node.name,
              holder: config.holder,
              nomad: agent.nomad,
              command: config.nomad.restart,
              approved: deps.approved,
              snapshot: () => feed.snapshot,
              board,
              dropIn: openTelemetryFile({ dir: agent.configDir, clusterId, log, readOnly: false }),
              log,
            },
            signal,
          ),
          runPolls({ feed, ground: deps, dogstatsd: addresses.dogstatsd, board, log }, signal),
        ]),
    },
    stop,
    process.drained,
  );
}
