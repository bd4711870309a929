import { expect, onTestFinished, test } from "vitest";

import { readConfig } from "../../cmd/config.ts";
import { startOperator } from "../../cmd/run.ts";
import { environmentKey, type EnvironmentBody } from "../../controllers/workload-env/compile.ts";
import { envTarget } from "../../controllers/workload-env/target.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { SILENT } from "../builders/engine-world.ts";
import { publishedIn, startEnvWorld } from "../builders/env-world.ts";
import { startFakeConsul } from "../fakes/consul.ts";
import { bringInLine, desired, signal, testTargetContract } from "../target-contract.ts";

function wish(service: string, body: EnvironmentBody): DesiredObject<EnvironmentBody> {
  const drift = { rule: "correct", fields: {} } as const;
  return { key: environmentKey(service), owner: service, body, drift, retain: false };
}

testTargetContract("environments of workloads", async () => {
  const { fake, target } = await startEnvWorld();
  return {
    target,
    wish: (name, variant) =>
      wish(name, { DD_SERVICE: name, DD_ENV: `env-${variant}`, [`V_${variant}`]: "1" }),
    writes: () => fake.requests.filter(({ line }) => line.startsWith("PUT /v1/txn")).length,
    count: () => [...fake.state.keys.keys()].filter((key) => key.includes("/.owned/")).length,
    stop: async () => await fake[Symbol.asyncDispose](),
  };
});

async function world() {
  const made = await startEnvWorld();
  onTestFinished(async () => await made.fake[Symbol.asyncDispose]());
  return made;
}

test("what a template reads are the variables, and nothing else", async () => {
  const { fake, target } = await world();

  await bringInLine(target, desired([wish("support", { DD_SERVICE: "support", DD_TAGS: 'team:ml,a:"b\\' })]));

  expect(publishedIn(fake, "support")).toEqual({ DD_SERVICE: "support", DD_TAGS: 'team:ml,a:"b\\' });
});

test("all variables of a service change in one transaction", async () => {
  const { fake, target } = await world();
  await bringInLine(target, desired([wish("support", { A: "1", B: "1", GONE: "1" })]));
  const before = fake.requests.length;

  await bringInLine(target, desired([wish("support", { A: "2", B: "1", C: "2" })]));

  const writes = fake.requests.slice(before).filter(({ line }) => !line.startsWith("GET"));
  expect(publishedIn(fake, "support")).toEqual({ A: "2", B: "1", C: "2" });
  expect(writes.map(({ line }) => line)).toEqual(["PUT /v1/txn"]);
});

test("nearly everything may change at once: then a reader sees none for a moment, never a part of each", async () => {
  const { fake, target } = await world();
  const many = (letter: string): EnvironmentBody =>
    Object.fromEntries(Array.from({ length: 55 }, (_, at) => [`${letter}_${at}`, letter]));
  await bringInLine(target, desired([wish("support", many("A"))]));

  await bringInLine(target, desired([wish("support", many("B"))]));

  expect(publishedIn(fake, "support")).toEqual(many("B"));
  expect((await target.observe(signal())).map(({ body }) => body)).toEqual([many("B")]);
});

test("a variable that a person changes or deletes is set right", async () => {
  const { fake, consul, target } = await world();
  const wished = desired([wish("support", { A: "1", B: "1" })]);
  await bringInLine(target, wished);
  fake.put("dd-observe/env/support/A", "mine");
  await consul.kvDelete("dd-observe/env/support/B");

  const plan = await bringInLine(target, wished);

  expect(plan.actions).toMatchObject([{ type: "update", changes: [{ path: "A" }, { path: "B" }] }]);
  expect(publishedIn(fake, "support")).toEqual({ A: "1", B: "1" });
});

test("a variable that a person put beside ours stays, also when the wish goes", async () => {
  const { fake, target } = await world();
  await bringInLine(target, desired([wish("support", { A: "1" })]));
  fake.put("dd-observe/env/support/MINE", "1");

  await bringInLine(target, desired([wish("support", { A: "2" })]));
  const during = publishedIn(fake, "support");
  await bringInLine(target, desired([]));

  expect(during).toEqual({ A: "2", MINE: "1" });
  expect(publishedIn(fake, "support")).toEqual({ MINE: "1" });
  expect([...fake.state.keys.keys()].filter((key) => key.includes(".owned"))).toEqual([]);
});

test("a name that somebody else took is not overwritten", async () => {
  const { fake, target } = await world();
  fake.put("dd-observe/env/support/A", "theirs");

  const create = bringInLine(target, desired([wish("support", { A: "1", B: "1" })]));

  await expect(create).rejects.toMatchObject({
    failure: "conflict",
    message: `Cannot create the environment of "support": somebody else wrote "dd-observe/env/support/A"`,
  });
  expect(publishedIn(fake, "support")).toEqual({ A: "theirs" });
});

test("what another operator published is neither seen nor touched", async () => {
  const { fake, target } = await world();
  const other = await startEnvWorld({ clusterId: "dc2", fake });
  await bringInLine(other.target, desired([wish("support", { A: "1" })]));

  const seen = await target.observe(signal());
  const create = bringInLine(target, desired([wish("support", { A: "2" })]));

  expect(seen).toEqual([]);
  await expect(create).rejects.toMatchObject({
    failure: "conflict",
    message: expect.stringContaining("that of the operator dc2") as string,
  });
  expect(publishedIn(fake, "support")).toEqual({ A: "1" });
});

test("a key that changes between look and write is looked at again, not overwritten", async () => {
  const { fake, consul, store } = await world();
  const { target } = await startEnvWorld({ fake });
  await bringInLine(target, desired([wish("support", { A: "1" })]));
  const late = envTarget({
    consul,
    statePrefix: "dd-observe",
    clusterId: "dc1",
    store: async (ops, inner) => {
      fake.put("dd-observe/env/support/A", "mine");
      await store(ops, inner);
    },
  });

  const update = bringInLine(late, desired([wish("support", { A: "2" })]));

  await expect(update).rejects.toMatchObject({ failure: "notFound" });
  expect(publishedIn(fake, "support")).toEqual({ A: "mine" });
});

test("the operator publishes what wishes ask for, says so, and takes it back when they end", async () => {
  const fake = await startFakeConsul();
  onTestFinished(async () => await fake[Symbol.asyncDispose]());
  fake.put(
    "observability/support",
    "team: ml\nenv: prod\ninstrumentation: {profile: ddtrace, sampleRate: 0.1, llmobs: true}\n",
  );
  fake.put("observability/web", "");
  const config = readConfig(
    { resync: "1s", grace: "1s" },
    { CONSUL_HTTP_ADDR: fake.url, DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0", DD_OBSERVE_CLUSTER_ID: "dc1" },
  );
  const stop = new AbortController();
  const { done } = await startOperator(config, "controller", stop.signal, SILENT);
  onTestFinished(async () => {
    stop.abort();
    await done;
  });
  const condition = (service: string): unknown => {
    const row = fake.state.keys.get(`dd-observe/status/services/${service}`);
    if (row === undefined) return undefined;
    const status = JSON.parse(Buffer.from(row.Value ?? "", "base64").toString()) as {
      readonly conditions: readonly { readonly type: string; readonly reason: string }[];
    };
    return status.conditions.find(({ type }) => type === "EnvPublished") ?? "nothing said";
  };

  await expect
    .poll(() => condition("support"), { timeout: 10_000 })
    .toMatchObject({
      status: "True",
      reason: "Synced",
      message: "1 environment as wished",
    });
  const published = publishedIn(fake, "support");
  fake.put("observability/support", "instrumentation: {profile: none}");
  await expect.poll(() => publishedIn(fake, "support"), { timeout: 10_000 }).toEqual({});
  await expect
    .poll(() => condition("support"), { timeout: 10_000 })
    .toMatchObject({ reason: "NothingWanted" });

  expect(published).toMatchObject({
    DD_SERVICE: "support",
    DD_ENV: "prod",
    DD_TAGS: "cluster:dc1,team:ml",
    DD_TRACE_SAMPLING_RULES: '[{"sample_rate":0.1}]',
    DD_LLMOBS_ENABLED: "true",
  });
  expect(condition("web")).toBe("nothing said");
});
