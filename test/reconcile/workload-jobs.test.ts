import { expect, test } from "vitest";

import { takingTemplate, startNomadJobWorld } from "../builders/nomad-job-world.ts";

const WISH = "team: ml\nenv: prod\ninstrumentation: {profile: ddtrace}\n";
const TAKES = { templates: [{ text: takingTemplate("support"), env: true, changeMode: "noop" }] };
const PATIENCE = { timeout: 15_000 };

async function world(version?: string) {
  const made = await startNomadJobWorld(version);
  made.consul.put("observability/support", WISH);
  return made;
}

test("a job that takes the environment is told of as such, and what it sets itself is named", async () => {
  const { runJob, startAllocation, startOperator, condition } = await world();
  runJob("shop", "support", { ...TAKES, env: { DD_ENV: "staging" } });
  startAllocation("shop", "support");
  startAllocation("shop", "support");

  await startOperator();

  await expect
    .poll(() => condition("support"), PATIENCE)
    .toMatchObject({
      status: "True",
      reason: "JobOverrides",
      message: 'the job "shop" takes it, and sets variable DD_ENV itself, which wins',
    });
});

test("a job that doesn't is told of with what to paste, and the next pass leaves that", async () => {
  const { runJob, startAllocation, startOperator, condition, consul } = await world();
  runJob("support", "support");
  startAllocation("support", "support");

  await startOperator();
  await expect.poll(() => condition("support")?.reason, PATIENCE).toBe("JobDoesNotTake");
  consul.put("observability/support", WISH.replace("prod", "staging"));
  await expect
    .poll(() => consul.state.keys.get("dd-observe/env/support/DD_ENV")?.Value, PATIENCE)
    .toBe(Buffer.from("staging").toString("base64"));

  expect(condition("support")).toMatchObject({
    status: "False",
    reason: "JobDoesNotTake",
    message: expect.stringContaining('"dd-observe env support -o nomad" prints what to paste') as string,
  });
});

test("tasks that started before the last change take it at the next deployment", async () => {
  const { runJob, startAllocation, startOperator, condition } = await world();
  runJob("support", "support", TAKES);
  startAllocation("support", "support", { startedAt: "2020-01-01T00:00:00Z" });

  await startOperator();

  await expect
    .poll(() => condition("support"), PATIENCE)
    .toMatchObject({
      status: "True",
      reason: "TakenAtNextDeploy",
      message: expect.stringContaining("1 of 1 allocation of the job") as string,
    });
});

test("whoever may not read the job's namespace is told the right, not that there is no job", async () => {
  const { runJob, startAllocation, startOperator, condition, nomad } = await world();
  runJob("support", "support", TAKES);
  startAllocation("support", "support");
  nomad.faults.acl = "deny";

  await startOperator();

  await expect
    .poll(() => condition("support"), PATIENCE)
    .toMatchObject({
      status: "Unknown",
      reason: "NotLooked",
      message: expect.stringContaining('{ capabilities = ["read-job"] }') as string,
    });
});

test("an allocation that Nomad doesn't show is no service without a job", async () => {
  const { runJob, startAllocation, startOperator, condition, nomad } = await world();
  runJob("support", "support", TAKES, "prod");
  startAllocation("support", "support", { namespace: "prod" });
  nomad.faults.readable = new Set(["default"]);

  await startOperator();

  await expect
    .poll(() => condition("support"), PATIENCE)
    .toMatchObject({ reason: "NotLooked", message: expect.stringContaining("doesn't show us") as string });
});

test("without Nomad it is published, and not known more; without instances of Nomad it isn't asked", async () => {
  const { runJob, startAllocation, startOperator, condition, nomad, consul } = await world();
  consul.put("observability/plain", WISH);
  consul.state.registerService(consul.state.nodeName, { Service: "plain", Tags: ["dd-observe"], Port: 80 });
  runJob("support", "support", TAKES);
  startAllocation("support", "support");
  await nomad.stop();

  await startOperator();

  await expect
    .poll(() => condition("support"), PATIENCE)
    .toMatchObject({ status: "Unknown", reason: "NotLooked" });
  expect(condition("plain")).toMatchObject({ status: "True", reason: "Synced" });
});

test("switched off, nothing is asked of Nomad", async () => {
  const { runJob, startAllocation, startOperator, condition, nomad } = await world();
  runJob("support", "support");
  startAllocation("support", "support");

  await startOperator({ DD_OBSERVE_NOMAD_JOBS: "off" });

  await expect.poll(() => condition("support")?.reason, PATIENCE).toBe("Synced");
  expect(nomad.requests).toEqual([]);
});

test("services of one job cost one read of it, and what was seen holds for a while", async () => {
  const { runJob, startAllocation, startOperator, condition, consul, calls } = await world();
  const services = Array.from({ length: 20 }, (_, at) => `service-${at}`);
  runJob("shop", "support", TAKES);
  for (const service of services) {
    consul.put(`observability/${service}`, WISH);
    startAllocation("shop", service);
  }

  await startOperator();
  await expect
    .poll(() => services.every((service) => condition(service)?.reason === "JobDoesNotTake"), PATIENCE)
    .toBe(true);

  expect(calls("GET /v1/job/shop/allocations")).toBeLessThanOrEqual(2);
  expect(calls("GET /v1/job/shop")).toBeLessThanOrEqual(2);
});

test("of many instances of one job the list tells, not each allocation", async () => {
  const { runJob, startAllocation, startOperator, condition, nomad } = await world();
  runJob("support", "support", TAKES);
  for (let count = 0; count < 30; count++) startAllocation("support", "support");

  await startOperator();

  await expect
    .poll(() => condition("support"), PATIENCE)
    .toMatchObject({ reason: "Taken", message: '30 allocations of the job "support" take it' });
  expect(nomad.requests.filter((line) => line.startsWith("GET /v1/allocation/"))).toHaveLength(1);
});

test("services that Nomad registers itself are found there", async () => {
  const { nomad, runJob, startOperator, condition } = await world();
  runJob("support", "support", TAKES);
  const id = "00000000-0000-4000-8000-00000000000a";
  nomad.state.addAllocation({
    id,
    jobId: "support",
    group: "api",
    taskNames: ["web"],
    startedAt: "2100-01-01T00:00:00Z",
  });
  nomad.state.services.register(nomad.state, {
    name: "support",
    allocation: id,
    port: 80,
    tags: ["dd-observe"],
  });

  await startOperator({ DD_OBSERVE_NOMAD_SERVICES: "on" });

  await expect.poll(() => condition("support")?.reason, PATIENCE).toBe("Taken");
});

test("before its first instance the job of the service's own name tells", async () => {
  const { runJob, startOperator, condition } = await world();
  runJob("support", "support");

  await startOperator();

  await expect.poll(() => condition("support")?.reason, PATIENCE).toBe("JobDoesNotTake");
});
