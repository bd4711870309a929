import { expect, onTestFinished, test } from "vitest";

import { createConsul, type Consul } from "../../clients/consul.ts";
import { systemClock, type Clock } from "../clock.ts";
import { startFakeConsul, type FakeConsul } from "../../test/fakes/consul.ts";
import {
  clusterSource,
  ensureSentinel,
  nodeSource,
  type ClusterState,
  type NodeState,
  type Source,
} from "./sources.ts";

interface World {
  readonly fake: FakeConsul;
  readonly consul: Consul;
  readonly signal: AbortSignal;
}

async function world(): Promise<World> {
  const fake = await startFakeConsul();
  const ended = new AbortController();
  onTestFinished(async () => {
    ended.abort();
    await fake.stop();
  });
  return { fake, consul: createConsul({ address: fake.url }), signal: ended.signal };
}

async function worldWithSentinel(): Promise<World> {
  const one = await world();
  one.fake.put("observability/.keep", "");
  return one;
}

function states<State>(source: Source<State>, signal: AbortSignal): AsyncIterator<State> {
  return source.changes(signal)[Symbol.asyncIterator]();
}

async function next<State>(iterator: AsyncIterator<State>): Promise<State> {
  const result = await iterator.next();
  if (result.done === true) throw new Error("the source ended");
  return result.value;
}

/** Takes states until one fits. */
async function until<State>(iterator: AsyncIterator<State>, fits: (state: State) => boolean): Promise<State> {
  for (;;) {
    const state = await next(iterator);
    if (fits(state)) return state;
  }
}

function texts(state: ClusterState | NodeState): Record<string, string> {
  return Object.fromEntries([...state.documents].map(([name, document]) => [name, document.text]));
}

function failureOf(source: Source<unknown>): string {
  const { error } = source.health;
  return error === undefined ? "" : `${error.failure}: ${error.message} ${error.hint ?? ""}`;
}

test("gives the tags of all services and the documents below the prefix", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.state.registerService("node-1", { Service: "web", Tags: ["dd-observe", "a"] });
  fake.put("observability/web", "pack: nginx");
  fake.put("observability/_monitors/latency", "{}");
  fake.put("observability/not/a/document", "x");
  fake.put("observability-other/web", "x");

  const state = await next(states(clusterSource({ consul, prefix: "observability" }), signal));

  expect([...state.catalog]).toEqual([
    ["consul", []],
    ["web", ["a", "dd-observe"]],
  ]);
  expect(texts(state)).toEqual({ web: "pack: nginx", "_monitors/latency": "{}" });
});

test("keeps the identity of what did not change", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.state.registerService("node-1", { Service: "web", Tags: ["a", "b", "c"] });
  fake.put("observability/web", "1");
  fake.put("observability/db", "1");
  const iterator = states(clusterSource({ consul, prefix: "observability" }), signal);
  const before = await next(iterator);

  fake.put("observability/db", "2");
  const after = await next(iterator);
  fake.state.registerService("node-1", { Service: "db", Tags: ["d"] });
  const last = await next(iterator);

  expect(texts(after)).toEqual({ web: "1", db: "2" });
  expect(after.documents.get("web")).toBe(before.documents.get("web"));
  expect(after.catalog).toBe(before.catalog);
  expect(last.catalog.get("web")).toBe(before.catalog.get("web"));
  expect(last.documents).toBe(after.documents);
});

test("sees that a document was deleted", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.put("observability/web", "1");
  fake.put("observability/db", "1");
  const iterator = states(clusterSource({ consul, prefix: "observability" }), signal);
  await next(iterator);

  fake.state.deleteKey("observability/web");

  expect(texts(await next(iterator))).toEqual({ db: "1" });
});

test("gives the newest state only to a slow consumer", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  const iterator = states(clusterSource({ consul, prefix: "observability" }), signal);
  await next(iterator);

  for (let at = 1; at <= 5; at++) fake.put("observability/web", String(at));
  const confirmed = clusterSource({ consul, prefix: "observability" });
  await confirmed.confirm(signal);

  expect(texts(await until(iterator, (state) => texts(state)["web"] === "5"))).toEqual({ web: "5" });
});

test("gives no state while the sentinel is not there, and says who puts it", async () => {
  const { fake, consul, signal } = await world();
  fake.put("observability/web", "1");
  const source = clusterSource({ consul, prefix: "observability" });
  const iterator = states(source, signal);
  const first = next(iterator);

  await expect.poll(() => failureOf(source)).toContain("observability/.keep");
  const readyWithout = source.health.ready;
  await ensureSentinel({ consul, prefix: "observability" });

  expect(readyWithout).toBe(false);
  expect(texts(await first)).toEqual({ web: "1" });
  expect(source.health.error).toBeUndefined();
});

test("puts the sentinel only if it is absent", async () => {
  const { fake, consul } = await world();

  const results = [
    await ensureSentinel({ consul, prefix: "observability" }),
    await ensureSentinel({ consul, prefix: "observability" }),
  ];
  fake.faults.acl = "readOnly";

  expect(results).toEqual(["created", "present"]);
  expect(await ensureSentinel({ consul, prefix: "elsewhere" })).toBe("notAllowed");
});

test("gives no state when Consul was replaced by an empty one, and says how to confirm", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.put("observability/web", "1");
  const source = clusterSource({ consul, prefix: "observability" });
  const iterator = states(source, signal);
  await next(iterator);

  await fake.restart({ keepState: false });
  const second = next(iterator);
  await expect.poll(() => failureOf(source), { timeout: 5_000 }).toContain("lost its state");
  const keysMeanwhile = [...fake.state.keys.keys()];
  fake.put("observability/.keep", "");

  expect(keysMeanwhile).toEqual([]);
  expect(texts(await second)).toEqual({});
});

test("notices another text behind the same index after Consul came back", async () => {
  const { fake, consul, signal } = await world();
  fake.put("observability/.keep", "");
  fake.put("observability/web", "old");
  const iterator = states(clusterSource({ consul, prefix: "observability" }), signal);
  const before = await next(iterator);

  await fake.stop();
  const row = fake.state.keys.get("observability/web");
  if (row !== undefined) row.Value = Buffer.from("new").toString("base64");
  await fake.restart({ keepState: true });
  const after = await next(iterator);

  expect(texts(after)).toEqual({ web: "new" });
  expect(after.documents.get("web")?.generation).toBe(before.documents.get("web")?.generation);
});

test("takes a denied read for no state, not for an empty one", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.put("observability/web", "1");
  fake.faults.acl = "deny";
  const source = clusterSource({ consul, prefix: "observability" });
  const first = next(states(source, signal));

  await expect
    .poll(() => source.health.watches.every((one) => one.error?.failure === "unauthorized"))
    .toBe(true);
  const hints = source.health.watches.map((one) => one.error?.hint);
  fake.faults.acl = "allow";
  fake.put("observability/db", "2");
  fake.state.registerService("node-1", { Service: "db" });

  expect(hints).toEqual([expect.stringContaining("service_prefix"), expect.stringContaining("key_prefix")]);
  expect(texts(await first)).toEqual({ web: "1", db: "2" });
});

test.for(["keyListPolicy", "unknownToken"] as const)("says what to do about the token: %s", async (acl) => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.faults.acl = acl;
  const source = clusterSource({ consul, prefix: "observability" });
  void states(source, signal).next();

  await expect.poll(() => failureOf(source)).toContain("CONSUL_HTTP_TOKEN");
  expect(source.health.ready).toBe(false);
});

test("goes on after a time without a leader", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  const source = clusterSource({ consul, prefix: "observability" });
  const iterator = states(source, signal);
  await next(iterator);

  fake.faults.noLeader = true;
  await fake.restart({ keepState: true });
  await expect.poll(() => failureOf(source)).toContain("No cluster leader");
  fake.put("observability/web", "1");
  fake.faults.noLeader = false;

  expect(texts(await next(iterator))).toEqual({ web: "1" });
});

test.for([
  { what: "is cut off", fault: { truncate: true as const } },
  {
    what: "is not JSON",
    fault: {
      status: 200,
      text: "<html>",
      headers: { "x-consul-index": "9", "x-consul-knownleader": "true" },
    },
  },
  { what: "has no index", fault: { dropHeaders: ["x-consul-index"] } },
  { what: "is an error", fault: { status: 500, text: "rpc error making call: EOF" } },
])("reads again if an answer $what", async ({ fault }) => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.put("observability/web", "1");
  fake.fault({ matches: /\/v1\/kv\//, ...fault });

  const state = await next(states(clusterSource({ consul, prefix: "observability" }), signal));

  expect(texts(state)).toEqual({ web: "1" });
});

test("confirms with a second read from a sure leader", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.put("observability/web", "1");
  const source = clusterSource({ consul, prefix: "observability" });
  const seen = await next(states(source, signal));
  const before = fake.requests.length;

  const confirmed = await source.confirm(signal);

  expect(confirmed.documents.get("web")).toBe(seen.documents.get("web"));
  const after = fake.requests.slice(before);
  expect(after.filter(({ line }) => line.includes("consistent"))).toHaveLength(2);
});

test("confirms nothing that is not proven", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  const source = clusterSource({ consul, prefix: "observability" });
  await next(states(source, signal));

  fake.faults.acl = "deny";

  await expect(source.confirm(signal)).rejects.toMatchObject({ failure: "unauthorized" });
});

function registerMany(fake: FakeConsul, from: number, to: number): void {
  for (let at = from; at <= to; at++) fake.state.registerService("node-1", { Service: `s${at}`, Port: at });
}

test("gives the services of its own node with their addresses, and only their documents", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.state.registerService("node-1", { ID: "web-2", Service: "web", Port: 81, Tags: ["b", "a"] });
  fake.state.registerService("node-1", { ID: "web-1", Service: "web", Port: 80, Address: "10.0.0.1" });
  fake.state.registerService("node-2", { Service: "elsewhere" });
  fake.put("observability/web", "pack: nginx");
  fake.put("observability/elsewhere", "pack: redis");
  fake.put("observability/_defaults", "env: prod");

  const state = await next(states(nodeSource({ consul, prefix: "observability" }), signal));

  expect(state.node).toEqual({ name: "node-1", address: "127.0.0.1" });
  expect([...state.instances.keys()].toSorted()).toEqual(["consul", "web"]);
  expect(state.instances.get("web")).toEqual([
    { id: "web-1", service: "web", address: "10.0.0.1", port: 80, tags: [], meta: {} },
    { id: "web-2", service: "web", address: "127.0.0.1", port: 81, tags: ["a", "b"], meta: {} },
  ]);
  expect(texts(state)).toEqual({ web: "pack: nginx", _defaults: "env: prod" });
  expect(fake.requests.some(({ line }) => line.includes("recurse"))).toBe(false);
});

test("sees a document that appears for a service of its node", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  registerMany(fake, 1, 2);
  const iterator = states(nodeSource({ consul, prefix: "observability" }), signal);
  const before = await next(iterator);

  fake.put("observability/s1", "pack: nginx");
  const after = await next(iterator);

  expect(texts(after)).toEqual({ s1: "pack: nginx" });
  expect(after.instances).toBe(before.instances);
});

test("gives no state of a new service before its document is read", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.put("observability/s1", "first");
  const iterator = states(nodeSource({ consul, prefix: "observability" }), signal);
  await next(iterator);

  fake.fault({ matches: /kv\/observability\/s1/, delayMs: 200 });
  registerMany(fake, 1, 1);
  const state = await next(iterator);

  expect(state.instances.has("s1")).toBe(true);
  expect(texts(state)).toEqual({ s1: "first" });
});

test("reads the whole prefix when the node has many services, and keys again when it has few", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  for (let at = 1; at <= 20; at++) fake.put(`observability/s${at}`, String(at));
  registerMany(fake, 1, 3);
  const source = nodeSource({ consul, prefix: "observability" });
  const iterator = states(source, signal);
  const few = await next(iterator);

  registerMany(fake, 4, 12);
  const many = await until(iterator, (state) => state.instances.size === 13);
  const watchesOfMany = source.health.watches.map(({ name }) => name);
  for (let at = 4; at <= 12; at++) fake.state.deregisterService("node-1", `s${at}`);
  const fewAgain = await until(iterator, (state) => state.instances.size === 4);

  expect(many.documents.size).toBe(12);
  expect(watchesOfMany).toEqual(["node", "documents"]);
  expect(source.health.watches.length).toBeGreaterThan(4);
  expect(texts(fewAgain)).toEqual({ s1: "1", s2: "2", s3: "3" });
  expect(fewAgain.documents.get("s1")).toBe(few.documents.get("s1"));
  expect(many.documents.get("s1")).toBe(few.documents.get("s1"));
});

/** Ten services on the node, among three hundred documents. */
async function largeWorld(): Promise<World & { readonly source: Source<NodeState> }> {
  const one = await worldWithSentinel();
  for (let at = 1; at <= 300; at++) one.fake.put(`observability/s${at}`, String(at));
  registerMany(one.fake, 1, 10);
  const clock: Clock = {
    ...systemClock,
    sleep: async (ms, signal) => await systemClock.sleep(ms / 50, signal),
  };
  return { ...one, source: nodeSource({ consul: one.consul, prefix: "observability", clock }) };
}

/** It has asked how many there are. */
async function untilCounted(fake: FakeConsul): Promise<void> {
  await expect.poll(() => fake.requests.some(({ line }) => line.includes("observability/?keys"))).toBe(true);
}

test("looks at its own documents now and then, if it has many of very many", async () => {
  const { fake, signal, source } = await largeWorld();
  const iterator = states(source, signal);
  const first = await next(iterator);
  const second = next(iterator);
  await untilCounted(fake);
  const before = fake.requests.length;

  fake.put("observability/s200", "of another node");
  fake.put("observability/s1", "changed");
  const changed = await second;
  fake.put("observability/_defaults", "env: prod");
  const withDefaults = await next(iterator);
  fake.state.deleteKey("observability/s2");
  const without = await next(iterator);

  expect(Object.keys(texts(first))).toHaveLength(10);
  expect(texts(changed)).toEqual({ ...texts(first), s1: "changed" });
  expect(changed.documents.get("s2")).toBe(first.documents.get("s2"));
  expect(texts(withDefaults)).toEqual({ ...texts(changed), _defaults: "env: prod" });
  expect(without.documents.has("s2")).toBe(false);
  expect(new Set(fake.requests.slice(before).map(({ line }) => line))).toEqual(new Set(["PUT /v1/txn"]));
});

test("reads the document of a new service at once, beside many", async () => {
  const { fake, consul, signal } = await largeWorld();
  const iterator = states(nodeSource({ consul, prefix: "observability" }), signal);
  await next(iterator);

  const startedMs = performance.now();
  registerMany(fake, 11, 11);
  const state = await next(iterator);

  expect(state.documents.get("s11")?.text).toBe("11");
  expect(performance.now() - startedMs).toBeLessThan(4_000);
});

test("proves nothing by a look without the sentinel", async () => {
  const { fake, signal, source } = await largeWorld();
  const iterator = states(source, signal);
  await next(iterator);

  fake.state.deleteKey("observability/.keep");
  fake.state.deleteKey("observability/s1");
  await expect.poll(() => failureOf(source)).toContain("was there and is gone");
  fake.put("observability/.keep", "");
  const state = await next(iterator);

  expect(state.documents.has("s1")).toBe(false);
  expect(source.health.error).toBeUndefined();
});

test("watches the prefix again once there are few documents, and looks when there are many", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  for (let at = 1; at <= 20; at++) fake.put(`observability/s${at}`, String(at));
  registerMany(fake, 1, 12);
  const iterator = states(nodeSource({ consul, prefix: "observability" }), signal);
  await next(iterator);
  await expect.poll(() => fake.requests.filter(({ line }) => line.includes("recurse")).length).toBe(2);

  for (let at = 21; at <= 600; at++) fake.put(`observability/s${at}`, String(at));
  await expect.poll(() => fake.requests.at(-1)?.line).toContain("txn");
  const before = fake.requests.length;
  fake.put("observability/s1", "changed");
  const state = await until(iterator, ({ documents }) => documents.get("s1")?.text === "changed");

  expect(state.documents.size).toBe(12);
  expect(fake.requests.slice(before).filter(({ line }) => line.includes("recurse"))).toEqual([]);
}, 60_000);

test("confirms with one consistent look at its own documents", async () => {
  const { fake, signal, source } = await largeWorld();
  const iterator = states(source, signal);
  const seen = await next(iterator);
  await untilCounted(fake);
  const before = fake.requests.length;

  const confirmed = await source.confirm(signal);

  expect(confirmed.documents.get("s1")).toBe(seen.documents.get("s1"));
  const lines = fake.requests.slice(before).map(({ line }) => line);
  expect(lines.filter((line) => line.includes("/kv/"))).toEqual([]);
  expect(lines.filter((line) => line.startsWith("PUT /v1/txn?consistent"))).toHaveLength(1);
});

test("leaves a connection for one more watch, and for calls, at its limit of keys", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  registerMany(fake, 1, 8);
  await next(states(nodeSource({ consul, prefix: "observability" }), signal));

  const request = { path: "/kv/dd-observe/control/", query: { keys: "" }, tried: "watch", right: "none" };
  const more = await consul.read({ ...request, index: 0, waitMs: 60_000 }, signal);
  const call = await consul.kvGet("observability/.keep");

  expect(more.status).toBe(404);
  expect(call).toBeDefined();
  expect(fake.requests.some(({ line }) => line.includes("recurse"))).toBe(false);
});

test("never has more than 16 connections", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  registerMany(fake, 1, 8);
  const source = nodeSource({ consul, prefix: "observability" });
  const iterator = states(source, signal);
  await next(iterator);
  let most = fake.connections();

  for (let at = 1; at <= 8; at++) {
    fake.state.deregisterService("node-1", `s${at}`);
    fake.state.registerService("node-1", { Service: `t${at}` });
  }
  await until(iterator, (state) => state.instances.has("t8") && !state.instances.has("s8"));
  most = Math.max(most, fake.connections());
  await source.confirm(signal);
  await Promise.all(Array.from({ length: 5 }, () => consul.kvGet("observability/web")));
  most = Math.max(most, fake.connections());

  expect(most).toBeLessThanOrEqual(16);
});

test("gives no state of a node that Consul does not show", async () => {
  const { consul, signal } = await worldWithSentinel();
  const source = nodeSource({ consul, prefix: "observability", nodeName: "other" });
  void states(source, signal).next();

  await expect.poll(() => failureOf(source)).toContain("consul members");
  expect(source.health.ready).toBe(false);
});

test("waits for an agent that can't say its name yet", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  fake.fault({ matches: /agent\/self/, status: 500, text: "starting" });

  const state = await next(states(nodeSource({ consul, prefix: "observability" }), signal));

  expect(state.node.name).toBe("node-1");
});

test("confirms no node without services from a token that may not read services", async () => {
  const { fake, consul, signal } = await worldWithSentinel();
  const source = nodeSource({ consul, prefix: "observability", nodeName: "node-1" });
  await next(states(source, signal));

  const headers = {
    "x-consul-index": "20",
    "x-consul-knownleader": "true",
    "content-type": "application/json",
  };
  fake.fault({ matches: /catalog\/services\?.*consistent/, status: 200, text: "{}", headers });

  await expect(source.confirm(signal)).rejects.toMatchObject({ failure: "unauthorized" });
});
