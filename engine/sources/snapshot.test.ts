import { expect, test } from "vitest";

import { exampleGround } from "../../test/builders/packs.ts";
import { Resolver } from "./snapshot.ts";
import type { ClusterState, RawDocument, RawInstance } from "./sources.ts";

const { packs, policy, tagName } = exampleGround();

function resolver(): Resolver {
  return new Resolver({ packs, policy, tagName });
}

const tagged: readonly string[] = ["dd-observe"];
const bare: readonly string[] = [];

function documents(texts: Readonly<Record<string, string>>): ReadonlyMap<string, RawDocument> {
  return new Map(Object.entries(texts).map(([name, text]) => [name, { name, text, generation: 7 }]));
}

function cluster(
  tags: Readonly<Record<string, readonly string[]>>,
  texts: Readonly<Record<string, string>> = {},
): ClusterState {
  return { catalog: new Map(Object.entries(tags)), documents: documents(texts) };
}

function instance(id: string, tags: readonly string[]): RawInstance {
  return { id, service: "ray", address: "10.0.0.5", port: 8080, tags, meta: {} };
}

test("services are those with the tag or a document, whether they run or not", () => {
  const { services } = resolver().ofCluster(cluster({ ray: tagged, consul: bare }, { chat: "team: ml" }));

  expect([...services.keys()]).toEqual(["ray", "chat"]);
});

test("what didn't change keeps its identity", () => {
  const one = resolver();
  const state = cluster({ ray: tagged, chat: tagged }, { ray: "team: ml", chat: "team: ml" });
  const before = one.ofCluster(state);

  const after = one.ofCluster({
    ...state,
    documents: new Map([...state.documents, ["chat", { name: "chat", text: "team: ops", generation: 8 }]]),
  });

  expect(after.services.get("ray")).toBe(before.services.get("ray"));
  expect(after.services.get("chat")).not.toBe(before.services.get("chat"));
  expect(after.services.get("chat")).toMatchObject({ generation: 8, wish: { team: "ops" } });
});

test("other defaults change every service, the same ones under another number none", () => {
  const one = resolver();
  const state = cluster({ ray: tagged, chat: tagged }, { _defaults: "team: ml" });
  const before = one.ofCluster(state);

  const same = one.ofCluster({ ...state, documents: documents({ _defaults: "team: ml" }) });
  const other = one.ofCluster({ ...state, documents: documents({ _defaults: "team: ops" }) });

  expect([...same.services.values()]).toEqual([...before.services.values()]);
  expect([...same.services].every(([service, found]) => before.services.get(service) === found)).toBe(true);
  expect([...other.services.values()]).toMatchObject([{ wish: { team: "ops" } }, { wish: { team: "ops" } }]);
});

test("a service that goes is gone, and one that comes back is resolved anew", () => {
  const one = resolver();
  one.ofCluster(cluster({ ray: tagged }));

  const without = one.ofCluster(cluster({}));
  const again = one.ofCluster(cluster({ ray: tagged }));

  expect([...without.services.keys()]).toEqual([]);
  expect([...again.services.keys()]).toEqual(["ray"]);
});

test("says who is paused", () => {
  const paused = new Set(["ray"]);

  expect(resolver().ofCluster(cluster({ ray: tagged }), paused).paused).toBe(paused);
});

test("a node looks only at the services that it runs", () => {
  const snapshot = resolver().ofNode({
    node: { name: "node-1", address: "10.0.0.5" },
    instances: new Map([["ray", [instance("ray-1", tagged)]]]),
    documents: documents({ ray: "team: ml", chat: "team: ml", _defaults: "env: prod" }),
  });

  expect([...snapshot.services.keys()]).toEqual(["ray"]);
  expect(snapshot.services.get("ray")).toMatchObject({ wish: { team: "ml", env: "prod" } });
  expect(snapshot.node.name).toBe("node-1");
});

test("a node joins the tags of several instances, and keeps what didn't change", () => {
  const one = resolver();
  const state = {
    node: { name: "node-1", address: "10.0.0.5" },
    instances: new Map([
      ["ray", [instance("ray-1", ["dd-observe"]), instance("ray-2", ["dd-observe.team=ml"])]],
    ]),
    documents: documents({}),
  };

  const before = one.ofNode(state);
  const after = one.ofNode({ ...state, documents: documents({ chat: "" }) });

  expect(before.services.get("ray")).toMatchObject({ wish: { team: "ml" } });
  expect(after.services.get("ray")).toBe(before.services.get("ray"));
});
