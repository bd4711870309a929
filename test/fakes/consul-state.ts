import { randomUUID } from "node:crypto";

/** A key as Consul sends it. */
export interface KvRow {
  LockIndex: number;
  Key: string;
  Flags: number;
  Value: string | null;
  Session?: string;
  CreateIndex: number;
  ModifyIndex: number;
}

export interface ServiceRow {
  ID: string;
  Service: string;
  Tags: string[];
  Address: string;
  Port: number;
  Meta: Record<string, string>;
  EnableTagOverride: boolean;
  CreateIndex: number;
  ModifyIndex: number;
}

export interface NodeRow {
  ID: string;
  Node: string;
  Address: string;
  Datacenter: string;
  Meta: Record<string, string> | null;
  TaggedAddresses: Record<string, string> | null;
  CreateIndex: number;
  ModifyIndex: number;
  services: Map<string, ServiceRow>;
}

export interface SessionRow {
  ID: string;
  Name: string;
  Node: string;
  /** Nanoseconds. */
  LockDelay: number;
  Behavior: string;
  TTL: string;
  NodeChecks: string[] | null;
  ServiceChecks: null;
  CreateIndex: number;
  ModifyIndex: number;
}

/** What a blocking read waits for: a change of keys, of the catalog, of one node or service, of sessions. */
export type Topic = "kv" | "services" | "nodes" | "sessions" | `node/${string}` | `service/${string}`;

/** An answer to a write: what Consul's state machine says. */
export type Applied = { readonly ok: boolean } | { readonly error: string };

/** What a server says of itself in the catalog. */
const SERVER_META = {
  non_voter: "false",
  raft_version: "3",
  serf_protocol_current: "2",
  serf_protocol_max: "5",
  serf_protocol_min: "1",
  version: "1.8.7",
};

/**
 * Consul's state: keys, tombstones, sessions with locks, nodes with services, and the
 * indexes that blocking reads hang on. The rules are those of Consul 1.8, as recorded
 * from a real server.
 */
export class ConsulState {
  index = 10;
  readonly keys = new Map<string, KvRow>();
  /** Deleted keys and the index of their delete. */
  readonly tombstones = new Map<string, number>();
  readonly sessions = new Map<string, SessionRow>();
  readonly nodes = new Map<string, NodeRow>();
  /** Highest index of each table. */
  readonly tables = { kv: 0, services: 0, nodes: 0, sessions: 0 };
  /** Names of nodes that Consul's membership has found dead. */
  readonly deadNodes = new Set<string>();
  /** When the lock delay of a key ends, in ms of the clock. */
  readonly lockDelays = new Map<string, number>();
  readonly #waiters = new Map<Topic, Set<() => void>>();
  readonly #expiries = new Map<string, NodeJS.Timeout>();
  readonly nodeName: string;
  readonly datacenter: string;
  /** The server's `session_ttl_min`. */
  sessionTtlMinMs = 10_000;

  constructor(nodeName: string, datacenter: string) {
    this.nodeName = nodeName;
    this.datacenter = datacenter;
    this.registerNode(nodeName, "127.0.0.1");
    this.registerService(nodeName, { ID: "consul", Service: "consul", Port: 8300, Meta: SERVER_META });
  }

  /** Stops the timers of all sessions, as a stopped server does. */
  pause(): void {
    for (const timer of this.#expiries.values()) clearTimeout(timer);
    this.#expiries.clear();
  }

  /** Gives every session its full time again, as a new leader does. */
  resume(): void {
    for (const session of this.sessions.values()) this.#armExpiry(session);
  }

  /** Resolves at the next change of the topic, or when the signal aborts. */
  async changed(topic: Topic, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const waiters = this.#waiters.get(topic) ?? new Set();
    this.#waiters.set(topic, waiters);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        waiters.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      waiters.add(done);
      signal.addEventListener("abort", done);
    });
  }

  #notify(...topics: readonly Topic[]): void {
    for (const topic of topics) for (const wake of this.#waiters.get(topic) ?? []) wake();
  }

  // Keys

  kvIndex(prefix: string): number {
    let index = 0;
    for (const row of this.keys.values())
      if (row.Key.startsWith(prefix)) index = Math.max(index, row.ModifyIndex);
    for (const [key, at] of this.tombstones) if (key.startsWith(prefix)) index = Math.max(index, at);
    return prefix === "" || index === 0 ? this.tables.kv : index;
  }

  /** @param value Base64. Undefined keeps the value that is there. */
  setKey(key: string, value: string | null, more: { flags?: number; session?: string | null } = {}): KvRow {
    const before = this.keys.get(key);
    const flags = more.flags ?? 0;
    const session = more.session === undefined ? before?.Session : (more.session ?? undefined);
    const locks = more.session !== undefined && more.session !== null && before?.Session !== more.session;
    // A plain write to a held key resets its LockIndex, as the real one does.
    const lockIndex = more.session === undefined ? 0 : (before?.LockIndex ?? 0) + (locks ? 1 : 0);
    const isSame =
      before !== undefined &&
      before.Value === value &&
      before.Flags === flags &&
      before.Session === session &&
      before.LockIndex === lockIndex;
    if (isSame && more.session === undefined) return before;
    this.index++;
    const row: KvRow = {
      LockIndex: lockIndex,
      Key: key,
      Flags: flags,
      Value: value,
      ...(session === undefined ? {} : { Session: session }),
      CreateIndex: before?.CreateIndex ?? this.index,
      ModifyIndex: this.index,
    };
    this.keys.set(key, row);
    this.tables.kv = this.index;
    this.#notify("kv");
    return row;
  }

  deleteKey(key: string): void {
    if (!this.keys.delete(key)) return;
    this.index++;
    this.tombstones.set(key, this.index);
    this.tables.kv = this.index;
    this.#notify("kv");
  }

  deleteTree(prefix: string): void {
    const doomed = [...this.keys.keys()].filter((key) => key.startsWith(prefix));
    if (doomed.length === 0) return;
    this.index++;
    for (const key of doomed) {
      this.keys.delete(key);
      this.tombstones.set(key, this.index);
    }
    this.tables.kv = this.index;
    this.#notify("kv");
  }

  /** Forgets the tombstones, as Consul does after about 15 minutes: indexes of prefixes go back, and nobody is woken. */
  reapTombstones(): void {
    this.tombstones.clear();
  }

  acquire(key: string, value: string | null, session: string, flags = 0): Applied {
    if (!this.sessions.has(session)) return { error: `invalid session "${session}"` };
    const holder = this.keys.get(key)?.Session;
    if (holder !== undefined && holder !== session) return { ok: false };
    if ((this.lockDelays.get(key) ?? 0) > Date.now()) return { ok: false };
    this.setKey(key, value, { session, flags });
    return { ok: true };
  }

  release(key: string, value: string | null, session: string, flags = 0): Applied {
    const row = this.keys.get(key);
    if (row?.Session !== session) return { ok: false };
    this.setKey(key, value, { session: null, flags });
    return { ok: true };
  }

  // Sessions

  createSession(wish: { Name?: string; TTL?: string; LockDelay?: string; Behavior?: string }): SessionRow {
    this.index++;
    const session: SessionRow = {
      ID: randomUUID(),
      Name: wish.Name ?? "",
      Node: this.nodeName,
      LockDelay: durationMs(wish.LockDelay ?? "15s") * 1e6,
      Behavior: wish.Behavior ?? "release",
      TTL: wish.TTL ?? "",
      NodeChecks: [],
      ServiceChecks: null,
      CreateIndex: this.index,
      ModifyIndex: this.index,
    };
    this.sessions.set(session.ID, session);
    this.tables.sessions = this.index;
    this.#armExpiry(session);
    this.#notify("sessions");
    return session;
  }

  renewSession(id: string): SessionRow | undefined {
    const session = this.sessions.get(id);
    if (session !== undefined) this.#armExpiry(session);
    return session;
  }

  /** Ends a session: its locks are released and stay closed for its lock delay. */
  destroySession(id: string): void {
    const session = this.sessions.get(id);
    clearTimeout(this.#expiries.get(id));
    this.#expiries.delete(id);
    if (session === undefined) return;
    this.sessions.delete(id);
    this.index++;
    this.tables.sessions = this.index;
    for (const row of [...this.keys.values()].filter((one) => one.Session === id)) {
      if (session.LockDelay > 0) this.lockDelays.set(row.Key, Date.now() + session.LockDelay / 1e6);
      if (session.Behavior === "delete") this.deleteKey(row.Key);
      else this.setKey(row.Key, row.Value, { session: null, flags: row.Flags });
    }
    this.#notify("sessions");
  }

  /** Consul waits twice the TTL before it ends a session. */
  #armExpiry(session: SessionRow): void {
    clearTimeout(this.#expiries.get(session.ID));
    if (session.TTL === "") return;
    const timer = setTimeout(() => this.destroySession(session.ID), 2 * durationMs(session.TTL));
    timer.unref();
    this.#expiries.set(session.ID, timer);
  }

  // Catalog

  registerNode(name: string, address: string): NodeRow {
    const before = this.nodes.get(name);
    if (before?.Address === address) return before;
    this.index++;
    const tagged = { lan: address, lan_ipv4: address, wan: address, wan_ipv4: address };
    const node: NodeRow = {
      ID: before?.ID ?? randomUUID(),
      Node: name,
      Address: address,
      Datacenter: this.datacenter,
      TaggedAddresses: tagged,
      Meta: { "consul-network-segment": "" },
      CreateIndex: before?.CreateIndex ?? this.index,
      ModifyIndex: this.index,
      services: before?.services ?? new Map<string, ServiceRow>(),
    };
    this.nodes.set(name, node);
    this.tables.nodes = this.index;
    this.#notify("nodes", `node/${name}`);
    return node;
  }

  /** Puts an instance on a node. Nothing happens if it is there with the same fields. */
  registerService(nodeName: string, wish: Partial<ServiceRow> & { Service: string }): void {
    const node = this.nodes.get(nodeName) ?? this.registerNode(nodeName, "127.0.0.1");
    const id = wish.ID === undefined || wish.ID === "" ? wish.Service : wish.ID;
    const before = node.services.get(id);
    const fields = {
      ID: id,
      Service: wish.Service,
      Tags: wish.Tags ?? [],
      Address: wish.Address ?? "",
      Port: wish.Port ?? 0,
      Meta: wish.Meta ?? {},
      EnableTagOverride: wish.EnableTagOverride ?? false,
    };
    if (before !== undefined) {
      const { CreateIndex: _created, ModifyIndex: _modified, ...same } = before;
      if (JSON.stringify(same) === JSON.stringify(fields)) return;
    }
    this.index++;
    node.services.set(id, {
      ...fields,
      CreateIndex: before?.CreateIndex ?? this.index,
      ModifyIndex: this.index,
    });
    this.#serviceChanged(nodeName, wish.Service);
  }

  deregisterService(nodeName: string, id: string): boolean {
    const row = this.nodes.get(nodeName)?.services.get(id);
    if (row === undefined) return false;
    this.nodes.get(nodeName)?.services.delete(id);
    this.index++;
    this.#serviceChanged(nodeName, row.Service);
    return true;
  }

  #serviceChanged(nodeName: string, service: string): void {
    this.tables.services = this.index;
    this.#notify("services", `node/${nodeName}`, `service/${service}`);
  }

  deregisterNode(name: string): void {
    const node = this.nodes.get(name);
    if (node === undefined) return;
    this.nodes.delete(name);
    this.index++;
    this.tables.nodes = this.index;
    this.#notify("nodes", `node/${name}`);
    for (const row of node.services.values()) this.#serviceChanged(name, row.Service);
  }

  instancesOf(service: string): readonly { readonly node: NodeRow; readonly row: ServiceRow }[] {
    return [...this.nodes.values()].flatMap((node) =>
      [...node.services.values()].filter((row) => row.Service === service).map((row) => ({ node, row })),
    );
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a Go duration such as `1m30s`; NaN if it is none. */
export function durationMs(text: string): number {
  if (text === "0") return 0;
  const parts = [...text.matchAll(/(-?\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) return Number.NaN;
  return parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN),
    0,
  );
}
