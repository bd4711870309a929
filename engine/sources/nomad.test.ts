import { expect, onTestFinished, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { nomadServices } from "../../clients/nomad-services.ts";
import { openNomad } from "../../clients/nomad.ts";
import { startFakeConsul, type FakeConsul } from "../../test/fakes/consul.ts";
import { startFakeNomad, type FakeNomad } from "../../test/fakes/nomad.ts";
import {
  clusterSource,
  nodeSource,
  type ClusterState,
  type NodeState,
  type NomadNamespaces,
  type Source,
} from "./sources.ts";

interface World {
  readonly consul: FakeConsul;
  readonly nomad: FakeNomad;
  readonly cluster: Source<ClusterState>;
  readonly node: Source<NodeState>;
  readonly shared: string[];
  readonly signal: AbortSignal;
}

interface WorldOptions {
  readonly namespaces?: NomadNamespaces;
  readonly version?: string;
}

async function world({ namespaces = "all", version = "2.0.5" }: WorldOptions = {}): Promise<World> {
  const consul = await startFakeConsul();
  const nomad = await startFakeNomad({ version });
  const ended = new AbortController();
  onTestFinished(async () => {
    ended.abort();
    await Promise.all([consul.stop(), nomad.stop()]);
  });
  consul.put("observability/.keep", "");
  const shared: string[] = [];
  const options = {
    consul: createConsul({ address: consul.url }),
    prefix: "observability",
    nomad: {
      nomad: nomadServices(openNomad({ address: nomad.url })),
      namespaces,
      onShared: (service: string, places: readonly string[]) =>
        shared.push(`${service}: ${places.join(", ")}`),
    },
  };
  return {
    consul,
    nomad,
    cluster: clusterSource(options),
    node: nodeSource(options),
    shared,
    signal: ended.signal,
  };
}

/** Puts an allocation with one service on a node. */
function place(
  { state }: FakeNomad,
  name: string,
  {
    namespace = "default",
    nodeId,
    tags = ["dd-observe"],
    port = 8080,
    id = `${name}-${namespace}`,
  }: {
    readonly namespace?: string;
    readonly nodeId?: string;
    readonly tags?: readonly string[];
    readonly port?: number;
    readonly id?: string;
  } = {},
): string {
  state.addAllocation({
    id,
    jobId: name,
    namespace,
    taskNames: ["main"],
    ...(nodeId === undefined ? {} : { nodeId }),
  });
  state.services.register(state, { name, allocation: id, port, tags });
  return id;
}

function follow<State>(source: Source<State>, signal: AbortSignal): () => Promise<State> {
  const iterator = source.changes(signal)[Symbol.asyncIterator]();
  return async () => {
    const result = await iterator.next();
    if (result.done === true) throw new Error("the source ended");
    return result.value;
  };
}

async function until<State>(next: () => Promise<State>, fits: (state: State) => boolean): Promise<State> {
  for (;;) {
    const state = await next();
    if (fits(state)) return state;
  }
}

async function settled(read: () => unknown, wanted: unknown): Promise<void> {
  await expect.poll(read, { timeout: 8_000, interval: 20 }).toEqual(wanted);
}

test("Nomad's own services stand among Consul's, in every namespace", async () => {
  const { consul, nomad, cluster, signal } = await world();
  consul.state.registerService("node-1", { Service: "api", Tags: ["dd-observe"] });
  place(nomad, "web", { tags: ["dd-observe", "a"] });
  place(nomad, "batch", { namespace: "prod" });

  const state = await follow(cluster, signal)();

  expect(Object.fromEntries(state.catalog)).toEqual({
    api: ["dd-observe"],
    batch: ["dd-observe"],
    consul: [],
    web: ["a", "dd-observe"],
  });
  expect(state.unseen).toBeUndefined();
});

test("a new tag in Nomad arrives, and what did not change keeps its identity", async () => {
  const { nomad, cluster, signal } = await world();
  place(nomad, "web");
  const id = place(nomad, "other");
  const next = follow(cluster, signal);
  const before = await next();

  nomad.state.services.register(nomad.state, { name: "other", allocation: id, port: 1, tags: ["x"] });
  const after = await next();

  expect(after.catalog.get("other")).toEqual(["x"]);
  expect(after.catalog.get("web")).toBe(before.catalog.get("web"));
});

test("a name in several places is one service with the tags of all, and that is told once", async () => {
  const { consul, nomad, cluster, shared, signal } = await world();
  consul.state.registerService("node-1", { Service: "web", Tags: ["c"] });
  place(nomad, "web", { tags: ["dd-observe"] });
  place(nomad, "web", { namespace: "prod", tags: ["p"] });
  const next = follow(cluster, signal);

  const state = await next();
  place(nomad, "other");
  await until(next, ({ catalog }) => catalog.has("other"));

  expect(state.catalog.get("web")).toEqual(["c", "dd-observe", "p"]);
  expect(shared).toEqual(["web: Consul, Nomad's namespace default, Nomad's namespace prod"]);
});

test("only the namespaces that are named count", async () => {
  const { nomad, cluster, node, signal } = await world({ namespaces: ["prod"] });
  place(nomad, "web");
  place(nomad, "batch", { namespace: "prod" });

  const [state, ofNode] = await Promise.all([follow(cluster, signal)(), follow(node, signal)()]);

  expect([...state.catalog.keys()].sort()).toEqual(["batch", "consul"]);
  expect([...ofNode.instances.keys()].filter((name) => name !== "consul")).toEqual(["batch"]);
});

test("a node sees the instances that Nomad runs on it, with address, port and namespace, and their documents", async () => {
  const { consul, nomad, node, signal } = await world();
  place(nomad, "web", { namespace: "prod", port: 24_001 });
  place(nomad, "elsewhere", { nodeId: "00000000-0000-0000-0000-000000000001" });
  consul.put("observability/web", "team: ml");

  const state = await follow(node, signal)();

  expect(state.instances.get("web")).toEqual([
    {
      id: "_nomad-task-web-prod-group-head-web-http",
      service: "web",
      address: "127.0.0.1",
      port: 24_001,
      tags: ["dd-observe"],
      meta: {},
      nomadNamespace: "prod",
    },
  ]);
  expect(state.instances.has("elsewhere")).toBe(false);
  await settled(() => node.health.error, undefined);
  await expect(node.confirm(signal)).resolves.toMatchObject({
    documents: new Map([["web", expect.objectContaining({ text: "team: ml" })]]),
  });
});

test("a service that is registered after its allocation was seen is found without another change", async () => {
  const { nomad, node, signal } = await world();
  nomad.state.addAllocation({ id: "late", jobId: "late", taskNames: ["main"] });
  const next = follow(node, signal);
  expect((await next()).instances.has("late")).toBe(false);

  nomad.state.services.register(nomad.state, { name: "late", allocation: "late", port: 9000 });

  expect((await until(next, ({ instances }) => instances.has("late"))).instances.get("late")).toHaveLength(1);
});

test("an allocation that ended takes its instances along", async () => {
  const { nomad, node, signal } = await world();
  const id = place(nomad, "web");
  const next = follow(node, signal);
  expect((await next()).instances.has("web")).toBe(true);

  nomad.state.services.deregister(nomad.state, "web");
  nomad.state.changeAllocation(id, { clientStatus: "complete" });

  expect((await until(next, ({ instances }) => !instances.has("web"))).unseen).toBeUndefined();
});

test("what a node asks of Nomad depends on what it runs, not on the size of the cluster", async () => {
  const { nomad, node, signal } = await world();
  for (let at = 0; at < 200; at++)
    place(nomad, `far-${at}`, { nodeId: "00000000-0000-0000-0000-000000000001" });
  place(nomad, "web");
  await follow(node, signal)();
  const asked = nomad.requests.length;

  for (let at = 0; at < 50; at++)
    place(nomad, `new-${at}`, { nodeId: "00000000-0000-0000-0000-000000000001" });
  await node.confirm(signal);

  expect(asked).toBeLessThan(8);
  expect(nomad.requests.length - asked).toBeLessThan(5);
});

test("without Nomad, Consul's part goes on and Nomad's last services stand", async () => {
  const { consul, nomad, cluster, node, signal } = await world();
  place(nomad, "web");
  const next = follow(cluster, signal);
  const nextOfNode = follow(node, signal);
  await Promise.all([next(), nextOfNode()]);

  await nomad.stop();
  consul.state.registerService("node-1", { Service: "api", Tags: ["dd-observe"] });
  const state = await until(next, ({ catalog }) => catalog.has("api"));
  const ofNode = await until(nextOfNode, ({ instances }) => instances.has("api"));

  expect(state.catalog.get("web")).toEqual(["dd-observe"]);
  expect(state.unseen).toBeUndefined();
  expect(ofNode.instances.get("web")).toHaveLength(1);
  expect((await cluster.confirm(signal)).catalog.has("web")).toBe(true);
  expect((await node.confirm(signal)).instances.has("web")).toBe(true);
  await settled(() => cluster.health.error?.message, expect.stringMatching(/Cannot watch Nomad's services/));
});

test("with a Nomad that was never read, a state says that services may be missing", async () => {
  const { consul, nomad, cluster, node, signal } = await world();
  await nomad.stop();
  consul.state.registerService("node-1", { Service: "api", Tags: ["dd-observe"] });

  const [state, ofNode] = await Promise.all([follow(cluster, signal)(), follow(node, signal)()]);

  expect(state.catalog.has("api")).toBe(true);
  expect(state.unseen).toMatch(
    /^Nomad's services are not known: Cannot watch Nomad's services: ECONNREFUSED/,
  );
  expect(ofNode.instances.has("api")).toBe(true);
  expect(ofNode.unseen).toMatch(/^Nomad's services are not known: Cannot read the Nomad agent's/);
});

test.for<[what: string, spoil: (nomad: FakeNomad) => void]>([
  ["a token that may read nothing", ({ faults }) => (faults.readable = new Set())],
  [
    "a token that lost one namespace",
    ({ faults }) => (faults.readable = new Set(["default", "dd-observe-any-namespace"])),
  ],
  ["a Nomad without a leader", ({ state }) => (state.leader = "")],
  [
    "a Nomad that lost its state",
    ({ state }) => {
      state.services.registrations.clear();
      state.services.index = 2;
    },
  ],
])("%s takes no service away", async ([, spoil]) => {
  const { nomad, cluster, signal } = await world();
  place(nomad, "web");
  place(nomad, "batch", { namespace: "prod" });
  await follow(cluster, signal)();

  spoil(nomad);
  nomad.state.services.notify();
  const state = await cluster.confirm(signal);

  expect([...state.catalog.keys()].sort()).toEqual(["batch", "consul", "web"]);
});

test("a denied list of allocations takes no instance away", async () => {
  const { nomad, node, signal } = await world();
  place(nomad, "web");
  await follow(node, signal)();

  nomad.faults.readable = new Set();
  const state = await node.confirm(signal);

  expect(state.instances.get("web")).toHaveLength(1);
});

test("a token without rights is told at the start, with the policy that it needs", async () => {
  const { nomad, cluster, signal } = await world();
  nomad.faults.readable = new Set();

  const state = await follow(cluster, signal)();

  expect(state.unseen).toBe(
    "Nomad's services are not known: Cannot watch Nomad's services: the token may not read every namespace",
  );
  expect(cluster.health.error?.hint).toBe(
    'Give the token of NOMAD_TOKEN a policy with namespace "*" { capabilities = ["read-job"] }, or name the namespaces that it may read in DD_OBSERVE_NOMAD_NAMESPACES.',
  );
});

test("services that are really gone go", async () => {
  const { nomad, cluster, signal } = await world();
  place(nomad, "web");
  place(nomad, "batch", { namespace: "prod" });
  const next = follow(cluster, signal);
  await next();

  nomad.state.services.deregister(nomad.state, "batch");

  expect([...(await next()).catalog.keys()].sort()).toEqual(["consul", "web"]);
});

test("a Nomad that is too old for services of its own is told", async () => {
  const { nomad, cluster, node, signal } = await world({ version: "1.0.18" });
  nomad.state.addAllocation({ id: "web", taskNames: ["main"] });

  const [state, ofNode] = await Promise.all([follow(cluster, signal)(), follow(node, signal)()]);

  expect(state.unseen).toMatch(/Cannot watch Nomad's services: 404/);
  expect(ofNode.unseen).toMatch(/Cannot read the services of the allocation web: 404/);
  expect(cluster.health.error?.hint).toMatch(/^Nomad 1.3 and later have them/);
});
