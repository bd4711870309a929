import { answerRead, DENIED, ERROR_META, plain, type Answered, type Asked } from "./consul-http.ts";
import { durationMs, type ConsulState, type KvRow } from "./consul-state.ts";

const MAX_VALUE_BYTES = 524_288;

/** `/v1/kv/…` */
export async function answerKv(asked: Asked, state: ConsulState): Promise<Answered> {
  const key = asked.path.slice("/kv/".length);
  if (asked.method === "GET") return await getKv(asked, state, key);
  if (asked.method === "PUT") return putKv(asked, state, key);
  if (asked.method === "DELETE") return deleteKv(asked, state, key);
  const headers = { allow: "OPTIONS,GET,PUT,DELETE" };
  return plain(405, `method ${asked.method} not allowed`, headers);
}

async function getKv(asked: Asked, state: ConsulState, key: string): Promise<Answered> {
  const lists = asked.query.has("recurse") || asked.query.has("keys");
  const denied = asked.acl === "deny" || asked.acl === "keyListPolicy";
  // A list leaves out what may not be read; a single key says that it may not.
  if (denied && (!lists || asked.acl === "keyListPolicy")) return DENIED;
  const rows = (): KvRow[] => {
    if (denied) return [];
    const row = state.keys.get(key);
    return lists ? listRows(state, key) : row === undefined ? [] : [row];
  };
  return await answerRead(asked, state, {
    topic: "kv",
    catalog: false,
    evaluate() {
      const found = rows();
      const single = state.keys.get(key)?.ModifyIndex ?? state.tables.kv;
      const index = lists ? state.kvIndex(key) : single;
      return { index, answer: found.length === 0 ? { status: 404 } : showRows(asked, key, found) };
    },
  });
}

function listRows(state: ConsulState, prefix: string): KvRow[] {
  return [...state.keys.values()]
    .filter((row) => row.Key.startsWith(prefix))
    .sort((a, b) => (a.Key < b.Key ? -1 : 1));
}

function showRows(asked: Asked, prefix: string, rows: readonly KvRow[]): Answered {
  if (asked.query.has("keys")) {
    const separator = asked.query.get("separator") ?? "";
    const names = rows.map(({ Key: key }) => {
      const end = separator === "" ? -1 : key.indexOf(separator, prefix.length);
      return end < 0 ? key : key.slice(0, end + separator.length);
    });
    return { status: 200, json: [...new Set(names)] };
  }
  if (asked.query.has("raw") && !asked.query.has("recurse")) {
    const headers = {
      "content-type": "text/plain",
      "content-security-policy": "sandbox",
      "x-content-type-options": "nosniff",
    };
    return { status: 200, raw: Buffer.from(rows[0]?.Value ?? "", "base64"), headers };
  }
  return { status: 200, json: rows };
}

function putKv(asked: Asked, state: ConsulState, key: string): Answered {
  const size = asked.body.length;
  if (size > MAX_VALUE_BYTES) {
    const advice = "See https://www.consul.io/docs/agent/options.html#kv_max_value_size.";
    return plain(413, `Request body(${size} bytes) too large, max size: ${MAX_VALUE_BYTES} bytes. ${advice}`);
  }
  if (key === "") return plain(400, "Missing key name");
  if (!mayWrite(asked)) return DENIED;
  const given = ["acquire", "cas", "release"].filter((name) => asked.query.has(name));
  if (given.length > 1) {
    const flags = given.map((name) => `${name}=${asked.query.get(name)}`).join("&");
    return plain(400, `Conflicting flags: ${flags}`);
  }

  const value = size === 0 ? null : asked.body.toString("base64");
  const flags = Number(asked.query.get("flags") ?? 0);
  const session = asked.query.get("acquire") ?? asked.query.get("release") ?? "";
  if (given[0] === "acquire" || given[0] === "release") {
    const applied = state[given[0]](key, value, session, flags);
    return "error" in applied ? plain(500, applied.error) : { status: 200, json: applied.ok };
  }
  if (given[0] === "cas" && !casMatches(state, key, Number(asked.query.get("cas")))) {
    return { status: 200, json: false };
  }
  state.setKey(key, value, { flags });
  return { status: 200, json: true };
}

function deleteKv(asked: Asked, state: ConsulState, key: string): Answered {
  if (!mayWrite(asked)) return DENIED;
  if (asked.query.has("recurse")) {
    state.deleteTree(key);
    return { status: 200, json: true };
  }
  const cas = asked.query.get("cas");
  if (cas !== null && !casMatches(state, key, Number(cas))) return { status: 200, json: false };
  state.deleteKey(key);
  return { status: 200, json: true };
}

function casMatches(state: ConsulState, key: string, index: number): boolean {
  return (state.keys.get(key)?.ModifyIndex ?? 0) === index;
}

function mayWrite(asked: Asked): boolean {
  return asked.acl === "allow";
}

interface WireOp {
  readonly Verb: string;
  readonly Key: string;
  readonly Value?: string;
  readonly Index?: number;
  readonly Session?: string;
  readonly Flags?: number;
}

const READ_VERBS = new Set(["get", "get-tree", "check-session", "check-index", "check-not-exists"]);

/** `/v1/txn`: all operations or none. */
export function answerTxn(asked: Asked, state: ConsulState): Answered {
  if (asked.body.length > MAX_VALUE_BYTES) return plain(413, "Request body too large");
  let ops: readonly WireOp[];
  try {
    ops = (JSON.parse(asked.body.toString("utf8")) as { KV: WireOp }[]).map((op) => op.KV);
  } catch (error) {
    return plain(400, `Failed to parse body: ${String(error)}`);
  }
  if (ops.length > 64) return plain(413, `Transaction contains too many operations (${ops.length} > 64)`);

  const onlyReads = ops.every((op) => ["get", "get-tree", "check-not-exists"].includes(op.Verb));
  const denied = ops.flatMap((op, at) =>
    mayDo(asked, op) ? [] : [{ OpIndex: at, What: "Permission denied" }],
  );
  if (onlyReads) {
    const checks = denied.filter(({ OpIndex: at }) => ops[at]?.Verb === "check-not-exists");
    // Each that fails is told, unlike of a transaction that writes.
    const failures = ops.flatMap((op, at) => {
      const what = failureOf(state, op, state.keys.has(op.Key));
      return what === undefined ? [] : [{ OpIndex: at, What: what }];
    });
    const errors = checks.length > 0 ? checks : failures;
    if (errors.length > 0)
      return { status: 409, json: { Results: null, Errors: errors, Index: 0, KnownLeader: true } };
    // What may not be read is left out without a word.
    const results = denied.length > 0 ? [] : ops.flatMap((op) => readOp(state, op));
    const more = { Index: 0, LastContact: 0, KnownLeader: true, ConsistencyLevel: "" };
    const headers = { "x-consul-knownleader": "true", "x-consul-lastcontact": "0" };
    return { status: 200, json: { Results: results, Errors: null, ...more }, headers };
  }
  if (denied.length > 0) return { status: 409, json: { Results: null, Errors: denied } };

  const failed = dryRun(state, ops);
  if (failed !== undefined) return { status: 409, json: { Results: null, Errors: [failed] } };
  return { status: 200, json: { Results: ops.flatMap((op) => applyOp(state, op)), Errors: null } };
}

function mayDo(asked: Asked, op: WireOp): boolean {
  return asked.acl === "allow" || (asked.acl === "readOnly" && READ_VERBS.has(op.Verb));
}

/** Looks for the first operation that would fail, as if the ones before it were done. */
function dryRun(state: ConsulState, ops: readonly WireOp[]): { OpIndex: number; What: string } | undefined {
  const changed = new Map<string, boolean>();
  for (const [at, op] of ops.entries()) {
    const exists = changed.get(op.Key) ?? state.keys.has(op.Key);
    const what = failureOf(state, op, exists);
    if (what !== undefined) return { OpIndex: at, What: what };
    if (["set", "cas", "lock"].includes(op.Verb)) changed.set(op.Key, true);
    if (["delete", "delete-cas"].includes(op.Verb)) changed.set(op.Key, false);
  }
  return undefined;
}

function failureOf(state: ConsulState, op: WireOp, exists: boolean): string | undefined {
  const row = state.keys.get(op.Key);
  switch (op.Verb) {
    case "cas":
      return casMatches(state, op.Key, op.Index ?? 0)
        ? undefined
        : `failed to set key "${op.Key}", index is stale`;
    case "delete-cas":
      return casMatches(state, op.Key, op.Index ?? 0)
        ? undefined
        : `failed to delete key "${op.Key}", index is stale`;
    case "lock": {
      const isFree = row?.Session === undefined || row.Session === op.Session;
      if (!state.sessions.has(op.Session ?? "")) return `invalid session "${op.Session}"`;
      return isFree ? undefined : `failed to lock key "${op.Key}", lock is already held`;
    }
    case "unlock":
      return row?.Session === op.Session
        ? undefined
        : `failed to unlock key "${op.Key}", lock isn't held, or is held by another session`;
    case "get":
      return exists ? undefined : `key "${op.Key}" doesn't exist`;
    case "check-session":
      if (row === undefined) return `failed to check session for key "${op.Key}", key doesn't exist`;
      if (row.Session === op.Session) return undefined;
      return `failed session check for key "${op.Key}", current session "${row.Session ?? ""}" != "${op.Session}"`;
    case "check-index":
      if (row === undefined) return `key "${op.Key}" doesn't exist`;
      if (row.ModifyIndex === op.Index) return undefined;
      return `failed index check for key "${op.Key}", current modify index ${row.ModifyIndex} != ${op.Index}`;
    case "check-not-exists":
      return exists ? `key "${op.Key}" exists` : undefined;
    default:
      return undefined;
  }
}

function readOp(state: ConsulState, op: WireOp): { KV: KvRow }[] {
  if (op.Verb === "check-not-exists") return [];
  const row = state.keys.get(op.Key);
  if (op.Verb === "get-tree") return listRows(state, op.Key).map((one) => ({ KV: one }));
  return row === undefined ? [] : [{ KV: row }];
}

/** Results of writes leave the value out. */
function applyOp(state: ConsulState, op: WireOp): { KV: KvRow }[] {
  const value = op.Value === undefined || op.Value === "" ? null : op.Value;
  const more = { flags: op.Flags ?? 0 };
  switch (op.Verb) {
    case "set":
    case "cas":
      return [{ KV: { ...state.setKey(op.Key, value, more), Value: null } }];
    case "lock":
      return [
        { KV: { ...state.setKey(op.Key, value, { ...more, session: op.Session ?? "" }), Value: null } },
      ];
    case "unlock":
      return [{ KV: { ...state.setKey(op.Key, value, { ...more, session: null }), Value: null } }];
    case "delete":
    case "delete-cas":
      state.deleteKey(op.Key);
      return [];
    case "delete-tree":
      state.deleteTree(op.Key);
      return [];
    case "get":
    case "get-tree":
      return readOp(state, op);
    default:
      return readOp(state, op).map(({ KV: row }) => ({ KV: { ...row, Value: null } }));
  }
}

/** `/v1/session/…` */
export async function answerSession(asked: Asked, state: ConsulState): Promise<Answered> {
  const [, , verb = "", id = ""] = asked.path.split("/");
  if (verb === "create") return createSession(asked, state);
  if (verb === "renew" || verb === "destroy") {
    if (asked.acl !== "allow") return DENIED;
    if (verb === "destroy") {
      state.destroySession(id);
      return { status: 200, json: true };
    }
    const session = state.renewSession(id);
    return session === undefined
      ? plain(404, `Session id '${id}' not found`)
      : { status: 200, json: [session] };
  }
  if (verb === "info" && id.length !== 36) {
    return plain(500, "failed session lookup: index error: UUID must be 36 characters", ERROR_META);
  }
  return await answerRead(asked, state, {
    topic: "sessions",
    catalog: false,
    evaluate() {
      const all = asked.acl === "deny" ? [] : [...state.sessions.values()];
      const shown = all.filter(
        (one) => verb === "list" || (verb === "node" ? one.Node === id : one.ID === id),
      );
      return { index: state.tables.sessions, answer: { status: 200, json: shown } };
    },
  });
}

function createSession(asked: Asked, state: ConsulState): Answered {
  if (asked.acl !== "allow") return DENIED;
  const text = asked.body.toString("utf8");
  const wish = (text === "" ? {} : JSON.parse(text)) as {
    Name?: string;
    TTL?: string;
    LockDelay?: string;
    Behavior?: string;
    Checks?: string[];
  };
  if (wish.TTL !== undefined) {
    const ttlMs = durationMs(wish.TTL);
    if (!(ttlMs >= state.sessionTtlMinMs && ttlMs <= 86_400_000)) {
      return plain(500, `Invalid Session TTL '${ttlMs * 1e6}', must be between [10s=24h0m0s]`);
    }
  }
  const missing = wish.Checks?.find((check) => check !== "serfHealth");
  if (missing !== undefined) return plain(500, `Missing check '${missing}' registration`);
  return { status: 200, json: { ID: state.createSession(wish).ID } };
}
