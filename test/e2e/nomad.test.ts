import { execFile } from "node:child_process";
import { chown, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { describe, expect, onTestFinished, test } from "vitest";

import { consulBinary, NO_CONSUL } from "../servers/consul.ts";
import { NO_NOMAD, nomadBinary, startNomad, type NomadServer } from "../servers/nomad.ts";
import { fileOf, monitorOf, startWorld, type World } from "./world.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
const JOBS = path.join(ROOT, "deploy", "nomad");
/** As the jobs run the program. */
const NOBODY = 65_534;

const reason =
  consulBinary() === undefined
    ? NO_CONSUL
    : nomadBinary() === undefined
      ? NO_NOMAD
      : process.platform !== "linux" || process.arch !== "x64" || process.getuid?.() !== 0
        ? "skipped: the jobs run an executable for Linux on x64, and another user than root"
        : undefined;

describe.skipIf(reason !== undefined)(`jobs of Nomad${reason === undefined ? "" : ` (${reason})`}`, () => {
  test("keep what another job's tag asks for, observe themselves, and come back when they are killed", async () => {
    const world = await startWorld();
    const nomad = await startNomad({ consul: { address: world.consul.url } });
    onTestFinished(async () => await nomad[Symbol.asyncDispose]());
    await chown(world.confd, NOBODY, NOBODY);
    await runJobs(world, nomad);
    await nomad.call("PUT", "/v1/jobs", { Job: WEB });

    await expectFiles(world, ["dd-observe", "dd-observe-node", "web"]);
    await expect.poll(() => keys(world), SLOWLY).toEqual(expect.arrayContaining(["web/endpoint-down"]));
    expect(await keys(world)).toEqual(
      expect.arrayContaining(["dd-observe/no-leader", "dd-observe-node/watch-silent"]),
    );
    await expect.poll(() => passing(world, "dd-observe"), SLOWLY).toBe(2);

    const first = await leader(world);
    expect(first).toBeGreaterThan(1);
    process.kill(first!, "SIGKILL");
    await expect.poll(async () => ((await leader(world)) ?? first) !== first, SLOWLY).toBe(true);
    await world.put("web", { monitors: { "endpoint-down": { priority: 1 } } });
    await expect.poll(() => monitorOf(world, "web/endpoint-down")["priority"], SLOWLY).toBe(1);
    await expect.poll(() => passing(world, "dd-observe"), SLOWLY).toBe(2);

    const [{ ID }] = await running(nomad, "dd-observe-controller");
    await nomad.call("PUT", `/v1/allocation/${ID}/stop`);
    await expect
      .poll(async () => (await running(nomad, "dd-observe-controller")).map((one) => one.ID), SLOWLY)
      .not.toContain(ID);
    await expect.poll(() => passing(world, "dd-observe"), SLOWLY).toBe(2);

    await nomad.call("DELETE", "/v1/job/web");
    await world.kv.kvDelete("observability/web");
    await expectFiles(world, ["dd-observe", "dd-observe-node"]);
    await expect.poll(() => keys(world), SLOWLY).not.toContain("web/endpoint-down");
    expect(new Set(await keys(world)).size).toBe((await keys(world)).length);
  }, 400_000);
});

const SLOWLY = { timeout: 90_000, interval: 250 };

/** The executable as it is released, run by the jobs of deploy/nomad with what differs on one machine. */
async function runJobs(world: World, nomad: NomadServer): Promise<void> {
  const dist = path.join(nomad.folder, "dist");
  await promisify(execFile)(process.execPath, [
    path.join(ROOT, "deploy/release/build.ts"),
    "--arch",
    "x64",
    "--out",
    dist,
  ]);
  const settings = {
    CONSUL_HTTP_ADDR: world.consul.url,
    DD_API_URL: world.datadog.url,
    DD_OBSERVE_AGENT_URL: world.agent.url,
    DD_OBSERVE_ARRIVAL_INTERVAL: "0",
    DD_OBSERVE_GRACE: "2s",
    DD_OBSERVE_RESYNC: "2s",
    NOMAD_ADDR: nomad.url,
  };
  const common = {
    driver: "raw_exec",
    program: path.join(dist, "dd-observe-linux-x64"),
    settings,
  };
  await nomad.run(
    "var",
    "put",
    "nomad/jobs/dd-observe-controller",
    `api_key=${world.datadog.apiKey}`,
    `app_key=${world.datadog.appKey}`,
  );
  await runJob(nomad, "controller", { ...common, spread: false });
  await runJob(nomad, "node", { ...common, user: "nobody", confd_dir: world.confd });
}

async function runJob(
  nomad: NomadServer,
  job: string,
  variables: Readonly<Record<string, unknown>>,
): Promise<void> {
  const file = path.join(nomad.folder, `${job}.hcl`);
  const lines = Object.entries(variables).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  await writeFile(file, `${lines.join("\n")}\n`);
  await nomad.run("job", "run", "-detach", "-var-file", file, path.join(JOBS, `${job}.nomad.hcl`));
}

/** A service of people's, with the tag. */
const WEB = {
  ID: "web",
  Name: "web",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "web",
      Networks: [{ DynamicPorts: [{ Label: "http" }] }],
      Services: [{ Name: "web", PortLabel: "http", Tags: ["dd-observe"] }],
      Tasks: [
        {
          Name: "web",
          Driver: "raw_exec",
          Config: { command: "/bin/sleep", args: ["3600"] },
          Resources: { CPU: 10, MemoryMB: 16 },
        },
      ],
    },
  ],
};

async function expectFiles(world: World, services: readonly string[]): Promise<void> {
  await expect
    .poll(async () => Object.keys((await world.state()).files).toSorted(), SLOWLY)
    .toEqual(services.map((service) => fileOf(service)).toSorted());
}

async function keys(world: World): Promise<readonly string[]> {
  const { monitors } = await world.state();
  return Object.entries(monitors).flatMap(([key, thresholds]) => thresholds.map(() => key));
}

/** Process of the controller that leads. Undefined while nobody does. */
async function leader(world: World): Promise<number | undefined> {
  const entry = await world.kv.kvGet("dd-observe/leader");
  if (entry?.session === undefined) return undefined;
  const { holder } = JSON.parse(entry.text) as { readonly holder: string };
  return Number(holder.split("/").at(-1));
}

/** Instances of which every check passes. */
async function passing(world: World, service: string): Promise<number> {
  const answer = await fetch(`${world.consul.url}/v1/health/service/${service}?passing`);
  return ((await answer.json()) as readonly unknown[]).length;
}

interface Allocation {
  readonly ID: string;
  readonly ClientStatus: string;
}

async function running(nomad: NomadServer, job: string): Promise<[Allocation, ...Allocation[]]> {
  const answer = await nomad.call("GET", `/v1/job/${job}/allocations`);
  const all = (await answer.json()) as [Allocation, ...Allocation[]];
  return all.filter(({ ClientStatus }) => ClientStatus === "running") as [Allocation, ...Allocation[]];
}
