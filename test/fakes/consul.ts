import http from "node:http";
import type { AddressInfo, Socket } from "node:net";

import { answerAgent, answerCatalog, answerHealth } from "./consul-catalog.ts";
import {
  ERROR_META,
  plain,
  UNKNOWN_PATH,
  readBody,
  send,
  type Answered,
  type Asked,
  type Fault,
  type Faults,
} from "./consul-http.ts";
import { answerKv, answerSession, answerTxn } from "./consul-kv.ts";
import { ConsulState } from "./consul-state.ts";

export type { AclMode, Fault, Faults } from "./consul-http.ts";
export type { ConsulState } from "./consul-state.ts";

export interface FakeConsulOptions {
  /** A free one if absent. */
  readonly port?: number;
  /** `node-1` if absent. */
  readonly nodeName?: string;
  /** `dc1` if absent. */
  readonly datacenter?: string;
  /** The server's `session_ttl_min`. 10 s if absent. */
  readonly sessionTtlMinMs?: number;
}

export interface FakeConsul {
  readonly url: string;
  /** What it holds. Change it here to change the world without a request. */
  readonly state: ConsulState;
  readonly faults: Faults;
  /** `GET /v1/kv/…` of every request so far, with the token and the query. */
  readonly requests: readonly SeenRequest[];
  /** Connections that are open now. */
  readonly connections: () => number;
  /** Puts a text at a key, as `consul kv put` does. */
  put(key: string, text: string): void;
  /** Spoils coming answers. */
  fault(fault: Fault): void;
  /** Closes every connection without an answer, as a killed server does. */
  stop(): Promise<void>;
  /** Listens again on the same port. With `keepState: false` it is a new, empty server. */
  restart(options: { readonly keepState: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface SeenRequest {
  readonly line: string;
  readonly token: string | undefined;
}

/** Starts a stateful stand-in for one Consul 1.8 server, on loopback. */
export async function startFakeConsul(options: FakeConsulOptions = {}): Promise<FakeConsul> {
  const nodeName = options.nodeName ?? "node-1";
  const datacenter = options.datacenter ?? "dc1";
  const emptyState = (): ConsulState => {
    const empty = new ConsulState(nodeName, datacenter);
    empty.sessionTtlMinMs = options.sessionTtlMinMs ?? empty.sessionTtlMinMs;
    return empty;
  };
  let state = emptyState();
  const faults: Faults = { noLeader: false, acl: "allow", aclByToken: new Map(), queue: [] };
  const requests: SeenRequest[] = [];
  let life = new AbortController();
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });

  async function serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const token = tokenOf(request);
    const line = `${request.method} ${request.url}`;
    requests.push({ line, token });
    if (requests.length > 10_000) requests.splice(0, 5_000);
    const url = new URL(request.url ?? "/", "http://consul");
    const asked: Asked = {
      method: request.method ?? "GET",
      path: decodeURIComponent(url.pathname.slice("/v1".length)),
      query: url.searchParams,
      body: await readBody(request),
      acl: (token === undefined ? undefined : faults.aclByToken.get(token)) ?? faults.acl,
      signal: AbortSignal.any([gone.signal, life.signal]),
    };
    const fault = takeFault(faults, line);
    if (fault?.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
    const answered =
      fault?.status === undefined
        ? await answer(asked, state, faults)
        : plain(fault.status, fault.text ?? "", { ...fault.headers });
    if (life.signal.aborted) response.destroy();
    else if (!gone.signal.aborted) send(response, answered, fault);
  }

  async function listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve());
    });
    return (server.address() as AddressInfo).port;
  }

  const port = await listen(options.port ?? 0);
  const fake: FakeConsul = {
    url: `http://127.0.0.1:${port}`,
    get state() {
      return state;
    },
    faults,
    requests,
    connections: () => sockets.size,
    put: (key, text) => void state.setKey(key, text === "" ? null : Buffer.from(text).toString("base64")),
    fault: (fault) => void faults.queue.push({ times: 1, ...fault }),
    async stop() {
      life.abort();
      state.pause();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
    async restart({ keepState }) {
      await fake.stop();
      life = new AbortController();
      if (keepState) state.resume();
      else state = emptyState();
      await listen(port);
    },
    async [Symbol.asyncDispose]() {
      await fake.stop();
    },
  };
  return fake;
}

function tokenOf(request: http.IncomingMessage): string | undefined {
  const token = request.headers["x-consul-token"];
  return Array.isArray(token) ? token[0] : token;
}

function takeFault(faults: Faults, line: string): Fault | undefined {
  const at = faults.queue.findIndex((fault) => fault.matches?.test(line) ?? true);
  const fault = faults.queue[at];
  if (fault === undefined) return undefined;
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times <= 0) faults.queue.splice(at, 1);
  return fault;
}

async function answer(asked: Asked, state: ConsulState, faults: Faults): Promise<Answered> {
  const [, area = ""] = asked.path.split("/");
  if (asked.path === "/status/leader") return { status: 200, json: faults.noLeader ? "" : "127.0.0.1:8300" };
  if (asked.path === "/status/peers") return { status: 200, json: ["127.0.0.1:8300"] };
  const isCatalog = area === "catalog" || area === "health";
  if (faults.noLeader && area !== "agent") {
    return plain(500, "No cluster leader", isCatalog ? ERROR_META : {});
  }
  if (asked.query.has("dc") && asked.query.get("dc") !== state.datacenter) {
    return plain(500, "No path to datacenter", isCatalog ? ERROR_META : {});
  }
  if (asked.acl === "unknownToken") return plain(403, "ACL not found", isCatalog ? ERROR_META : {});
  switch (area) {
    case "kv":
      return await answerKv(asked, state);
    case "txn":
      return answerTxn(asked, state);
    case "session":
      return await answerSession(asked, state);
    case "catalog":
      return await answerCatalog(asked, state);
    case "health":
      return await answerHealth(asked, state);
    case "agent":
      return answerAgent(asked, state);
    case "acl":
      return asked.path === "/acl/token/self"
        ? { status: 200, json: { AccessorID: "00000000-0000-0000-0000-000000000002", Policies: [] } }
        : UNKNOWN_PATH;
    default:
      return UNKNOWN_PATH;
  }
}
