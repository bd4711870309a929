import { expect, test } from "vitest";

import { createConsul, type TxnOp } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { connectNomad } from "../../clients/nomad-connection.ts";
import { nomadJobs } from "../../clients/nomad-jobs.ts";
import { nomadVariables } from "../../clients/nomad-variables.ts";
import { variableKey } from "../../controllers/nomad-variables/compile.ts";
import { NomadVariablesTarget } from "../../controllers/nomad-variables/target.ts";
import type { EnvironmentBody } from "../../controllers/workload-env/compile.ts";
import { Workloads } from "../../controllers/workload-env/workloads.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { startNomadJobWorld, takingVariable, type NomadJobWorld } from "../builders/nomad-job-world.ts";
import { bringInLine, desired, signal, testTargetContract } from "../target-contract.ts";

function wish(service: string, body: EnvironmentBody): DesiredObject<EnvironmentBody> {
  const drift = { rule: "correct", fields: {} } as const;
  return { key: variableKey(service), owner: service, body, drift, retain: false };
}

interface TargetOptions {
  readonly clusterId?: string;
  readonly mustHold?: () => void;
  /** Called before each write to Consul. */
  readonly beforeStore?: () => void;
}

function targetIn({ consul: fake, nomad }: NomadJobWorld, options: TargetOptions = {}): NomadVariablesTarget {
  const consul = createConsul({ address: fake.url });
  const connection = connectNomad({ address: nomad.url });
  const store = async (ops: readonly TxnOp[], inner: AbortSignal): Promise<void> => {
    options.beforeStore?.();
    const result = await consul.txn(ops, inner);
    if (result.ok) return;
    const what = result.errors[0]?.what ?? "";
    throw new ApiError(`write ${ops.length} keys`, what, { failure: "conflict", status: 409 });
  };
  return new NomadVariablesTarget({
    consul,
    statePrefix: "dd-observe",
    store,
    clusterId: options.clusterId ?? "dc1",
    variables: nomadVariables(connection),
    workloads: new Workloads({ consul, jobs: nomadJobs(connection) }),
    mandate: { signal: new AbortController().signal, mustHold: options.mustHold ?? (() => undefined) },
  });
}

/** A job for each service, by its name. */
async function worldOf(...services: readonly string[]) {
  const world = await startNomadJobWorld();
  for (const service of services) {
    world.runJob(service, service);
    world.startAllocation(service, service);
  }
  return { ...world, items: (job: string) => world.nomad.state.variables.items(`nomad/jobs/${job}`) };
}

function records({ consul }: NomadJobWorld): readonly string[] {
  return [...consul.state.keys.keys()].filter((key) => key.includes("/.in-nomad/"));
}

testTargetContract("environments in Nomad Variables", async () => {
  const world = await worldOf("a", "b", "c");
  return {
    target: targetIn(world),
    wish: (name, variant) =>
      wish(name, { DD_SERVICE: name, DD_ENV: `env-${variant}`, [`V_${variant}`]: "1" }),
    writes: () => world.nomad.requests.filter((line) => line.startsWith("PUT /v1/var/")).length,
    count: () => world.nomad.state.variables.count,
    stop: async () => await Promise.resolve(),
  };
});

test("what others have in the Variable stays, also when the wish goes", async () => {
  const world = await worldOf("support");
  const target = targetIn(world);
  world.nomad.state.putVariable("nomad/jobs/support", { LANGFUSE_SECRET_KEY: "x" });

  await bringInLine(target, desired([wish("support", { A: "1", B: "1" })]));
  await bringInLine(target, desired([wish("support", { A: "2" })]));
  const during = world.items("support");
  await bringInLine(target, desired([]));

  expect(during).toEqual({ LANGFUSE_SECRET_KEY: "x", A: "2" });
  expect(world.items("support")).toEqual({ LANGFUSE_SECRET_KEY: "x" });
  expect(records(world)).toEqual([]);
});

test("a Variable of ours alone goes as a whole", async () => {
  const world = await worldOf("support");
  const target = targetIn(world);
  await bringInLine(target, desired([wish("support", { A: "1" })]));

  await bringInLine(target, desired([]));

  expect(world.items("support")).toBeUndefined();
});

test("a name that somebody else took is not overwritten, and nothing else is written", async () => {
  const world = await worldOf("support");
  world.nomad.state.putVariable("nomad/jobs/support", { A: "theirs" });

  const create = bringInLine(targetIn(world), desired([wish("support", { A: "1", B: "1" })]));

  await expect(create).rejects.toMatchObject({
    failure: "conflict",
    message:
      'Cannot create the environment of "support" in Nomad: somebody else wrote "A" in the Nomad Variable "nomad/jobs/support"',
  });
  expect(world.items("support")).toEqual({ A: "theirs" });
  expect(records(world)).toEqual([]);
});

test("what changes between look and write is read and merged again", async () => {
  const world = await worldOf("support");
  let times = 0;
  world.nomad.state.variables.beforeWrite = () => {
    if (times++ < 2) world.nomad.state.putVariable("nomad/jobs/support", { THEIRS: String(times) });
  };

  await bringInLine(targetIn(world), desired([wish("support", { A: "1" })]));

  expect(world.items("support")).toEqual({ THEIRS: "2", A: "1" });
});

test("somebody who always is a moment earlier keeps it from being written, not for ever", async () => {
  const world = await worldOf("support");
  let times = 0;
  world.nomad.state.variables.beforeWrite = () =>
    world.nomad.state.putVariable("nomad/jobs/support", { THEIRS: String(times++) });

  const create = bringInLine(targetIn(world), desired([wish("support", { A: "1" })]));

  await expect(create).rejects.toMatchObject({ failure: "notFound", status: 409 });
  expect(times).toBe(5);
});

test("two services of one job share what they wish alike, and only the first has what they don't", async () => {
  const world = await worldOf("shop");
  const target = targetIn(world);
  for (const service of ["api", "web"]) world.startAllocation("shop", service);
  const [api, web] = [
    { DD_ENV: "prod", A: "1" },
    { DD_ENV: "prod", W: "1" },
  ];

  await bringInLine(target, desired([wish("api", api), wish("web", web)]));
  const both = world.items("shop");
  const other = bringInLine(target, desired([wish("api", api), wish("web", { ...web, A: "2" })]));
  await expect(other).rejects.toMatchObject({
    failure: "conflict",
    message: expect.stringContaining(
      '"A" in the Nomad Variable "nomad/jobs/shop" is that of the service "api"',
    ) as string,
  });
  await bringInLine(target, desired([wish("web", web)]));
  const one = world.items("shop");
  await bringInLine(target, desired([]));

  expect(both).toEqual({ DD_ENV: "prod", A: "1", W: "1" });
  expect(one).toEqual(web);
  expect(world.items("shop")).toBeUndefined();
});

test("a hand edit is set right", async () => {
  const world = await worldOf("support");
  const target = targetIn(world);
  const wished = desired([wish("support", { A: "1", B: "1" })]);
  await bringInLine(target, wished);
  world.nomad.state.putVariable("nomad/jobs/support", { A: "mine", THEIRS: "x" });

  const plan = await bringInLine(target, wished);

  expect(plan.actions).toMatchObject([{ type: "update", changes: [{ path: "A" }, { path: "B" }] }]);
  expect(world.items("support")).toEqual({ A: "1", B: "1", THEIRS: "x" });
});

test("each namespace has its own Variable", async () => {
  const world = await worldOf();
  for (const namespace of ["default", "prod"]) {
    world.runJob("support", "support", {}, namespace);
    world.startAllocation("support", "support", { namespace });
  }

  await bringInLine(targetIn(world), desired([wish("support", { A: "1" })]));

  const { variables } = world.nomad.state;
  expect(variables.items("nomad/jobs/support", "default")).toEqual({ A: "1" });
  expect(variables.items("nomad/jobs/support", "prod")).toEqual({ A: "1" });
});

test("a service that moved to another job has it there, and no more where its job is gone", async () => {
  const world = await worldOf();
  const target = targetIn(world);
  world.runJob("old", "support");
  const before = world.startAllocation("old", "support");
  const wished = desired([wish("support", { A: "1" })]);
  await bringInLine(target, wished);

  world.runJob("new", "support");
  world.startAllocation("new", "support");
  await bringInLine(target, wished);
  const both = [world.items("old"), world.items("new")];
  world.endAllocation(before);
  world.nomad.state.jobs.stop("old");
  await bringInLine(target, wished);

  expect(both).toEqual([{ A: "1" }, { A: "1" }]);
  expect([world.items("old"), world.items("new")]).toEqual([undefined, { A: "1" }]);
  expect((await bringInLine(target, wished)).actions).toEqual([]);
});

test("while it runs nowhere, what stands stays where it is", async () => {
  const world = await worldOf();
  const target = targetIn(world);
  world.runJob("shop", "support");
  const allocation = world.startAllocation("shop", "support");
  await bringInLine(target, desired([wish("support", { A: "1" })]));
  world.endAllocation(allocation);

  await bringInLine(target, desired([wish("support", { A: "2" })]));

  expect(world.items("shop")).toEqual({ A: "2" });
});

test("before its first instance the job of the service's own name has it; without one it waits", async () => {
  const world = await worldOf();
  world.runJob("support", "support");
  const target = targetIn(world);

  await bringInLine(target, desired([wish("support", { A: "1" })]));
  const nobody = bringInLine(target, desired([wish("support", { A: "1" }), wish("other", { A: "1" })]));

  expect(world.items("support")).toEqual({ A: "1" });
  await expect(nobody).rejects.toMatchObject({ failure: "notFound", reason: "NoJob" });
});

test("tasks of a dispatched job read the Variable of its parent", async () => {
  const world = await worldOf();
  const groups = [{ name: "api", services: ["support"], tasks: [{ name: "web" }] }];
  world.nomad.state.runJob({ id: "support/dispatch-1", parentId: "support", groups });
  world.startAllocation("support/dispatch-1", "support");

  await bringInLine(targetIn(world), desired([wish("support", { A: "1" })]));

  expect(world.items("support")).toEqual({ A: "1" });
});

test("what doesn't fit is refused before anything is written", async () => {
  const world = await worldOf("support");
  world.nomad.state.putVariable("nomad/jobs/support", { BIG: "x".repeat(65_000) });

  const create = bringInLine(targetIn(world), desired([wish("support", { A: "x".repeat(600) })]));

  await expect(create).rejects.toMatchObject({
    failure: "rejected",
    message:
      'Cannot create the environment of "support" in Nomad: the Nomad Variable "nomad/jobs/support" would have 65604 bytes, 601 of them ours; Nomad takes 65536',
  });
  expect(world.calls("PUT /v1/var/nomad/jobs/support")).toBe(0);
});

test("a job whose name is no path of a Variable is told of", async () => {
  const world = await worldOf();
  world.runJob("support.eu", "support");
  world.startAllocation("support.eu", "support");

  const create = bringInLine(targetIn(world), desired([wish("support", { A: "1" })]));

  await expect(create).rejects.toMatchObject({ failure: "rejected" });
});

test("a process that died between note and write leaves nothing behind, and takes nothing of others", async () => {
  const world = await worldOf("support");
  world.nomad.faults.variables = new Set(["read"]);
  await expect(
    bringInLine(targetIn(world), desired([wish("support", { A: "1", B: "1" })])),
  ).rejects.toMatchObject({ failure: "unauthorized" });
  expect(records(world)).toHaveLength(1);
  world.nomad.state.putVariable("nomad/jobs/support", { A: "1", B: "theirs" });
  world.nomad.faults.variables = new Set(["read", "write", "destroy"]);

  await bringInLine(targetIn(world), desired([]));

  expect(world.items("support")).toEqual({ B: "theirs" });
  expect(records(world)).toEqual([]);
});

test("another operator's part is neither seen nor touched", async () => {
  const world = await worldOf("support");
  await bringInLine(targetIn(world, { clusterId: "dc2" }), desired([wish("support", { A: "1" })]));
  const target = targetIn(world);

  expect(await target.observe(signal())).toEqual([]);
  await expect(bringInLine(target, desired([wish("support", { A: "2" })]))).rejects.toMatchObject({
    failure: "conflict",
    message: expect.stringContaining("that of the operator dc2") as string,
  });
  expect(world.items("support")).toEqual({ A: "1" });
});

test("whoever may not lead any more writes nothing to Nomad", async () => {
  const world = await worldOf("support");
  const target = targetIn(world, {
    mustHold: () => {
      throw new ApiError("go on as the leader", "another process holds the lock", { failure: "conflict" });
    },
  });

  await expect(bringInLine(target, desired([wish("support", { A: "1" })]))).rejects.toThrow("holds the lock");
  expect(world.items("support")).toBeUndefined();
});

test("a resync reads again only what changed", async () => {
  const world = await worldOf("a", "b");
  const target = targetIn(world);
  const wished = desired([wish("a", { A: "1" }), wish("b", { A: "1" })]);
  await bringInLine(target, wished);
  await target.observe(signal());
  world.nomad.state.putVariable("nomad/jobs/b", { A: "1", THEIRS: "x" });
  const before = [world.calls("GET /v1/var/nomad/jobs/a"), world.calls("GET /v1/var/nomad/jobs/b")];

  await target.observe(signal());

  expect([world.calls("GET /v1/var/nomad/jobs/a"), world.calls("GET /v1/var/nomad/jobs/b")]).toEqual([
    before[0],
    before[1]! + 1,
  ]);
});

const WISH = "team: ml\nenv: prod\ninstrumentation: {profile: ddtrace, nomadVariable: true}\n";
const PATIENCE = { timeout: 15_000 };

test("the operator writes it where it is wished, says so, and takes it back when the wish ends", async () => {
  const world = await worldOf();
  world.runJob("support", "support", { templates: [{ text: takingVariable("support"), env: true }] });
  world.startAllocation("support", "support");
  world.consul.put("observability/support", WISH);
  world.consul.put("observability/plain", "instrumentation: {profile: ddtrace}\n");

  await world.startOperator();

  await expect
    .poll(() => world.condition("support", "VariableWritten"), PATIENCE)
    .toMatchObject({ status: "True", reason: "Synced", message: "1 Nomad Variable as wished" });
  await expect.poll(() => world.condition("support")?.reason, PATIENCE).toBe("Taken");
  expect(world.items("support")).toMatchObject({ DD_SERVICE: "support", DD_ENV: "prod" });
  expect(world.condition("plain", "VariableWritten")).toBeUndefined();
  world.consul.put("observability/support", WISH.replace(", nomadVariable: true", ""));
  await expect.poll(() => world.items("support"), PATIENCE).toBeUndefined();
  await expect.poll(() => world.condition("support")?.reason, PATIENCE).toBe("JobDoesNotTake");
});

test.for([
  ["1.3.9", {}, "NoVariables"],
  ["2.0.6-dev", { DD_OBSERVE_NOMAD_JOBS: "off" }, "Rejected"],
] as const)("Nomad %s with %j: %s", async ([version, env, reason]) => {
  const world = await startNomadJobWorld(version);
  world.runJob("support", "support");
  world.startAllocation("support", "support");
  world.consul.put("observability/support", WISH);

  await world.startOperator(env);

  await expect
    .poll(() => world.condition("support", "VariableWritten"), PATIENCE)
    .toMatchObject({ status: "False", reason });
});
