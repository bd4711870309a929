import { afterEach, expect, onTestFinished, test } from "vitest";

import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import { publishedIn } from "../builders/env-world.ts";
import { startFakeNomad } from "../fakes/nomad.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

async function startWorld(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  return world;
}

const DOUBTFUL = 'instrumentation: {profile: ddtrace, language: node, runtimeVersion: "20"}\n';
const TOLD = /runtimeVersion is too old for dd-trace 6/;

test("validate tells what is likely not meant, with its place, and the document is valid", async () => {
  const world = await startWorld();

  const { exit, out } = await world.run("validate - --service support", { stdin: DOUBTFUL });

  expect(exit).toBe(0);
  expect(out).toMatch(/^likely not meant: support:1:\d+: instrumentation\.runtimeVersion is too old/);
  expect(out).toContain("valid: 1 document");
});

test("plan shows the variables that would be published, and what is likely not meant", async () => {
  const world = await startWorld();
  world.consul.put("observability/support", DOUBTFUL);

  const { exit, out } = await world.run("plan --role controller");
  const { out: json } = await world.run("plan --role controller -o json");

  expect(exit).toBe(2);
  expect(out).toContain("+ support/environment");
  expect(out.replaceAll(/\s+/g, " ")).toMatch(TOLD);
  expect(JSON.parse(json)).toMatchObject({
    roles: [{ warnings: [{ owner: "support", reason: "RuntimeTooOld" }] }],
  });
  expect(publishedIn(world.consul, "support")).toEqual({});
});

test("apply publishes, and the next plan finds nothing to do", async () => {
  const world = await startWorld();
  world.consul.put("observability/support", DOUBTFUL);

  const applied = await world.run("apply --role controller");
  const { exit } = await world.run("plan --role controller");

  expect(applied.exit).toBe(0);
  expect(publishedIn(world.consul, "support")).toMatchObject({ DD_SERVICE: "support" });
  expect(exit).toBe(0);
});

test("describe names the fields with their origin, and what is likely not meant", async () => {
  const world = await startWorld();
  world.register("support", ["dd-observe", "dd-observe.inject=true"], 8080);
  world.consul.put("observability/support", DOUBTFUL);

  const { out } = await world.run("describe support", { width: 200 });

  expect(out).toMatch(/instrumentation\.runtimeVersion +20 +document/);
  expect(out).toMatch(/instrumentation\.inject +true +tag dd-observe\.inject/);
  expect(out.replaceAll(/\s+/g, " ")).toMatch(TOLD);
});

test("plan, apply and describe tell of the job's Nomad Variable where that is wished", async () => {
  const world = await startWorld();
  const nomad = await startFakeNomad({ version: "2.0.6-dev" });
  onTestFinished(async () => await nomad.stop());
  const env = { NOMAD_ADDR: nomad.url };
  const groups = [{ name: "api", services: ["support"], tasks: [{ name: "web" }] }];
  nomad.state.runJob({ id: "support", groups });
  world.consul.put("observability/support", "instrumentation: {profile: ddtrace, nomadVariable: true}\n");

  const planned = await world.run("plan --role controller", { env });
  const asked = nomad.requests.length;
  const applied = await world.run("apply --role controller", { env });
  const again = await world.run("plan --role controller", { env });
  const { out: described } = await world.run("describe support", { env });

  expect(planned.out).toContain("+ support/variable");
  expect(asked).toBe(0);
  expect(applied).toMatchObject({ exit: 0, err: "" });
  expect(nomad.state.variables.items("nomad/jobs/support")).toMatchObject({ DD_SERVICE: "support" });
  expect(again.exit).toBe(0);
  expect(described).toMatch(/VariableWritten +True +Synced/);
});

test("apply names the Nomad that it can't reach, and publishes in Consul all the same", async () => {
  const world = await startWorld();
  world.consul.put("observability/support", "instrumentation: {profile: ddtrace, nomadVariable: true}\n");

  const { exit, out, err } = await world.run("apply --role controller", {
    env: { NOMAD_ADDR: "http://127.0.0.1:9" },
  });

  expect(exit).toBe(1);
  expect(out + err).toContain("http://127.0.0.1:9");
  expect(publishedIn(world.consul, "support")).toMatchObject({ DD_SERVICE: "support" });
});
