import http from "node:http";
import { text } from "node:stream/consumers";

import { startConsul, type ConsulServer } from "../servers/consul.ts";

/** Consul's most for one transaction. */
const BATCH = 64;
/** Consul refuses to start with more than the files that it may open, of which there are 20,000 on a common machine. */
const CONNECTIONS = 19_000;

export interface ClusterSize {
  readonly nodes: number;
  readonly services: number;
  /** Share of the services that have a document. The others wish by tag alone. */
  readonly documented: number;
}

/** A real Consul with a catalog of many nodes, each with its part of the services. */
export interface Cluster {
  readonly consul: ConsulServer;
  readonly nodes: readonly string[];
  /** The services of each node, by its place. */
  servicesOf(node: string): readonly string[];
  nodeOf(service: string): string;
  /** Those with a document. */
  readonly documented: readonly string[];
  /** Puts the next revision of documents, all in one go. */
  change(services: readonly string[]): Promise<void>;
  /** The number of a document's newest revision. */
  revisionOf(service: string): number;
  put(key: string, value: string): Promise<void>;
  /** Takes a service from its node and registers it on another one. */
  move(service: string, node: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster({ nodes: n, services: s, documented }: ClusterSize): Promise<Cluster> {
  // Every node's connections come from this one machine. In a real cluster each node has its own Consul agent.
  const consul = await startConsul({ config: { limits: { http_max_conns_per_client: CONNECTIONS } } });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const nodes = Array.from({ length: n }, (_, at) => `scale-${String(at).padStart(5, "0")}`);
  const services = Array.from({ length: s }, (_, at) => nameOf(at));
  const places = new Map(services.map((service, at) => [service, nodes[at % n]!]));
  const revisions = new Map(services.slice(0, Math.round(s * documented)).map((name) => [name, 1]));

  async function put(path: string, body: string): Promise<void> {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) =>
      http
        .request(consul.url + path, { method: "PUT", agent }, resolve)
        .on("error", reject)
        .end(body),
    );
    const answer = await text(response);
    if (response.statusCode !== 200) throw new Error(`PUT ${path}: ${response.statusCode} ${answer}`);
  }

  async function transact(ops: readonly object[]): Promise<void> {
    for (let at = 0; at < ops.length; at += BATCH)
      await put("/v1/txn", JSON.stringify(ops.slice(at, at + BATCH)));
  }

  const wish = (service: string): object => {
    const value = Buffer.from(documentOf(service, revisions.get(service) ?? 1)).toString("base64");
    return { KV: { Verb: "set", Key: `observability/${service}`, Value: value } };
  };

  await transact(
    nodes.map((node) => ({ Node: { Verb: "set", Node: { Node: node, Address: "127.0.0.1" } } })),
  );
  await transact(services.map((service) => registration(service, places.get(service)!)));
  await transact([...revisions.keys()].map(wish));

  return {
    consul,
    nodes,
    servicesOf: (node) => services.filter((service) => places.get(service) === node),
    nodeOf: (service) => places.get(service)!,
    documented: [...revisions.keys()],
    revisionOf: (service) => revisions.get(service) ?? 0,
    async change(names) {
      for (const name of names) revisions.set(name, (revisions.get(name) ?? 0) + 1);
      await transact(names.map(wish));
    },
    put: async (key, value) => await put(`/v1/kv/${key}`, value),
    async move(service, node) {
      const from = places.get(service)!;
      places.set(service, node);
      const gone = { Service: { Verb: "delete", Node: from, Service: { ID: service, Service: service } } };
      await transact([gone, registration(service, node)]);
    },
    async stop() {
      agent.destroy();
      await consul[Symbol.asyncDispose]();
    },
  };
}

const AREAS = ["checkout", "search", "billing", "ranking", "ingest", "profile", "inference", "catalog"];
const PARTS = ["api", "worker", "gateway", "indexer", "scheduler"];

function nameOf(at: number): string {
  const area = AREAS[at % AREAS.length] ?? "";
  const part = PARTS[Math.floor(at / AREAS.length) % PARTS.length] ?? "";
  return `${area}-${part}-${String(at).padStart(5, "0")}`;
}

function registration(service: string, node: string): object {
  const fields = { ID: service, Service: service, Address: "127.0.0.1", Port: 20_000, Tags: ["dd-observe"] };
  return { Service: { Verb: "set", Node: node, Service: fields } };
}

/** Stands in the file that follows from this revision of a document. */
export function markOf(service: string, revision: number): string {
  return `revision:${service}-${revision}-end`;
}

/** Some 300 bytes, as people write them. */
function documentOf(service: string, revision: number): string {
  return `# Runs on Nomad; ask the team before changing thresholds.
pack: generic
team: team-${service.length}
endpoint:
  port: 20000
  path: /metrics
agent:
  minCollectionInterval: 15
  excludeMetrics: ['^go_gc_']
tags:
  - cost-center:42
  - tier:backend
  - ${markOf(service, revision)}
`;
}
