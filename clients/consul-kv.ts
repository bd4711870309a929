import {
  orNotFound,
  TIMEOUT_MS,
  type Consul,
  type KvEntry,
  type ReadOptions,
  type TxnOp,
  type TxnResult,
} from "./consul-calls.ts";
import { keyPath } from "./consul-connection.ts";
import type { PackageCall } from "./consul-package.ts";
import { ApiError } from "./errors.ts";

const MAX_TXN_OPS = 64;

type KvCalls = Pick<
  Consul,
  "kvGet" | "kvList" | "kvKeys" | "kvGetMany" | "kvPut" | "kvDelete" | "kvAcquire" | "kvRelease" | "txn"
>;

/** Calls about keys. */
export function kvCalls(call: PackageCall): KvCalls {
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
    kvGetMany: getMany(call),
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

/** While keys come and go between two tries, a guess may be wrong again. */
const MAX_GUESSES = 4;

/**
 * Consul fails a transaction that gets a key which is not there, and tells all that failed. So what is believed to be
 * absent is checked for being so: an answer of 200 says that each of the beliefs is right, and has all values.
 */
function getMany(call: PackageCall): Consul["kvGetMany"] {
  return async (keys, { present, ...options }, signal) => {
    const tried = `read ${keys.length} keys, such as "${keys[0]}"`;
    const right = 'key_prefix { policy = "read" } on all of them';
    if (keys.length > MAX_TXN_OPS)
      throw new ApiError(tried, `Consul takes at most ${MAX_TXN_OPS}`, { failure: "rejected" });
    const there = new Set(keys.filter((key) => present.has(key)));
    for (let guesses = 1; guesses <= MAX_GUESSES; guesses++) {
      const body = keys.map((key) => ({
        KV: { Verb: there.has(key) ? "get" : "check-not-exists", Key: key },
      }));
      const query = readQuery(options);
      const request = { method: "PUT", path: "/txn", query, body, tried, right, writes: false } as const;
      const answer = await call({ ...request, timeoutMs: TIMEOUT_MS }, signal);
      const result = txnResult(tried, right, answer.status, answer.body);
      if (result.ok) return entriesOfTxn(tried, right, answer.body, there.size);
      for (const { opIndex } of result.errors) flip(there, keys[opIndex]);
    }
    throw new ApiError(tried, `they came and went during each of ${MAX_GUESSES} tries`, {
      failure: "unavailable",
    });
  };
}

function flip(keys: Set<string>, key: string | undefined): void {
  if (key !== undefined && !keys.delete(key)) keys.add(key);
}

/** Consul leaves out what the token may not read, without a word. */
function entriesOfTxn(
  tried: string,
  right: string,
  body: unknown,
  wanted: number,
): ReadonlyMap<string, KvEntry> {
  const { Results: results, KnownLeader: knownLeader } = body as {
    readonly Results: readonly { readonly KV: WireEntry }[] | null;
    readonly KnownLeader?: boolean;
  };
  if (knownLeader === false) throw new ApiError(tried, "Consul has no leader", { failure: "unavailable" });
  const found = (results ?? []).map(({ KV: entry }) => fromWire(entry));
  if (found.length < wanted) {
    throw new ApiError(tried, `Consul shows only ${found.length} of ${wanted} that are there`, {
      failure: "unauthorized",
      hint: `Give the token of CONSUL_HTTP_TOKEN a policy with ${right}.`,
    });
  }
  return new Map(found.map((entry) => [entry.key, entry]));
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
