import { pino } from "pino";
import { expect, test } from "vitest";

import { policySchema } from "../../crds/policy.ts";
import type { DocumentText } from "../../crds/resolve.ts";
import { exampleGround } from "../../test/builders/packs.ts";
import { Board } from "../status/board.ts";
import type { RawDocument } from "./documents.ts";
import { tell } from "../loop/services.ts";
import { Resolver, type Snapshot } from "./snapshot.ts";

const DISK = "type: query alert\nquery: 'avg(last_5m):avg:system.disk.in_use{*} > 0.9'\ncritical: 0.9\n";

function documents(texts: Readonly<Record<string, string>>): Map<string, RawDocument> {
  return new Map(Object.entries(texts).map(([name, text], at) => [name, { name, text, generation: at + 1 }]));
}

function openResolver(policy: object = {}): Resolver {
  const { packs, tagName } = exampleGround();
  return new Resolver({ packs, tagName, policy: policySchema.parse(policy) });
}

function states({ services }: Snapshot): Readonly<Record<string, string>> {
  return Object.fromEntries([...services].map(([name, { state }]) => [name, state]));
}

test("a cluster's snapshot has the monitors of no service and the names that mean nothing, and services go on", () => {
  const snapshot = openResolver().ofCluster({
    catalog: new Map([["ray", ["dd-observe"]]]),
    documents: documents({ _defaults: "env: prod\n", "_monitors/disk-full": DISK, _foo: "", _nomad: "" }),
  });

  expect(states(snapshot)).toEqual({
    ray: "accepted",
    "_monitors/disk-full": "global",
    _foo: "held",
    _nomad: "global",
  });
});

test("a node's snapshot has none of them", () => {
  const instance = {
    id: "ray-1",
    service: "ray",
    address: "10.0.0.7",
    port: 1,
    tags: ["dd-observe"],
    meta: {},
  };
  const snapshot = openResolver().ofNode({
    node: { name: "node-1", address: "10.0.0.7" },
    instances: new Map([["ray", [instance]]]),
    documents: documents({ "_monitors/disk-full": DISK, _foo: "" }),
  });

  expect(states(snapshot)).toEqual({ ray: "accepted" });
});

test("a service that somebody registers under a reserved name takes nothing over", () => {
  const catalog = new Map<string, readonly string[]>([
    ["_monitors/disk-full", ["dd-observe", "dd-observe.paused=true"]],
    ["_defaults", ["dd-observe"]],
  ]);

  const snapshot = openResolver().ofCluster({
    catalog,
    documents: documents({ "_monitors/disk-full": DISK, _defaults: "env: prod\n" }),
  });

  expect(snapshot.services.get("_monitors/disk-full")).toMatchObject({
    state: "global",
    wish: { env: "prod", paused: false },
  });
  expect(snapshot.services.get("_defaults")).toMatchObject({ problems: [{ reason: "InvalidName" }] });
});

test("what didn't change keeps its identity, and another _defaults makes all of them anew", () => {
  const resolver = openResolver();
  const catalog = new Map<string, readonly string[]>();
  const before: Map<string, DocumentText & RawDocument> = documents({
    "_monitors/a": DISK,
    "_monitors/b": DISK,
    _x: "",
  });
  const first = resolver.ofCluster({ catalog, documents: before });

  const changed = new Map(before).set("_monitors/b", { name: "_monitors/b", text: "type: 1", generation: 9 });
  const second = resolver.ofCluster({ catalog, documents: changed });
  const inherited = new Map(changed).set("_defaults", {
    name: "_defaults",
    text: "env: prod",
    generation: 10,
  });
  const third = resolver.ofCluster({ catalog, documents: inherited });

  expect(second.services.get("_monitors/a")).toBe(first.services.get("_monitors/a"));
  expect(second.services.get("_x")).toBe(first.services.get("_x"));
  expect(second.services.get("_monitors/b")).toMatchObject({ state: "held", generation: 9 });
  expect(third.services.get("_monitors/a")).toMatchObject({ wish: { env: "prod" } });
});

test("more monitors than the policy allows wait, those that come last by name, until there is room", () => {
  const resolver = openResolver({ maxMonitors: 2 });
  const catalog = new Map<string, readonly string[]>();
  const all = documents({ "_monitors/c": DISK, "_monitors/a": DISK, "_monitors/b": DISK, _foo: "" });

  const full = resolver.ofCluster({ catalog, documents: all });
  const fewer = new Map(all);
  fewer.delete("_monitors/a");
  const roomy = resolver.ofCluster({ catalog, documents: fewer });

  expect(states(full)).toMatchObject({
    "_monitors/a": "global",
    "_monitors/b": "global",
    "_monitors/c": "held",
  });
  expect(full.services.get("_monitors/c")).toMatchObject({ problems: [{ reason: "NotAllowed" }] });
  expect(states(roomy)).toMatchObject({ "_monitors/b": "global", "_monitors/c": "global" });
});

test("a name that means nothing is logged once, by the role that says what is accepted", () => {
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  const options = { board: new Board("controller"), tellsAccepted: true, settings: { log } };
  const resolver = openResolver();
  const state = { catalog: new Map<string, readonly string[]>(), documents: documents({ _monitor: DISK }) };

  const first = resolver.ofCluster(state);
  tell(options, first, []);
  tell(options, resolver.ofCluster(state), [], first.services);

  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      owner: "_monitor",
      reason: "UnknownName",
      error: "_monitor is no name that means anything; did you mean _monitors/<name>?",
      msg: "wish not accepted",
    },
  ]);
  expect(options.board.get("_monitor")?.conditions).toMatchObject([
    { type: "Accepted", status: "False", reason: "InvalidWish" },
  ]);
});
