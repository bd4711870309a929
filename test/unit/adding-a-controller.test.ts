import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { compileDirectory } from "../../docs/examples/directory/compile.ts";
import { directoryTarget } from "../../docs/examples/directory/target.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { Resolver } from "../../engine/sources/snapshot.ts";
import { PACKS } from "../builders/observed.ts";
import { startFakeConsul } from "../fakes/consul.ts";
import { signal, testTargetContract } from "../target-contract.ts";

const WRITES = /^(PUT|DELETE) \/v1\/kv/;

async function startWorld() {
  const fake = await startFakeConsul();
  fake.put("directory/.keep", "");
  const target = directoryTarget(createConsul({ address: fake.url }), "dc1");
  return { fake, target };
}

testTargetContract("the example of docs/adding-a-controller.md", async () => {
  const { fake, target } = await startWorld();
  return {
    target,
    wish: (name, variant) => ({
      key: `${name}/entry`,
      owner: name,
      body: { team: `team-${variant}`, env: "prod" },
      drift: { rule: "correct", fields: {} },
      retain: false,
    }),
    writes: () => fake.requests.filter(({ line }) => WRITES.test(line)).length,
    count: () => fake.state.keys.size,
    stop: async () => await fake[Symbol.asyncDispose](),
  };
});

test("the example makes an entry of each service that has a team", () => {
  const resolver = new Resolver({ packs: PACKS, policy: STRICT_POLICY, tagName: "dd-observe" });
  const snapshot = resolver.ofCluster({
    catalog: new Map([
      ["web", ["dd-observe", "dd-observe.team=shop"]],
      ["db", ["dd-observe"]],
    ]),
    documents: new Map(),
  });

  const { objects, problems } = compileDirectory()(snapshot);

  expect([...objects.values()].map(({ key, body }) => [key, body])).toEqual([
    ["web/entry", { team: "shop", env: "unknown" }],
  ]);
  expect(problems).toEqual([]);
});

test("the example leaves alone what somebody else wrote", async () => {
  const { fake, target } = await startWorld();
  fake.put("directory/web", "mine");
  const desired = {
    key: "web/entry",
    owner: "web",
    body: { team: "shop", env: "prod" },
    drift: { rule: "correct", fields: {} },
    retain: false,
  } as const;

  await expect(target.apply({ type: "create", desired }, signal())).rejects.toMatchObject({
    failure: "conflict",
  });
  await fake[Symbol.asyncDispose]();
});

test("docs/adding-a-controller.md shows the example as it stands", () => {
  const page = readFileSync(new URL("../../docs/adding-a-controller.md", import.meta.url), "utf8");
  const folder = new URL("../../docs/examples/directory/", import.meta.url);

  const shown = [...page.matchAll(/```ts\n\/\/ docs\/examples\/directory\/(\S+)\n(.*?)```/gs)].map(
    ([, name, text]) => [name, text],
  );

  expect(new Map(shown as [string, string][])).toEqual(
    new Map(readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), "utf8")])),
  );
});
