import type { BlockingReader } from "./consul-read.ts";
import { ApiError } from "./errors.ts";

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
  /** Of an instance that Nomad registered itself: the namespace of its job. */
  readonly nomadNamespace?: string;
}

/** What Consul's own checks say of an instance, or of the node that it runs on. */
export interface HealthCheck {
  readonly node: string;
  readonly name: string;
  /** `passing`, `warning`, `critical` */
  readonly status: string;
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
  | { readonly verb: "delete-cas"; readonly key: string; readonly modifyIndex: number }
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
  /**
   * Reads up to 64 keys as they stand at one moment. What is not there is not in the answer.
   *
   * @param options.present The keys that are likely there: a wrong guess costs one more call.
   * @throws {ApiError} `unauthorized` if one of them may not be read.
   */
  kvGetMany(
    keys: readonly string[],
    options: ReadOptions & { readonly present: ReadonlySet<string> },
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, KvEntry>>;
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
  /** Each check of a service's instances and of their nodes, once. */
  healthChecks(name: string, signal?: AbortSignal): Promise<readonly HealthCheck[]>;
  serviceRegister(registration: ServiceRegistration, signal?: AbortSignal): Promise<void>;
  serviceDeregister(id: string, signal?: AbortSignal): Promise<void>;
  /** Throws `unauthorized` if Consul does not know the token. */
  aclTokenSelf(signal?: AbortSignal): Promise<{ readonly accessorId: string }>;
}

export interface ReadOptions {
  /** Asks the leader to make sure that it still is one, at the price of a round trip between the servers. */
  readonly consistent?: boolean;
}

/** No one-shot call takes longer. */
export const TIMEOUT_MS = 10_000;

/** Undefined instead of an error if the answer is 404. */
export async function orNotFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.failure === "notFound") return undefined;
    throw error;
  }
}
