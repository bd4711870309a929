import { connect, keyPath, type ConsulConnection, type ConsulOptions } from "./consul-connection.ts";
import { openPackage, type PackageCall } from "./consul-package.ts";
import { readBlocking, type BlockingReader } from "./consul-read.ts";
import { ApiError } from "./errors.ts";

export type { ConsulOptions, TokenSource } from "./consul-connection.ts";

export interface KvEntry {
  readonly key: string;
  /** As UTF-8. `""` for a key without a value. */
  readonly text: string;
  readonly modifyIndex: number;
  /** The session that holds the key's lock. */
  readonly session?: string | undefined;
}

export interface AgentSelf {
  readonly node: string;
  readonly datacenter: string;
  readonly version: string;
}

export interface CatalogInstance {
  readonly id: string;
  readonly service: string;
  readonly node: string;
  readonly nodeAddress: string;
  /** The instance's own address, or its node's if it has none. */
  readonly address: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
}

export interface ServiceRegistration {
  readonly id?: string;
  readonly name: string;
  readonly address?: string;
  readonly port?: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
}

/** One operation of a transaction. At most 64 in one; the first that fails undoes all. */
export type TxnOp =
  | { readonly verb: "set"; readonly key: string; readonly text: string }
  | { readonly verb: "cas"; readonly key: string; readonly text: string; readonly modifyIndex: number }
  | { readonly verb: "delete" | "delete-tree"; readonly key: string }
  | { readonly verb: "check-session"; readonly key: string; readonly session: string };

export type TxnResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly errors: readonly { readonly opIndex: number; readonly what: string }[] };

/** One-shot calls to Consul. Each throws {@link ApiError}; each ends after 10 s at the latest, or when `signal` aborts. */
export interface Consul {
  /** Blocking reads, for the watches. */
  readonly read: BlockingReader;
  agentSelf(signal?: AbortSignal): Promise<AgentSelf>;
  /** `""` while there is no leader. */
  statusLeader(signal?: AbortSignal): Promise<string>;
  /** Undefined if there is no such key. 403, unlike a list, if it may not be read. */
  kvGet(key: string, options?: ReadOptions, signal?: AbortSignal): Promise<KvEntry | undefined>;
  /** No entries, not an error, if nothing has the prefix or the token may not read it. */
  kvList(prefix: string, options?: ReadOptions, signal?: AbortSignal): Promise<readonly KvEntry[]>;
  kvKeys(prefix: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** @returns False if `cas` is given and the key has another ModifyIndex. `cas: 0` only creates. */
  kvPut(
    key: string,
    text: string,
    options?: { readonly cas?: number },
    signal?: AbortSignal,
  ): Promise<boolean>;
  /** @returns False if `cas` is given and the key has another ModifyIndex. */
  kvDelete(
    key: string,
    options?: { readonly recurse?: boolean; readonly cas?: number },
    signal?: AbortSignal,
  ): Promise<boolean>;
  kvAcquire(key: string, text: string, session: string, signal?: AbortSignal): Promise<boolean>;
  kvRelease(key: string, text: string, session: string, signal?: AbortSignal): Promise<boolean>;
  txn(ops: readonly TxnOp[], signal?: AbortSignal): Promise<TxnResult>;
  /** A session that hangs on its TTL only, not on the health of the agent: an agent's restart keeps it. */
  sessionCreate(
    options: { readonly ttlMs: number; readonly lockDelayMs: number; readonly name: string },
    signal?: AbortSignal,
  ): Promise<string>;
  /** @returns False if Consul does not know the session any more. */
  sessionRenew(session: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  sessionDestroy(session: string, signal?: AbortSignal): Promise<void>;
  catalogService(name: string, signal?: AbortSignal): Promise<readonly CatalogInstance[]>;
  serviceRegister(registration: ServiceRegistration, signal?: AbortSignal): Promise<void>;
  serviceDeregister(id: string, signal?: AbortSignal): Promise<void>;
  /** Throws `unauthorized` if Consul does not know the token. */
  aclTokenSelf(signal?: AbortSignal): Promise<{ readonly accessorId: string }>;
}

export interface ReadOptions {
  /** Asks the leader to make sure that it still is one, at the price of a round trip between the servers. */
  readonly consistent?: boolean;
}

const TIMEOUT_MS = 10_000;
const MAX_TXN_OPS = 64;

/** Opens one Consul. Connects at the first call. */
export function createConsul(options: ConsulOptions): Consul {
  const connection: ConsulConnection = connect(options);
  const call = openPackage(connection);
  return {
    read: readBlocking(connection),
    ...kvCalls(call),
    ...sessionCalls(call),
    ...catalogCalls(call),
  };
}

type KvCalls = Pick<
  Consul,
  "kvGet" | "kvList" | "kvKeys" | "kvPut" | "kvDelete" | "kvAcquire" | "kvRelease" | "txn"
>;

function kvCalls(call: PackageCall): KvCalls {
  async function entries(
    path: string,
    query: Record<string, string>,
    attempt: { tried: string; right: string },
    signal: AbortSignal | undefined,
  ): Promise<readonly KvEntry[]> {
    const request = { ...attempt, method: "GET", path, query, writes: false, timeoutMs: TIMEOUT_MS } as const;
    const answer = await orNotFound(call(request, signal));
    return answer === undefined ? [] : (answer.body as readonly WireEntry[]).map(fromWire);
  }

  async function put(
    tried: string,
    key: string,
    text: string,
    query: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const path = `/kv/${keyPath(key)}`;
    const right = `key_prefix "${key}" { policy = "write" }`;
    const answer = await call(
      { method: "PUT", path, query, body: text, tried, right, writes: true, timeoutMs: TIMEOUT_MS },
      signal,
    );
    return answer.body === true;
  }

  return {
    async kvGet(key, options, signal) {
      const right = `key "${key}" { policy = "read" }`;
      const attempt = { tried: `read the key "${key}"`, right };
      return (await entries(`/kv/${keyPath(key)}`, readQuery(options), attempt, signal))[0];
    },
    async kvList(prefix, options, signal) {
      const right = `key_prefix "${prefix}" { policy = "list" }`;
      const query = { recurse: "true", ...readQuery(options) };
      return await entries(
        `/kv/${keyPath(prefix)}`,
        query,
        { tried: `list the keys below "${prefix}"`, right },
        signal,
      );
    },
    async kvKeys(prefix, signal) {
      const tried = `list the keys below "${prefix}"`;
      const right = `key_prefix "${prefix}" { policy = "list" }`;
      const path = `/kv/${keyPath(prefix)}`;
      const answer = await orNotFound(
        call(
          {
            method: "GET",
            path,
            query: { keys: "true" },
            tried,
            right,
            writes: false,
            timeoutMs: TIMEOUT_MS,
          },
          signal,
        ),
      );
      return answer === undefined ? [] : (answer.body as readonly string[]);
    },
    async kvPut(key, text, options, signal) {
      const query = options?.cas === undefined ? {} : { cas: String(options.cas) };
      return await put(`write the key "${key}"`, key, text, query, signal);
    },
    async kvAcquire(key, text, session, signal) {
      return await put(`lock the key "${key}"`, key, text, { acquire: session }, signal);
    },
    async kvRelease(key, text, session, signal) {
      return await put(`release the key "${key}"`, key, text, { release: session }, signal);
    },
    async kvDelete(key, options, signal) {
      const query = {
        ...(options?.recurse === true ? { recurse: "true" } : {}),
        ...(options?.cas === undefined ? {} : { cas: String(options.cas) }),
      };
      const right = `key_prefix "${key}" { policy = "write" }`;
      const tried = `delete the key "${key}"`;
      const path = `/kv/${keyPath(key)}`;
      const answer = await call(
        { method: "DELETE", path, query, tried, right, writes: true, timeoutMs: TIMEOUT_MS },
        signal,
      );
      return answer.body === true;
    },
    async txn(ops, signal) {
      const tried = `make a transaction of ${ops.length} operations`;
      if (ops.length > MAX_TXN_OPS) {
        throw new ApiError(tried, `Consul takes at most ${MAX_TXN_OPS}`, { failure: "rejected" });
      }
      const right = 'key_prefix { policy = "write" } on all of its keys';
      const answer = await call(
        {
          method: "PUT",
          path: "/txn",
          body: ops.map(toWireOp),
          tried,
          right,
          writes: true,
          timeoutMs: TIMEOUT_MS,
        },
        signal,
      );
      return txnResult(tried, right, answer.status, answer.body);
    },
  };
}

interface WireEntry {
  readonly Key: string;
  readonly Value: string | null;
  readonly ModifyIndex: number;
  readonly Session?: string;
}

function fromWire(entry: WireEntry): KvEntry {
  return {
    key: entry.Key,
    text: entry.Value === null ? "" : Buffer.from(entry.Value, "base64").toString("utf8"),
    modifyIndex: entry.ModifyIndex,
    session: entry.Session,
  };
}

function toWireOp(op: TxnOp): unknown {
  return {
    KV: {
      Verb: op.verb,
      Key: op.key,
      ...("text" in op ? { Value: Buffer.from(op.text).toString("base64") } : {}),
      ...("modifyIndex" in op ? { Index: op.modifyIndex } : {}),
      ...("session" in op ? { Session: op.session } : {}),
    },
  };
}

/** A denied operation is a 409 as well, with the words `Permission denied`. */
function txnResult(tried: string, right: string, status: number, body: unknown): TxnResult {
  if (status !== 409) return { ok: true };
  const wire = body as {
    readonly Errors?: readonly { readonly OpIndex: number; readonly What: string }[] | null;
  };
  const errors = (wire.Errors ?? []).map((error) => ({ opIndex: error.OpIndex, what: error.What }));
  const denied = errors.find((error) => error.what.includes("Permission denied"));
  if (denied !== undefined) {
    throw new ApiError(tried, `409 ${denied.what}`, {
      failure: "unauthorized",
      status,
      hint: `Give the token of CONSUL_HTTP_TOKEN a policy with ${right}.`,
    });
  }
  return { ok: false, errors };
}

function readQuery(options: ReadOptions | undefined): Record<string, string> {
  return options?.consistent === true ? { consistent: "true" } : {};
}

async function orNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.failure === "notFound") return undefined;
    throw error;
  }
}

function sessionCalls(call: PackageCall): Pick<Consul, "sessionCreate" | "sessionRenew" | "sessionDestroy"> {
  const right = 'session_prefix "" { policy = "write" }';
  return {
    async sessionCreate({ ttlMs, lockDelayMs, name }, signal) {
      const body = {
        Name: name,
        TTL: `${ttlMs}ms`,
        LockDelay: `${lockDelayMs}ms`,
        Behavior: "release",
        NodeChecks: [],
        Checks: [],
      };
      const tried = "create a session";
      // A session whose answer was lost ends by its TTL, so that the call may simply be made again.
      const request = { method: "PUT", path: "/session/create", body, tried, right, writes: false } as const;
      const answer = await call({ ...request, timeoutMs: TIMEOUT_MS }, signal);
      return (answer.body as { readonly ID: string }).ID;
    },
    async sessionRenew(session, timeoutMs, signal) {
      const path = `/session/renew/${encodeURIComponent(session)}`;
      const request = {
        method: "PUT",
        path,
        tried: "renew the session",
        right,
        writes: false,
        timeoutMs,
      } as const;
      return (await orNotFound(call(request, signal))) !== undefined;
    },
    async sessionDestroy(session, signal) {
      const path = `/session/destroy/${encodeURIComponent(session)}`;
      const tried = "end the session";
      await call({ method: "PUT", path, tried, right, writes: false, timeoutMs: TIMEOUT_MS }, signal);
    },
  };
}

type CatalogCalls = Pick<
  Consul,
  "agentSelf" | "statusLeader" | "catalogService" | "serviceRegister" | "serviceDeregister" | "aclTokenSelf"
>;

function catalogCalls(call: PackageCall): CatalogCalls {
  async function get(
    path: string,
    tried: string,
    right: string,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return (await call({ method: "GET", path, tried, right, writes: false, timeoutMs: TIMEOUT_MS }, signal))
      .body;
  }

  return {
    async agentSelf(signal) {
      const right = 'agent_prefix "" { policy = "read" }';
      const body = await get("/agent/self", "ask the Consul agent who it is", right, signal);
      const { Config } = body as { Config: { NodeName: string; Datacenter: string; Version: string } };
      return { node: Config.NodeName, datacenter: Config.Datacenter, version: Config.Version };
    },
    async statusLeader(signal) {
      return (await get("/status/leader", "ask for Consul's leader", "none", signal)) as string;
    },
    async catalogService(name, signal) {
      const right = 'service_prefix "" { policy = "read" } and node_prefix "" { policy = "read" }';
      const path = `/catalog/service/${encodeURIComponent(name)}`;
      const body = await get(path, `read the instances of the service "${name}"`, right, signal);
      return (body as readonly WireInstance[]).map(fromWireInstance);
    },
    async serviceRegister({ id, name, address, port, tags, meta }, signal) {
      const body = {
        ...(id === undefined ? {} : { ID: id }),
        Name: name,
        ...(address === undefined ? {} : { Address: address }),
        ...(port === undefined ? {} : { Port: port }),
        Tags: tags ?? [],
        Meta: meta ?? {},
      };
      const tried = `register the service "${name}"`;
      const right = `service "${name}" { policy = "write" }`;
      const path = "/agent/service/register";
      await call({ method: "PUT", path, body, tried, right, writes: true, timeoutMs: TIMEOUT_MS }, signal);
    },
    async serviceDeregister(id, signal) {
      const path = `/agent/service/deregister/${encodeURIComponent(id)}`;
      const right = `service "${id}" { policy = "write" }`;
      const tried = `deregister the service "${id}"`;
      await call({ method: "PUT", path, tried, right, writes: true, timeoutMs: TIMEOUT_MS }, signal);
    },
    async aclTokenSelf(signal) {
      const body = await get(
        "/acl/token/self",
        "look up our own Consul token",
        "a token that exists",
        signal,
      );
      return { accessorId: (body as { readonly AccessorID: string }).AccessorID };
    },
  };
}

interface WireInstance {
  readonly Node: string;
  readonly Address: string;
  readonly ServiceID: string;
  readonly ServiceName: string;
  readonly ServiceAddress: string;
  readonly ServicePort: number;
  readonly ServiceTags: readonly string[] | null;
  readonly ServiceMeta: Readonly<Record<string, string>> | null;
}

function fromWireInstance(wire: WireInstance): CatalogInstance {
  return {
    id: wire.ServiceID,
    service: wire.ServiceName,
    node: wire.Node,
    nodeAddress: wire.Address,
    address: wire.ServiceAddress === "" ? wire.Address : wire.ServiceAddress,
    port: wire.ServicePort,
    tags: (wire.ServiceTags ?? []).toSorted(),
    meta: wire.ServiceMeta ?? {},
  };
}
