import { z } from "zod";

import { parseAnswer } from "./nomad-answer.ts";
import { connectNomad, type NomadConnection, type NomadOptions } from "./nomad-connection.ts";

export type { NomadConnection, NomadOptions } from "./nomad-connection.ts";

/** What one agent runs with. Only a restart changes its telemetry: a SIGHUP doesn't. */
export interface NomadSelf {
  /** `1.0.18`, `2.0.6-dev`. `""` if it doesn't say. */
  readonly version: string;
  readonly nodeName: string;
  readonly datacenter: string;
  readonly region: string;
  /** Of the client in this agent; undefined if it has none. */
  readonly nodeId: string | undefined;
  readonly isServer: boolean;
  readonly isClient: boolean;
  /** Where the servers reach it, as they name their leader: `10.0.0.1:4647`. `""` if it doesn't say. */
  readonly rpcAddress: string;
  /** The live `telemetry` by the names of Go's fields, `DataDogAddr`, as they were when the agent started. */
  readonly telemetry: Readonly<Record<string, unknown>>;
  /** Configuration files that were loaded at its start, with their paths as Nomad sees them. */
  readonly files: readonly string[];
}

/** A client of the cluster. */
export interface NomadNode {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  /** `initializing`, `ready`, `down`, `disconnected` */
  readonly status: string;
  readonly eligibility: string;
  readonly version: string;
}

/** Whether the servers agree with one another and all take part. */
export interface NomadServers {
  readonly isHealthy: boolean;
  /** Names of those that are not. */
  readonly sick: readonly string[];
}

export interface NomadAllocation {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly jobId: string;
  readonly group: string;
  readonly nodeId: string;
  /** `pending`, `running`, `complete`, `failed`, `lost`, `unknown` */
  readonly clientStatus: string;
  readonly desiredStatus: string;
  /** By task: `pending`, `running`, `dead`. */
  readonly tasks: ReadonlyMap<string, string>;
}

/** Signals whose names Nomad knows everywhere: it sends SIGINT for a name that it doesn't, and says 200. */
export const NOMAD_SIGNALS = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
] as const;
export type NomadSignal = (typeof NOMAD_SIGNALS)[number];

export interface TaskRef {
  readonly allocation: string;
  readonly task: string;
  /** The connection's own if absent. */
  readonly namespace?: string | undefined;
}

/** One-shot calls to Nomad. Each throws {@link ApiError}; each ends after 10 s unless it says otherwise, or when `signal` aborts. */
export interface Nomad {
  readonly connection: NomadConnection;
  /** The agent at this address. Needs `agent:read`. */
  agentSelf(signal?: AbortSignal): Promise<NomadSelf>;
  /** Its metrics as Prometheus has them; undefined if they are not enabled. Needs no right. */
  prometheusMetrics(signal?: AbortSignal): Promise<string | undefined>;
  /** `""` while no server leads. */
  statusLeader(signal?: AbortSignal): Promise<string>;
  statusPeers(signal?: AbortSignal): Promise<readonly string[]>;
  /** What the leader thinks of all servers. */
  serverHealth(signal?: AbortSignal): Promise<NomadServers>;
  nodes(signal?: AbortSignal): Promise<readonly NomadNode[]>;
  /** Undefined if there is no such node. */
  node(id: string, signal?: AbortSignal): Promise<NomadNode | undefined>;
  /** Of all namespaces that the token may read, old and stopped ones too. */
  nodeAllocations(nodeId: string, signal?: AbortSignal): Promise<readonly NomadAllocation[]>;
  /** Of one job, old and stopped ones too. None if there is no such job. */
  jobAllocations(
    job: string,
    namespace: string | undefined,
    signal?: AbortSignal,
  ): Promise<readonly NomadAllocation[]>;
  /** Undefined if there is no such allocation. */
  allocation(id: string, signal?: AbortSignal): Promise<NomadAllocation | undefined>;
  /** Waits until the task has stopped, which may take as long as its `kill_timeout`. */
  restartTask(ref: TaskRef, signal?: AbortSignal): Promise<void>;
  signalTask(ref: TaskRef, name: NomadSignal, signal?: AbortSignal): Promise<void>;
}

/** Opens Nomad's API. Nothing is sent yet. */
export function openNomad(options: NomadOptions): Nomad {
  const connection = connectNomad(options);
  return {
    connection,
    async agentSelf(signal) {
      const tried = "read the Nomad agent's configuration";
      const right = 'agent { policy = "read" }';
      const { text } = await connection.call({ path: "/agent/self", tried, right }, signal);
      return selfFrom(parseAnswer(selfWire, text, tried));
    },
    async prometheusMetrics(signal) {
      const tried = "read Nomad's metrics";
      const { status, text } = await connection.call(
        { path: "/metrics", query: { format: "prometheus" }, tried },
        signal,
        [415],
      );
      return status === 415 ? undefined : text;
    },
    async statusLeader(signal) {
      const tried = "ask who leads Nomad";
      const { text } = await connection.call({ path: "/status/leader", tried }, signal);
      return parseAnswer(z.string(), text, tried);
    },
    async statusPeers(signal) {
      const tried = "list Nomad's servers";
      const { text } = await connection.call({ path: "/status/peers", tried }, signal);
      return parseAnswer(z.array(z.string()), text, tried);
    },
    async serverHealth(signal) {
      const tried = "ask for the health of Nomad's servers";
      const right = 'operator { policy = "read" }';
      // 429 is how it says that one of them is not well.
      const { text } = await connection.call(
        { path: "/operator/autopilot/health", tried, right },
        signal,
        [429],
      );
      return serversFrom(parseAnswer(serversWire, text, tried));
    },
    async nodes(signal) {
      const tried = "list Nomad's nodes";
      const right = 'node { policy = "read" }';
      const { text } = await connection.call({ path: "/nodes", tried, right }, signal);
      return parseAnswer(z.array(nodeWire), text, tried).map(nodeFrom);
    },
    async node(id, signal) {
      const tried = `read the Nomad node ${id}`;
      const right = 'node { policy = "read" }';
      const path = `/node/${encodeURIComponent(id)}`;
      const { status, text } = await connection.call({ path, tried, right }, signal, [404]);
      return status === 404 ? undefined : nodeFrom(parseAnswer(nodeWire, text, tried));
    },
    async nodeAllocations(nodeId, signal) {
      const tried = `list the allocations of the Nomad node ${nodeId}`;
      const right = 'node { policy = "read" } and namespace "*" { capabilities = ["read-job"] }';
      const path = `/node/${encodeURIComponent(nodeId)}/allocations`;
      const { text } = await connection.call({ path, tried, right }, signal);
      return parseAnswer(z.array(allocationWire), text, tried).map(allocationFrom);
    },
    async jobAllocations(job, namespace, signal) {
      const tried = `list the allocations of the job "${job}"`;
      const right = `namespace "${namespace ?? "default"}" { capabilities = ["read-job"] }`;
      const path = `/job/${encodeURIComponent(job)}/allocations`;
      const query = namespace === undefined ? {} : { namespace };
      const { text } = await connection.call({ path, query, tried, right }, signal);
      return parseAnswer(z.array(allocationWire), text, tried).map(allocationFrom);
    },
    async allocation(id, signal) {
      const tried = `read the allocation ${id}`;
      const right = 'namespace "*" { capabilities = ["read-job"] }';
      const path = `/allocation/${encodeURIComponent(id)}`;
      const { status, text } = await connection.call({ path, tried, right }, signal, [404]);
      return status === 404 ? undefined : allocationFrom(parseAnswer(allocationWire, text, tried));
    },
    async restartTask(ref, signal) {
      await connection.call(
        {
          method: "PUT",
          ...clientCall(ref, "restart"),
          body: { TaskName: ref.task },
          timeoutMs: RESTART_TIMEOUT_MS,
        },
        signal,
      );
    },
    async signalTask(ref, name, signal) {
      await connection.call(
        { method: "PUT", ...clientCall(ref, "signal"), body: { Task: ref.task, Signal: name } },
        signal,
      );
    },
  };
}

/** A task's `kill_timeout` is at most 30 s unless the client allows more. */
const RESTART_TIMEOUT_MS = 45_000;

function clientCall({ allocation, task, namespace }: TaskRef, verb: "restart" | "signal") {
  return {
    path: `/client/allocation/${encodeURIComponent(allocation)}/${verb}`,
    ...(namespace === undefined ? {} : { query: { namespace } }),
    tried: `${verb} the task "${task}" of allocation ${allocation}`,
    right: `namespace "${namespace ?? "default"}" { capabilities = ["alloc-lifecycle"] }`,
  };
}

const text = z.string().catch("");
const selfWire = z.object({
  config: z.object({
    Datacenter: text,
    NodeName: text,
    Region: text,
    AdvertiseAddrs: z.object({ RPC: text }).nullish(),
    Telemetry: z.record(z.string(), z.unknown()).nullish(),
    Files: z.array(z.string()).nullish(),
    Version: z.object({ Version: text, VersionPrerelease: text }).nullish(),
  }),
  stats: z
    .object({
      client: z.object({ node_id: z.string().optional() }).optional(),
      nomad: z.object({ server: z.string().optional() }).optional(),
    })
    .nullish(),
  member: z.object({ Name: text }).nullish(),
});

function selfFrom({ config, stats, member }: z.output<typeof selfWire>): NomadSelf {
  const { Version: version } = config;
  const prerelease = version?.VersionPrerelease ?? "";
  return {
    version: `${version?.Version ?? ""}${prerelease === "" ? "" : `-${prerelease}`}`,
    // A dev agent's configuration has no name; its member's ends in the region.
    nodeName: config.NodeName === "" ? (member?.Name ?? "").replace(/\.[^.]*$/, "") : config.NodeName,
    datacenter: config.Datacenter,
    region: config.Region,
    nodeId: stats?.client?.node_id,
    isServer: stats?.nomad?.server === "true",
    isClient: stats?.client !== undefined,
    rpcAddress: config.AdvertiseAddrs?.RPC ?? "",
    telemetry: config.Telemetry ?? {},
    files: config.Files ?? [],
  };
}

const serversWire = z.object({
  Healthy: z.boolean(),
  Servers: z.array(z.object({ Name: text, Healthy: z.boolean().catch(false) })).nullish(),
});

function serversFrom({ Healthy, Servers }: z.output<typeof serversWire>): NomadServers {
  return {
    isHealthy: Healthy,
    sick: (Servers ?? []).flatMap((server) => (server.Healthy ? [] : [server.Name])),
  };
}

const nodeWire = z.object({
  ID: z.string(),
  Name: text,
  Address: text,
  HTTPAddr: text,
  Status: text,
  SchedulingEligibility: text,
  Version: text,
  Attributes: z.record(z.string(), z.string()).nullish().catch(undefined),
});

function nodeFrom(wire: z.output<typeof nodeWire>): NomadNode {
  return {
    id: wire.ID,
    name: wire.Name,
    address: wire.Address === "" ? wire.HTTPAddr.replace(/:\d+$/, "") : wire.Address,
    status: wire.Status,
    eligibility: wire.SchedulingEligibility,
    version: wire.Version === "" ? (wire.Attributes?.["nomad.version"] ?? "") : wire.Version,
  };
}

const allocationWire = z.object({
  ID: z.string(),
  Name: text,
  Namespace: z.string().catch("default"),
  JobID: text,
  TaskGroup: text,
  NodeID: text,
  ClientStatus: text,
  DesiredStatus: text,
  TaskStates: z.record(z.string(), z.object({ State: text })).nullish(),
});

function allocationFrom(wire: z.output<typeof allocationWire>): NomadAllocation {
  return {
    id: wire.ID,
    name: wire.Name,
    namespace: wire.Namespace,
    jobId: wire.JobID,
    group: wire.TaskGroup,
    nodeId: wire.NodeID,
    clientStatus: wire.ClientStatus,
    desiredStatus: wire.DesiredStatus,
    tasks: new Map(Object.entries(wire.TaskStates ?? {}).map(([name, { State }]) => [name, State])),
  };
}
