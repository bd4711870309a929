import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { openNomad } from "../../clients/nomad.ts";
import { NomadAgent } from "../../controllers/nomad-telemetry/agent.ts";
import { KEY, renderTelemetry, type TelemetryFile } from "../../controllers/nomad-telemetry/file.ts";
import { NomadTelemetryTarget } from "../../controllers/nomad-telemetry/target.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { startFakeNomad, type FakeNomad } from "../fakes/nomad.ts";

const FILE = "zz-dd-observe.hcl";
const SILENT = { debug() {}, info() {}, warn() {} };
const program = process.env["NOMAD_BIN"];

interface World {
  readonly dir: string;
  readonly nomad: FakeNomad;
  readonly agent: NomadAgent;
  readonly target: NomadTelemetryTarget;
  readonly backups: string[];
}

const signal = (): AbortSignal => AbortSignal.timeout(30_000);

async function start(
  options: { readonly version?: string; readonly files?: Readonly<Record<string, string>> } = {},
): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "dd-observe-nomad-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(options.files ?? { "00-base.hcl": 'data_dir = "/tmp/x"\n' }))
    writeFileSync(join(dir, name), text);
  const nomad = await startFakeNomad({ configDir: dir, version: options.version ?? "2.0.5" });
  onTestFinished(() => nomad.stop());
  const agent = new NomadAgent(openNomad({ address: nomad.url }), dir);
  await agent.look(signal());
  const backups: string[] = [];
  const target = new NomadTelemetryTarget({
    agent,
    clusterId: "dc1",
    program,
    scraped: () => [],
    onBackup: async (_, text) => {
      backups.push(text);
      return await Promise.resolve();
    },
    log: SILENT,
    readOnly: false,
  });
  return { dir, nomad, agent, target, backups };
}

function wish(settings: Parameters<typeof renderTelemetry>[0]["settings"]): DesiredObject<TelemetryFile> {
  const body = renderTelemetry({ clusterId: "dc1", level: "1.9.4", retain: false, settings });
  return { key: KEY, owner: "_nomad", body, drift: "correct", retain: false };
}

async function conditions({ target }: World): Promise<Readonly<Record<string, string>>> {
  const found = (await target.verify(signal())).get("_nomad") ?? [];
  return Object.fromEntries(found.map(({ type, reason }) => [type, reason]));
}

const ON = { prometheusMetrics: true, collectionInterval: "10s", datadogTags: ["team:${x}"] };

test("a file is written, a restart is asked for, and after it Nomad runs with it", async () => {
  const world = await start();

  await world.target.apply({ type: "create", desired: wish(ON) }, signal());
  const before = await conditions(world);
  expect(await world.nomad.restart()).toBeUndefined();

  expect(before).toEqual({ TelemetryActive: "RestartRequired", TelemetryUndisputed: "Undisputed" });
  expect(await conditions(world)).toEqual({ TelemetryActive: "Active", TelemetryUndisputed: "Undisputed" });
  expect(world.nomad.state.telemetry["DataDogTags"]).toEqual(["team:${x}"]);
  expect((await world.target.observe(signal())).map(({ key, body }) => [key, body])).toEqual([
    [KEY, wish(ON).body],
  ]);
});

test("a changed file keeps the one that Nomad was seen running with beside it, where Nomad doesn't read it", async () => {
  const world = await start();
  await world.target.apply({ type: "create", desired: wish(ON) }, signal());
  await world.nomad.restart();
  await conditions(world);
  const [observed] = await world.target.observe(signal());

  await world.target.apply(
    {
      type: "update",
      desired: wish({ ...ON, useNodeName: true }),
      observed: observed!,
      drifted: false,
      changes: [],
    },
    signal(),
  );

  expect(readFileSync(join(world.dir, `${FILE}.last-good`), "utf8")).toBe(wish(ON).body.text);
  expect(readdirSync(world.dir).toSorted()).toEqual(["00-base.hcl", FILE, `${FILE}.last-good`]);
  await world.nomad.restart();
  expect(world.nomad.state.files.map((path) => path.slice(world.dir.length + 1))).toEqual([
    "00-base.hcl",
    FILE,
  ]);
});

test("somebody else's file of that name is never touched", async () => {
  const theirs = "telemetry { use_node_name = true }\n";
  const world = await start({ files: { [FILE]: theirs } });

  await expect(world.target.observe(signal())).rejects.toMatchObject({ failure: "conflict" });
  await expect(world.target.apply({ type: "create", desired: wish(ON) }, signal())).rejects.toMatchObject({
    failure: "conflict",
  });
  expect(readFileSync(join(world.dir, FILE), "utf8")).toBe(theirs);
});

test("a hand edit is kept before it is overwritten", async () => {
  const world = await start();
  await world.target.apply({ type: "create", desired: wish(ON) }, signal());
  const edited = `${wish(ON).body.text}# mine\n`;
  writeFileSync(join(world.dir, FILE), edited);
  const [observed] = await world.target.observe(signal());

  await world.target.apply(
    { type: "update", desired: wish(ON), observed: observed!, drifted: true, changes: [] },
    signal(),
  );

  expect(world.backups).toEqual([edited]);
  expect(readFileSync(join(world.dir, FILE), "utf8")).toBe(wish(ON).body.text);
});

test("deleting takes the file and what is kept of it; twice is no failure", async () => {
  const world = await start();
  await world.target.apply({ type: "create", desired: wish(ON) }, signal());
  const [observed] = await world.target.observe(signal());

  for (const _ of [1, 2]) await world.target.apply({ type: "delete", observed: observed! }, signal());

  expect(existsSync(join(world.dir, FILE))).toBe(false);
  expect(world.backups).toEqual([wish(ON).body.text]);
  expect(await conditions(world)).toEqual({});
});

test("without a Nomad on the machine nothing is said", async () => {
  const world = await start();
  await world.nomad.stop();
  rmSync(world.dir, { recursive: true });

  expect(await conditions(world)).toEqual({});
  expect(world.agent.here).toEqual({ state: "absent" });
  expect(await world.target.observe(signal())).toEqual([]);
});

test("a Nomad that is down is told, and its version is remembered", async () => {
  const world = await start();
  await world.target.apply({ type: "create", desired: wish(ON) }, signal());
  await world.nomad.stop();

  expect((await conditions(world))["TelemetryActive"]).toBe("AgentUnreachable");
  expect(world.agent.version).toBe("2.0.5");
  expect(world.target.standingLevel()).toBe("1.9.4");
});

test("another Nomad than before is told of at once", async () => {
  const world = await start();
  let changes = 0;
  world.agent.watch(() => changes++);

  await world.agent.look(signal());
  rmSync(world.dir, { recursive: true });
  await world.nomad.stop();
  await world.agent.look(signal());

  expect(changes).toBe(1);
});

describe.skipIf(program === undefined)("with the nomad program (skipped where NOMAD_BIN is not set)", () => {
  test("what Nomad would not read is refused, and the old file stays", async () => {
    const world = await start();
    await world.target.apply({ type: "create", desired: wish(ON) }, signal());
    const broken = { ...wish(ON), body: { text: wish(ON).body.text.replace("prometheus_", "promethoys_") } };
    const [observed] = await world.target.observe(signal());

    await expect(
      world.target.apply(
        { type: "update", desired: broken, observed: observed!, drifted: false, changes: [] },
        signal(),
      ),
    ).rejects.toMatchObject({ failure: "rejected", reason: "RefusedByNomad" });

    expect(readFileSync(join(world.dir, FILE), "utf8")).toBe(wish(ON).body.text);
  });
});
