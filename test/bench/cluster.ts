import http from "node:http";
import { text } from "node:stream/consumers";

import { startConsul, type ConsulServer } from "../servers/consul.ts";

/** The machine whose files are kept. Not Consul's own: its agent would take services away that it doesn't know. */
export const NODE = "bench-node";
const PREFIX = "observability";
/** Consul's most for one transaction. */
const BATCH = 64;

const AREAS = ["checkout", "search", "billing", "ranking", "ingest", "profile", "inference", "catalog"];
const PARTS = ["api", "worker", "gateway", "indexer", "scheduler"];

/** A Consul with N services on one node, and a document for each. */
export interface Cluster {
  readonly consul: ConsulServer;
  readonly services: readonly string[];
  /** Puts the next revision of a document. The mark will stand in its file. */
  change(service: string): Promise<{ readonly mark: string; readonly sentAt: number }>;
  /** Puts any other document: `_defaults`, `_dashboards/overview`, or one of a new service. */
  put(name: string, document: string): Promise<{ readonly sentAt: number }>;
  /** The mark of a document as it stands. */
  markOf(service: string): string;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** False for documents alone, as the controller role needs them. */
  readonly onNode: boolean;
  /** What is added to the document of one service, by its place. */
  readonly extra?: (at: number) => string;
}

export async function startCluster(
  n: number,
  { onNode, extra = () => "" }: ClusterOptions,
): Promise<Cluster> {
  const consul = await startPatiently();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const services = Array.from({ length: n }, (_, at) => nameOf(at));
  const revisions = new Map(services.map((service) => [service, 1]));
  const places = new Map(services.map((service, at) => [service, at]));
  const markOf = (service: string): string => `bench-revision:${service}-${revisions.get(service)}-end`;
  const documentOf = (service: string): string => {
    const at = places.get(service) ?? 0;
    return render(at, markOf(service)) + extra(at);
  };

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

  await put("/v1/catalog/register", JSON.stringify({ Node: NODE, Address: "127.0.0.1" }));
  if (onNode) await transact(services.map((service, at) => registration(service, at)));
  await transact(services.map((service) => wish(service, documentOf(service))));

  const putDocument = async (name: string, document: string): Promise<{ readonly sentAt: number }> => {
    const sentAt = nowMs();
    await put(`/v1/kv/${PREFIX}/${name}`, document);
    return { sentAt };
  };

  return {
    consul,
    services,
    markOf,
    put: putDocument,
    async change(service) {
      revisions.set(service, (revisions.get(service) ?? 0) + 1);
      const mark = markOf(service);
      return { mark, ...(await putDocument(service, documentOf(service))) };
    },
    async stop() {
      agent.destroy();
      await consul[Symbol.asyncDispose]();
    },
  };
}

/** A free port may be somebody else's a moment later. */
async function startPatiently(): Promise<ConsulServer> {
  const options = { config: { limits: { http_max_conns_per_client: 1_000 } } };
  try {
    return await startConsul(options);
  } catch {
    return await startConsul(options);
  }
}

/** Milliseconds of the monotonic clock, the same in all threads. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function nameOf(at: number): string {
  const area = AREAS[at % AREAS.length] ?? "";
  const part = PARTS[Math.floor(at / AREAS.length) % PARTS.length] ?? "";
  return `${area}-${part}-${String(at).padStart(5, "0")}`;
}

function registration(service: string, at: number): object {
  const fields = {
    ID: service,
    Service: service,
    Address: "127.0.0.1",
    Port: portOf(at),
    Tags: ["dd-observe"],
  };
  return { Service: { Verb: "set", Node: NODE, Service: fields } };
}

function wish(service: string, document: string): object {
  const value = Buffer.from(document).toString("base64");
  return { KV: { Verb: "set", Key: `${PREFIX}/${service}`, Value: value } };
}

/** Some 300 bytes, as people write them. */
function render(at: number, mark: string): string {
  return `# Runs on Nomad, job ${nameOf(at)}; ask #team-${at % 40} before changing thresholds.
pack: generic
env: production
team: team-${at % 40}
endpoint:
  port: ${portOf(at)}
  path: /metrics
agent:
  minCollectionInterval: 15
  excludeMetrics: ['^go_gc_']
tags:
  - cost-center:${at % 40}
  - tier:backend
  - ${mark}
`;
}

function portOf(at: number): number {
  return 20_000 + (at % 10_000);
}
