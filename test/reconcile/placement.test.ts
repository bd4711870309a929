import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { HAND_OVER_MS } from "../../controllers/placement/choose.ts";
import { placementRound } from "../../controllers/placement/index.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { loadPacks } from "../../engine/sources/packs.ts";
import { readPlaced } from "../../engine/sources/control.ts";
import { Resolver } from "../../engine/sources/snapshot.ts";
import { Board } from "../../engine/status/board.ts";
import { SteppedClock } from "../builders/clock.ts";
import { SILENT } from "../builders/engine-world.ts";
import { packFolder, REGISTRY_PACK } from "../builders/pack-folder.ts";
import { startFakeConsul, type FakeConsul } from "../fakes/consul.ts";

const PLACED = "dd-observe/control/placed/";

function placedIn({ state }: FakeConsul): Readonly<Record<string, string>> {
  const names = [...state.keys.keys()].filter((key) => key.startsWith(PLACED));
  return Object.fromEntries(readPlaced(names.map((key) => key.slice(PLACED.length))));
}

function register(fake: FakeConsul, node: string, service = "registry"): void {
  fake.state.registerService(node, {
    ID: `${service}-${node}`,
    Service: service,
    Address: `10.0.0.${node.at(-1)}`,
    Port: 8500,
    Tags: ["dd-observe"],
  });
}

/** The leader's rounds alone, in fast time. */
async function world({ alsoFromNomad = false }: { readonly alsoFromNomad?: boolean } = {}) {
  const fake = await startFakeConsul();
  onTestFinished(async () => await fake[Symbol.asyncDispose]());
  const packs = loadPacks([packFolder({ registry: REGISTRY_PACK })]);
  const clock = new SteppedClock();
  const board = new Board("controller", () => clock.date());
  const consul = createConsul({ address: fake.url });
  let documents: Readonly<Record<string, string>> = { registry: "" };
  const snapshot = () =>
    new Resolver({ packs, policy: STRICT_POLICY, tagName: "dd-observe" }).ofCluster({
      catalog: new Map(Object.keys(documents).map((name) => [name, ["dd-observe"]])),
      documents: new Map(
        Object.entries(documents).map(([name, text]) => [name, { name, text, generation: 1 }]),
      ),
    });
  const begin = () =>
    placementRound({
      consul,
      statePrefix: "dd-observe",
      clusterId: "dc1",
      snapshot,
      board,
      store: async (ops) => await consul.txn(ops),
      log: SILENT,
      intervalMs: 60_000,
      alsoFromNomad,
      clock,
    });
  let round = begin();
  const signal = new AbortController().signal;
  return {
    fake,
    clock,
    wish: (text: string | undefined) => (documents = text === undefined ? {} : { registry: text }),
    joins: (node: string): void => {
      register(fake, node);
      fake.put(`dd-observe/status/nodes/${node}/registry`, "{}");
    },
    look: async () => await round(signal),
    /** Another process leads. */
    takeOver: () => (round = begin()),
    placed: () => placedIn(fake)["registry"],
    condition: () => board.get("registry")?.conditions.find(({ type }) => type === "Placed"),
  };
}

test("nobody is chosen before a node role has reported, and then one is", async () => {
  const { fake, look, placed, condition, joins } = await world();
  register(fake, "node-2");

  const first = await look();
  expect([first.isWaiting, placed()]).toEqual([true, undefined]);
  expect(condition()).toMatchObject({ status: "Unknown", reason: "ChoosingMachine" });

  joins("node-2");
  const second = await look();

  expect([second.isWaiting, placed()]).toEqual([false, "node-2"]);
  expect(condition()).toMatchObject({
    status: "True",
    reason: "Chosen",
    message: "agent.catalog: on node-2 only",
  });
});

test("a service that only Nomad has is done by a node that says that it runs it, and is alive", async () => {
  const { fake, look, placed } = await world({ alsoFromNomad: true });
  for (const node of ["node-2", "node-3", "node-4"]) fake.state.registerNode(node, "10.0.0.9");
  fake.state.deadNodes.add("node-2");
  fake.put("dd-observe/status/nodes/node-2/registry", "{}");
  fake.put("dd-observe/status/nodes/node-4/registry", "{}");

  await look();

  expect(placed()).toBe("node-4");
});

test("the choice stays when others come, over a change of leaders, and while its option is off", async () => {
  const { look, placed, condition, joins, takeOver, wish } = await world();
  joins("node-2");
  await look();
  for (const node of ["node-3", "node-4", "node-5"]) joins(node);
  takeOver();
  await look();
  wish("agent: {catalog: false}\n");
  await look();

  expect(placed()).toBe("node-2");
  expect(condition()).toBeUndefined();
});

test("another follows only after the chosen one has been away for the time of a hand-over", async () => {
  const { fake, clock, look, placed, condition, joins } = await world();
  joins("node-2");
  await look();
  joins("node-3");

  fake.state.deadNodes.add("node-2");
  await look();
  await clock.advance(HAND_OVER_MS - 1_000);
  await look();
  const before = placed();
  expect(condition()).toMatchObject({ status: "Unknown", reason: "HandingOver" });
  await clock.advance(1_000);
  await look();

  expect([before, placed()]).toEqual(["node-2", "node-3"]);
  expect([...fake.state.keys.keys()].filter((key) => key.startsWith(PLACED))).toEqual([
    `${PLACED}registry/node-3`,
  ]);
});

test("one that comes back in time keeps it", async () => {
  const { fake, clock, look, placed, joins } = await world();
  joins("node-2");
  await look();
  joins("node-3");
  fake.state.deadNodes.add("node-2");
  await look();
  await clock.advance(HAND_OVER_MS / 2);
  fake.state.deadNodes.clear();
  await look();
  fake.state.deadNodes.add("node-2");
  await clock.advance(HAND_OVER_MS - 1_000);
  await look();

  expect(placed()).toBe("node-2");
});

test("what can't be seen says nothing of who is gone", async () => {
  const { fake, clock, look, placed, joins } = await world();
  joins("node-2");
  await look();
  joins("node-3");

  fake.state.nodes.get("node-2")?.services.clear();
  fake.state.nodes.get("node-3")?.services.clear();
  await clock.advance(HAND_OVER_MS * 2);
  const { unread } = await look();
  await clock.advance(HAND_OVER_MS * 2);
  await look();

  expect(placed()).toBe("node-2");
  expect(unread).toContain("node_prefix");
});

test("a service without a wish loses its choice after the time of a hand-over, and a second one is taken back", async () => {
  const { fake, clock, look, placed, joins, wish } = await world();
  joins("node-2");
  await look();
  fake.put(`${PLACED}registry/node-9`, "");
  expect(placed()).toBeUndefined();

  await look();
  expect(placed()).toBe("node-2");
  wish(undefined);
  await look();
  expect(placed()).toBe("node-2");
  await clock.advance(HAND_OVER_MS);
  await look();

  expect(placed()).toBeUndefined();
});

test("a service that is away for a moment finds its machine again, and no other before that has stopped", async () => {
  const { fake, clock, look, placed, joins, wish } = await world();
  joins("node-2");
  await look();
  fake.state.nodes.get("node-2")?.services.clear();
  wish(undefined);
  await look();
  await clock.advance(HAND_OVER_MS / 2);

  // Nomad starts it elsewhere.
  joins("node-3");
  wish("");
  await look();
  expect(placed()).toBe("node-2");
  await clock.advance(HAND_OVER_MS / 2);
  await look();

  expect(placed()).toBe("node-3");
});

test("while a wish can't be read its choice stays", async () => {
  const { clock, look, placed, joins, wish } = await world();
  joins("node-2");
  await look();

  wish("pack: [");
  await look();
  await clock.advance(HAND_OVER_MS * 2);
  await look();

  expect(placed()).toBe("node-2");
});

test("two nodes and a leader: the option stands in the file of one node only", async () => {
  const fake = await startFakeConsul();
  const packs = packFolder({ registry: REGISTRY_PACK });
  const folder = mkdtempSync(join(tmpdir(), "placement-"));
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  onTestFinished(async () => {
    stop.abort();
    await Promise.all(running);
    await fake[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  const start = async (role: "controller" | "node", name: string): Promise<void> => {
    mkdirSync(join(folder, name));
    const config = readConfig(
      { resync: "1s" },
      {
        CONSUL_HTTP_ADDR: fake.url,
        DD_OBSERVE_NODE_NAME: name,
        DD_OBSERVE_CONFD_DIR: join(folder, name),
        DD_OBSERVE_AGENT_URL: "http://127.0.0.1:9",
        DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
        DD_OBSERVE_PROBE_INTERVAL: "0",
        DD_OBSERVE_PACKS_DIR: packs,
      },
    );
    running.push((await startOperator(config, role, stop.signal, SILENT)).done);
  };
  const fileOf = (name: string): string => {
    try {
      return readFileSync(join(folder, name, "consul.d", "dd-observe-registry.yaml"), "utf8");
    } catch {
      return "";
    }
  };
  const withOption = (): readonly string[] =>
    ["node-2", "node-3"].filter((name) => fileOf(name).includes("single_node_install: true"));
  register(fake, "node-2");
  register(fake, "node-3");
  await Promise.all([start("node", "node-2"), start("node", "node-3")]);
  await expect
    .poll(() => [fileOf("node-2"), fileOf("node-3")].every((text) => text !== ""), { timeout: 20_000 })
    .toBe(true);
  const before = withOption();

  await start("controller", "node-1");
  await expect.poll(() => withOption().length, { timeout: 20_000 }).toBe(1);

  expect(before).toEqual([]);
  expect(placedIn(fake)).toEqual({ registry: withOption()[0] });
  expect(["node-2", "node-3"].every((name) => fileOf(name).includes("timeout: 10"))).toBe(true);
});
