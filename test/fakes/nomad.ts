import http from "node:http";
import type { AddressInfo } from "node:net";

import { NomadState, type FakeAllocation, type FakeNomadNode } from "./nomad-state.ts";

export type { FakeAllocation, FakeTask, NomadState } from "./nomad-state.ts";

/** What the given or anonymous token may do. */
export type NomadAcl = "allow" | "deny" | "unknownToken";

export interface FakeNomadOptions {
  /** A free one if absent. */
  readonly port?: number;
  /** `1.0.18` if absent, of which answers were recorded. */
  readonly version?: string;
  readonly nodeName?: string;
  /** The folder that its agent reads at every start. */
  readonly configDir?: string;
  /** False for an agent that is a client only. */
  readonly isServer?: boolean;
}

export interface FakeNomad {
  readonly url: string;
  readonly state: NomadState;
  readonly faults: {
    acl: NomadAcl;
    readonly aclByToken: Map<string, NomadAcl>;
    /** Namespaces that whoever may read can read. All if undefined. */
    readable: ReadonlySet<string> | undefined;
    /** What the policy's `variables` allow, besides what `acl` refuses altogether. */
    variables: ReadonlySet<"read" | "write" | "destroy">;
  };
  /** `GET /v1/agent/self` of every request so far. */
  readonly requests: readonly string[];
  /** False while it doesn't run: stopped, or not started because its configuration is wrong. */
  readonly isRunning: boolean;
  /**
   * Ends the agent and starts it again, which reads its configuration. Tasks go on.
   *
   * @returns what it says where it doesn't start; undefined if it runs.
   */
  restart(): Promise<string | undefined>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Answered {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Asked {
  readonly method: string;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
  readonly acl: NomadAcl;
  readonly mayRead: (namespace: string) => boolean;
  readonly variables: FakeNomad["faults"]["variables"];
}

const UNKNOWN_PATH: Answered = { status: 404 };
const DENIED: Answered = { status: 403, text: "Permission denied" };
/** Calls that reach a client allow other origins. */
const CLIENT = { vary: "Accept-Encoding, Origin" };

/** Starts a stateful stand-in for one Nomad agent, server and client, on loopback. */
export async function startFakeNomad(options: FakeNomadOptions = {}): Promise<FakeNomad> {
  const state = new NomadState({
    version: options.version ?? "1.0.18",
    nodeName: options.nodeName ?? "node-1",
    configDir: options.configDir,
    isServer: options.isServer ?? true,
  });
  const faults: FakeNomad["faults"] = {
    acl: "allow",
    aclByToken: new Map(),
    readable: undefined,
    variables: new Set(["read", "write", "destroy"]),
  };
  const requests: string[] = [];
  let server: http.Server | undefined;
  let port = options.port ?? 0;

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    requests.push(`${request.method} ${request.url}`);
    const url = new URL(request.url ?? "/", "http://nomad");
    const token = request.headers["x-nomad-token"];
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const asked: Asked = {
      method: request.method ?? "GET",
      path: url.pathname.split("/").slice(1).map(decodeURIComponent),
      query: url.searchParams,
      body: bodyOf(Buffer.concat(chunks).toString("utf8")),
      acl: (typeof token === "string" ? faults.aclByToken.get(token) : undefined) ?? faults.acl,
      mayRead: (namespace) => faults.readable?.has(namespace) ?? true,
      variables: faults.variables,
    };
    const answered = await answerInTime(state, asked, response);
    const isJson = answered.json !== undefined;
    const text = isJson ? JSON.stringify(answered.json) : (answered.text ?? "");
    response.writeHead(answered.status, {
      vary: "Accept-Encoding",
      ...(isJson ? { "content-type": "application/json" } : {}),
      ...(!isJson && text !== "" ? { "content-type": "text/plain; charset=utf-8" } : {}),
      ...answered.headers,
      "content-length": String(Buffer.byteLength(text)),
    });
    response.end(text);
  }

  async function listen(): Promise<void> {
    const next = http.createServer((request, response) => {
      void serve(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      next.once("error", reject);
      next.listen(port, "127.0.0.1", resolve);
    });
    port = (next.address() as AddressInfo).port;
    server = next;
  }

  async function stop(): Promise<void> {
    const ending = server;
    server = undefined;
    if (ending === undefined) return;
    ending.closeAllConnections();
    await new Promise((resolve) => ending.close(resolve));
  }

  await listen();
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    state,
    faults,
    requests,
    get isRunning() {
      return server !== undefined;
    },
    async restart() {
      await stop();
      try {
        state.load();
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      await listen();
      return undefined;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function bodyOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? { ...json } : {};
  } catch {
    return {};
  }
}

/** Answers at once, or when the answer's index is past the one that is asked for, or when the wait is over. */
async function answerInTime(
  state: NomadState,
  asked: Asked,
  response: http.ServerResponse,
): Promise<Answered> {
  const minIndex = Number(asked.query.get("index") ?? 0);
  const waitMs = Number.parseInt(asked.query.get("wait") ?? "300000", 10);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const over = AbortSignal.any([gone.signal, AbortSignal.timeout(waitMs)]);
  for (;;) {
    const answered = answer(state, asked);
    const index = Number(answered.headers?.["x-nomad-index"] ?? Infinity);
    if (minIndex === 0 || index > minIndex || over.aborted) return answered;
    await state.services.changed(over);
  }
}

function answer(state: NomadState, asked: Asked): Answered {
  const [version, first, second, third, fourth] = asked.path;
  if (version !== "v1") return UNKNOWN_PATH;
  const isDenied = asked.acl !== "allow";
  const refused = asked.acl === "unknownToken" ? { status: 403, text: "ACL token not found" } : DENIED;
  switch (`${first ?? ""}/${second ?? ""}`) {
    case "agent/health":
      return { status: 200, json: health() };
    case "agent/self":
      return isDenied ? refused : { status: 200, json: self(state) };
    case "status/leader":
      return { status: 200, json: state.leader };
    case "status/peers":
      return { status: 200, json: state.peers };
    case "metrics/":
      return metrics(state, asked.query);
    default:
      break;
  }
  if (first === "client" && second === "allocation" && third !== undefined)
    return onClient(state, asked, { id: third, verb: fourth ?? "", refused: isDenied ? refused : undefined });
  const read = readOf(state, asked);
  if (read === undefined) return UNKNOWN_PATH;
  return isDenied ? refused : { ...read, headers: { ...metaOf(state, asked), ...read.headers } };
}

function metaOf(state: NomadState, { method }: Asked): Readonly<Record<string, string>> {
  const index = { "x-nomad-index": String(state.index) };
  if (method !== "GET") return index;
  return {
    ...index,
    "x-nomad-knownleader": String(state.leader !== ""),
    "x-nomad-lastcontact": "0",
  };
}

/** What the servers know. Undefined for a path that this version doesn't have. */
function readOf(state: NomadState, asked: Asked): Answered | undefined {
  const { method, path, query } = asked;
  const [, first = "", id = "", part] = path;
  switch (first) {
    case "service":
      return state.has("1.3.0") ? instancesOf(state, asked, id) : undefined;
    case "services":
      return state.has("1.3.0") ? servicesOf(state, asked) : undefined;
    case "operator":
      return path.slice(2).join("/") === "autopilot/health" ? serverHealth(state) : undefined;
    case "nodes":
      return { status: 200, json: [...state.nodes.values()].map((node) => nodeStub(state, node)) };
    case "node": {
      const node = state.nodes.get(id);
      if (part === "allocations") return nodeAllocations(state, asked, id);
      if (node === undefined) return { status: 404, text: "node not found" };
      return { status: 200, json: nodeOf(state, node) };
    }
    case "allocations": {
      const found = [...state.allocations.values()].filter((one) =>
        one.id.startsWith(query.get("prefix") ?? ""),
      );
      return { status: 200, json: found.map(allocationStub) };
    }
    case "allocation": {
      const allocation = state.allocations.get(id);
      if (part === "services") return allocationServices(state, asked, id);
      if (allocation === undefined) return { status: 404, text: "alloc not found" };
      if (!asked.mayRead(allocation.namespace)) return { status: 500, text: `Unknown allocation "${id}"` };
      if (part !== "stop") return { status: 200, json: allocationOf(allocation) };
      if (method === "GET") return { status: 405, text: "Invalid method" };
      allocation.desiredStatus = "stop";
      allocation.clientStatus = "complete";
      for (const task of allocation.tasks.values()) task.state = "dead";
      state.index++;
      return { status: 200, json: { EvalID: "6ffe6dbc-d99f-58b3-dd3e-967d77e553cb", Index: state.index } };
    }
    case "job":
      return jobOf(state, asked, id);
    case "vars":
      return state.has("1.4.0") ? variablesOf(state, asked) : undefined;
    case "var":
      return state.has("1.4.0") ? variableOf(state, asked) : undefined;
    default:
      return undefined;
  }
}

function jobOf(state: NomadState, { path, query, mayRead }: Asked, id: string): Answered | undefined {
  const namespace = query.get("namespace") ?? "default";
  if (!mayRead(namespace)) return DENIED;
  const found = [...state.allocations.values()].filter(
    (one) => one.jobId === id && one.namespace === namespace,
  );
  switch (path[3]) {
    case "allocations":
      return { status: 200, json: found.map(allocationStub) };
    case "versions": {
      const versions = state.jobs.versions(id, namespace);
      if (versions === undefined) return { status: 404, text: "job versions not found" };
      return { status: 200, json: { Diffs: null, Versions: versions } };
    }
    case undefined: {
      const job = state.jobs.read(id, namespace);
      return job === undefined ? { status: 404, text: "job not found" } : { status: 200, json: job };
    }
    default:
      return undefined;
  }
}

function variablesOf(state: NomadState, { query, mayRead, variables }: Asked): Answered {
  const mayList = (namespace: string): boolean => variables.has("read") && mayRead(namespace);
  return state.variables.list(query.get("prefix") ?? "", query.get("namespace") ?? "default", mayList);
}

function variableOf(state: NomadState, { method, path, query, body, variables }: Asked): Answered {
  const name = path.slice(2).join("/");
  const namespace = query.get("namespace") ?? "default";
  const cas = query.get("cas");
  if (method === "GET") return variables.has("read") ? state.variables.read(name, namespace) : DENIED;
  if (method === "DELETE")
    return variables.has("destroy") ? state.variables.remove(name, { namespace, cas }) : DENIED;
  if (!variables.has("write")) return DENIED;
  return state.variables.write(name, { namespace, items: body["Items"], cas, index: ++state.index });
}

function servicesOf(state: NomadState, { query, mayRead }: Asked): Answered {
  const namespace = query.get("namespace") ?? "default";
  if (namespace !== "*" && !mayRead(namespace)) return DENIED;
  const headers = { "x-nomad-index": String(state.services.index) };
  return { status: 200, json: state.services.list(namespace, mayRead), headers };
}

function instancesOf(state: NomadState, { query, mayRead }: Asked, name: string): Answered {
  const namespace = query.get("namespace") ?? "default";
  if (!mayRead(namespace)) return DENIED;
  const all = [...state.services.registrations.values()];
  return {
    status: 200,
    json: all.filter((one) => one.ServiceName === name && one.Namespace === namespace),
    headers: { "x-nomad-index": String(state.services.index) },
  };
}

/** An unknown node has none, and so has one whose allocations may not be read. */
function nodeAllocations(state: NomadState, { mayRead }: Asked, id: string): Answered {
  const all = [...state.allocations.values()].filter(({ nodeId }) => nodeId === id);
  const index = all.length === 0 ? state.index : Math.max(...all.map(({ modifyIndex }) => modifyIndex));
  return {
    status: 200,
    json: all.filter(({ namespace }) => mayRead(namespace)).map(allocationOf),
    headers: { "x-nomad-index": String(index) },
  };
}

function allocationServices(state: NomadState, { query, mayRead }: Asked, id: string): Answered | undefined {
  if (!state.has("1.3.0")) return undefined;
  const namespace = query.get("namespace") ?? "default";
  if (!mayRead(namespace)) return DENIED;
  if (state.allocations.get(id)?.namespace !== namespace)
    return { status: 404, text: "allocation not found" };
  return { status: 200, json: state.services.ofAllocation(id) };
}

function onClient(
  state: NomadState,
  { method, body }: Asked,
  {
    id,
    verb,
    refused,
  }: { readonly id: string; readonly verb: string; readonly refused: Answered | undefined },
): Answered {
  if (verb !== "restart" && verb !== "signal") return UNKNOWN_PATH;
  if (method === "GET") return { status: 405, text: "Invalid method", headers: CLIENT };
  const allocation = state.allocations.get(id);
  // An unknown allocation is told before rights are looked at.
  if (allocation === undefined) return { status: 404, text: `Unknown allocation "${id}"`, headers: CLIENT };
  if (refused !== undefined) return { ...refused, headers: CLIENT };
  const [name, signal] = [body[verb === "restart" ? "TaskName" : "Task"], body["Signal"]];
  const tasks = [...allocation.tasks].filter(([task]) => name === undefined || name === "" || task === name);
  if (tasks.length === 0) {
    const text =
      verb === "restart" ? `Could not find task runner for task: ${String(name)}` : "Task not found";
    return { status: 500, text, headers: CLIENT };
  }
  for (const [, task] of tasks) {
    if (task.state === "dead") return { status: 500, text: "Task not running", headers: CLIENT };
    if (verb === "restart") task.restarts++;
    else state.signalTask(task, typeof signal === "string" ? signal : "");
  }
  return { status: 200, json: { Index: 0 }, headers: CLIENT };
}

function health(): unknown {
  return { client: { message: "ok", ok: true }, server: { message: "ok", ok: true } };
}

function self(state: NomadState): unknown {
  const [number = "", prerelease = ""] = state.version.split("-");
  return {
    config: {
      Region: "global",
      Datacenter: "dc1",
      AdvertiseAddrs: { HTTP: "127.0.0.1:4646", RPC: state.peers[0] ?? "", Serf: "127.0.0.1:4648" },
      NodeName: state.nodeName,
      Telemetry: state.telemetry,
      Files: state.files.length === 0 ? null : state.files,
      Version: { Revision: "", Version: number, VersionMetadata: "", VersionPrerelease: prerelease },
      ACL: { Enabled: false },
    },
    member: { Name: `${state.nodeName}.global`, Status: "alive", Tags: { build: state.version } },
    stats: {
      client: { node_id: state.nodeId, num_allocations: String(allocationsOf(state, state.nodeId).length) },
      ...(state.isServer
        ? { nomad: { server: "true", leader: String(state.leader !== ""), leader_addr: state.leader } }
        : {}),
    },
  };
}

/** As autopilot of the leader sees them: 429 if one is not well, 500 while nobody leads. */
function serverHealth(state: NomadState): Answered {
  if (state.leader === "") return { status: 500, text: "No cluster leader" };
  const servers = state.peers.map((address, index) => {
    const name = `${index === 0 ? state.nodeName : `server-${index}`}.global`;
    return {
      Address: address,
      Healthy: !state.sickServers.has(name),
      ID: address,
      LastContact: "0s",
      LastIndex: state.index,
      LastTerm: 2,
      Leader: address === state.leader,
      Name: name,
      SerfStatus: "alive",
      StableSince: "2026-11-22T07:00:00Z",
      Version: state.version,
      Voter: true,
    };
  });
  const isHealthy = servers.every(({ Healthy }) => Healthy);
  return {
    status: isHealthy ? 200 : 429,
    json: { FailureTolerance: 0, Healthy: isHealthy, Servers: servers },
  };
}

function metrics(state: NomadState, query: URLSearchParams): Answered {
  if (query.get("format") !== "prometheus")
    return { status: 200, json: { Counters: [], Gauges: [], Points: [], Samples: [], Timestamp: "" } };
  if (state.telemetry["PrometheusMetrics"] !== true)
    return { status: 415, text: "Prometheus is not enabled" };
  const host = state.telemetry["DisableHostname"] === true ? "" : `{host="${state.nodeName}"}`;
  const lines = [
    "# HELP nomad_client_allocated_cpu nomad_client_allocated_cpu",
    "# TYPE nomad_client_allocated_cpu gauge",
    `nomad_client_allocated_cpu${host} 0`,
  ];
  return {
    status: 200,
    text: `${lines.join("\n")}\n`,
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  };
}

function allocationsOf(state: NomadState, nodeId: string): readonly unknown[] {
  return [...state.allocations.values()].filter((one) => one.nodeId === nodeId).map(allocationOf);
}

function nodeStub(state: NomadState, { id, name, status, eligibility }: FakeNomadNode): unknown {
  return {
    Address: "127.0.0.1",
    CreateIndex: 7,
    Datacenter: "dc1",
    Drain: false,
    Drivers: {},
    HostVolumes: null,
    ID: id,
    ModifyIndex: 9,
    Name: name,
    NodeClass: "",
    SchedulingEligibility: eligibility,
    Status: status,
    StatusDescription: "",
    Version: state.version,
  };
}

function nodeOf(state: NomadState, { id, name, status, eligibility }: FakeNomadNode): unknown {
  return {
    Attributes: { "nomad.version": state.version, "unique.hostname": name },
    CreateIndex: 7,
    Datacenter: "dc1",
    Drain: false,
    HTTPAddr: "127.0.0.1:4646",
    ID: id,
    Meta: {},
    ModifyIndex: 9,
    Name: name,
    SchedulingEligibility: eligibility,
    Status: status,
  };
}

function taskStates({ tasks }: FakeAllocation): unknown {
  return Object.fromEntries(
    [...tasks].map(([name, { state, restarts, startedAt }]) => [
      name,
      {
        Events: [],
        Failed: false,
        FinishedAt: null,
        LastRestart: restarts === 0 ? null : startedAt,
        Restarts: restarts,
        StartedAt: startedAt,
        State: state,
      },
    ]),
  );
}

function allocationOf(allocation: FakeAllocation): Record<string, unknown> {
  return {
    ClientDescription: "Tasks are running",
    ClientStatus: allocation.clientStatus,
    CreateIndex: 104,
    CreateTime: 1_795_333_282_267_266_600,
    DesiredStatus: allocation.desiredStatus,
    EvalID: "a0792580-663b-e477-2cd4-7b1423bd4e8f",
    ID: allocation.id,
    JobID: allocation.jobId,
    ModifyIndex: allocation.modifyIndex,
    ModifyTime: 1_795_333_282_542_521_600,
    Name: allocation.name,
    Namespace: allocation.namespace,
    NodeID: allocation.nodeId,
    NodeName: allocation.nodeName,
    TaskGroup: allocation.group,
    TaskStates: taskStates(allocation),
  };
}

function allocationStub(allocation: FakeAllocation): unknown {
  return {
    ...allocationOf(allocation),
    DeploymentStatus: null,
    DesiredDescription: "",
    DesiredTransition: { ForceReschedule: null, Migrate: null, Reschedule: null },
    FollowupEvalID: "",
    JobType: "service",
    JobVersion: allocation.jobVersion,
    PreemptedAllocations: null,
    PreemptedByAllocation: "",
    RescheduleTracker: null,
  };
}
