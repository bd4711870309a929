import { expect, onTestFinished, test } from "vitest";

import { startFakeNomad, type FakeNomad, type FakeNomadOptions } from "../test/fakes/nomad.ts";
import { connectNomad } from "./nomad-connection.ts";
import { nomadJobs } from "./nomad-jobs.ts";
import { nomadVariables, sizeOfItems } from "./nomad-variables.ts";

const ALLOCATION = "95947360-6700-85bf-3a9d-d206f21696bf";

async function start(options: FakeNomadOptions = {}) {
  const fake = await startFakeNomad({ version: "2.0.6-dev", ...options });
  onTestFinished(() => fake.stop());
  const connection = connectNomad({ address: fake.url });
  return { fake, jobs: nomadJobs(connection), variables: nomadVariables(connection) };
}

function runSupport({ state }: FakeNomad, text = "A=1"): number {
  return state.runJob({
    id: "support",
    groups: [
      {
        name: "api",
        services: ["support"],
        tasks: [{ name: "web", env: { A: "1" }, templates: [{ text, env: true, changeMode: "noop" }] }],
      },
    ],
  });
}

test("reads a job's newest version with its tasks, their environment and templates", async () => {
  const { fake, jobs } = await start();
  runSupport(fake);
  runSupport(fake, "A=2");

  const job = await jobs.job("support", undefined);

  expect(job).toMatchObject({ id: "support", namespace: "default", version: 1, isStopped: false });
  expect(job?.groups[0]).toMatchObject({
    name: "api",
    services: ["support"],
    tasks: [
      {
        name: "web",
        hook: undefined,
        env: { A: "1" },
        templates: [{ text: "A=2", isEnvironment: true, changeMode: "noop", delimiters: ["{{", "}}"] }],
      },
    ],
  });
  expect((await jobs.versions("support", "default")).map(({ version }) => version)).toEqual([1, 0]);
});

test("an allocation says which version it runs, and since when its tasks do", async () => {
  const { fake, jobs } = await start();
  runSupport(fake);
  const startedAt = "2026-11-26T10:00:00.123456789Z";
  fake.state.addAllocation({ id: ALLOCATION, jobId: "support", group: "api", taskNames: ["web"], startedAt });
  runSupport(fake);

  const [allocation] = await jobs.allocations("support", "default");

  expect(allocation).toMatchObject({ id: ALLOCATION, group: "api", jobVersion: 0, clientStatus: "running" });
  expect(allocation?.startedMs).toEqual(new Map([["web", Date.parse("2026-11-26T10:00:00.123Z")]]));
  expect(await jobs.jobOfAllocation(ALLOCATION)).toEqual({
    job: "support",
    namespace: "default",
    group: "api",
  });
});

test("a job that isn't there is undefined; one of a closed namespace is a refusal", async () => {
  const { fake, jobs } = await start();
  runSupport(fake);
  fake.state.addAllocation({ id: ALLOCATION, jobId: "support", taskNames: ["web"] });
  expect(await jobs.job("nobody", undefined)).toBeUndefined();

  fake.faults.readable = new Set(["other"]);

  await expect(jobs.job("support", "default")).rejects.toMatchObject({
    failure: "unauthorized",
    hint: 'Give the token of NOMAD_TOKEN a policy with namespace "default" { capabilities = ["read-job"] }.',
  });
  await expect(jobs.allocations("support", "default")).rejects.toMatchObject({ failure: "unauthorized" });
  expect(await jobs.jobOfAllocation(ALLOCATION)).toBeUndefined();
});

const PLACE = { namespace: "default", path: "nomad/jobs/support" };

test("a Variable is written only over what was seen", async () => {
  const { fake, variables } = await start();
  expect(await variables.read(PLACE)).toBeUndefined();

  expect(await variables.write(PLACE, { A: "1" }, 0)).toBe(true);
  const seen = await variables.read(PLACE);
  fake.state.putVariable(PLACE.path, { A: "1", THEIRS: "x" });

  expect(seen?.items).toEqual({ A: "1" });
  expect(await variables.write(PLACE, { A: "2" }, seen!.modifyIndex)).toBe(false);
  expect(await variables.remove(PLACE, seen!.modifyIndex)).toBe(false);
  expect(fake.state.variables.items(PLACE.path)).toEqual({ A: "1", THEIRS: "x" });
  expect(await variables.remove(PLACE, (await variables.read(PLACE))!.modifyIndex)).toBe(true);
  expect(fake.state.variables.items(PLACE.path)).toBeUndefined();
});

test("a refusal names the path and the right, and no value", async () => {
  const { fake, variables } = await start();
  fake.faults.variables = new Set(["read"]);

  const refused = variables.write(PLACE, { A: "hidden" }, 0);

  await expect(refused).rejects.toMatchObject({
    failure: "unauthorized",
    message: 'Cannot write the Nomad Variable "nomad/jobs/support": 403 Permission denied',
    hint: 'Give the token of NOMAD_TOKEN a policy with namespace "default" { variables { path "nomad/jobs/support" { capabilities = ["write"] } } }.',
  });
});

test("a Nomad without Variables is no Nomad without this Variable", async () => {
  const { variables } = await start({ version: "1.3.9" });

  await expect(variables.read(PLACE)).rejects.toMatchObject({ failure: "rejected", reason: "NoVariables" });
  await expect(variables.write(PLACE, { A: "1" }, 0)).rejects.toMatchObject({ reason: "NoVariables" });
});

test("what only looks sends no write", async () => {
  const { fake } = await start();
  const readOnly = nomadVariables(connectNomad({ address: fake.url }), true);

  await expect(readOnly.write(PLACE, { A: "1" }, 0)).rejects.toThrow("this command only reads");
  expect(fake.requests).toEqual([]);
});

test("the size of a Variable is that of names and values in bytes", () => {
  expect(sizeOfItems({ AB: "é", C: "" })).toBe(5);
});
