import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, onTestFinished, test } from "vitest";

import { lead, startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

const LOAD = {
  type: "query alert",
  name: "Load is high",
  query: "avg(last_5m):avg:system.load.1{*} > 5",
  message: "Look at it. @slack-ops",
  tags: ["team:x"],
  options: { thresholds: { critical: 5 } },
};

/** Monitors, an SLO over one of them and a dashboard that shows both, all made by hand. */
async function startByHand() {
  const world = await startCommandWorld();
  running.push(world);
  const { datadog } = world;
  const load = datadog.add(LOAD);
  const slo = datadog.add("slos", {
    type: "monitor",
    name: "Load is fine",
    monitor_ids: [load],
    thresholds: [{ timeframe: "30d", target: 99 }],
    tags: [],
  });
  const dashboard = datadog.add("dashboards", {
    title: "Load",
    layout_type: "ordered",
    widgets: [
      { definition: { type: "alert_graph", alert_id: String(load), viz_type: "timeseries" } },
      { definition: { type: "slo", slo_id: slo, view_type: "detail" } },
    ],
  });
  return { world, load, slo, dashboard };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "dd-observe-import-"));
  onTestFinished(async () => await rm(path, { recursive: true, force: true }));
  return path;
}

test("writes documents that pass validate, and names in the place of ids", async () => {
  const { world, load } = await startByHand();
  const path = await folder();

  const { exit, out } = await world.run(`import --output-dir ${path}`);
  const checked = await world.run(`validate ${path}`);

  expect({ exit, out }).toMatchObject({ exit: 0 });
  expect(out).toContain("3 imported into 3 documents, 0 left out");
  expect(checked).toMatchObject({ exit: 0 });
  expect(await readFile(join(path, "_slos/load-is-fine.yaml"), "utf8")).toContain("- _monitors/load-is-high");
  const dashboard = await readFile(join(path, "_dashboards/load.yaml"), "utf8");
  expect(dashboard).toContain("${monitors:_monitors/load-is-high}");
  expect(dashboard).toContain("${slos:_slos/load-is-fine}");
  expect(dashboard).not.toContain(String(load));
});

test("overwrites nothing unless it is told to", async () => {
  const { world } = await startByHand();
  const path = await folder();
  await world.run(`import monitors --output-dir ${path}`);

  const again = await world.run(`import monitors --output-dir ${path}`);
  const forced = await world.run(`import monitors --output-dir ${path} --force`);

  expect(again).toMatchObject({ exit: 1, err: expect.stringContaining("--force") });
  expect(forced.exit).toBe(0);
});

test("taken over at once, nothing is made twice and the next pass finds what it wishes", async () => {
  const { world, load, slo, dashboard } = await startByHand();

  const taken = await world.run("import --adopt --yes");
  const applied = await world.run("apply --role controller");
  const planned = await world.run("plan --role controller");

  expect(taken).toMatchObject({ exit: 0 });
  expect(applied).toMatchObject({ exit: 0 });
  expect(planned).toMatchObject({ exit: 0 });
  expect([...world.datadog.monitors.keys()]).toEqual([load]);
  expect(world.datadog.objects("slos").map(({ id }) => id)).toEqual([slo]);
  expect(world.datadog.objects("dashboards").map(({ id }) => id)).toEqual([dashboard]);
});

test("beside a leader it puts documents that rest until their objects are ours", async () => {
  const { world, load } = await startByHand();
  lead(world);

  const { exit } = await world.run("import monitors --adopt --yes");

  expect(exit).toBe(0);
  expect(world.datadog.monitors.get(load)!.tags).toContain("dd-observe-key:_monitors/load-is-high");
  const stored = world.consul.state.keys.get("observability/_monitors/load-is-high")?.Value ?? "";
  expect(Buffer.from(stored, "base64").toString("utf8")).not.toContain("paused");
});

test("leaves alone what others keep and what is ours already", async () => {
  const { world } = await startByHand();
  await world.run("import monitors --adopt --yes");
  world.datadog.add({ ...LOAD, name: "Theirs", query: `${LOAD.query}.5`, tags: ["managed-by:terraform"] });

  const { exit, out, err } = await world.run("import monitors");

  expect(exit).toBe(2);
  expect(err).toContain("0 imported into 0 documents, 1 left out, 1 dd-observe's already");
  expect(out).toContain("# left out: monitor");
  expect(out).toContain("managed-by:terraform");
});

test("takes what has the id, the name or the tag, and says that an id is none", async () => {
  const { world, load } = await startByHand();
  world.datadog.add({
    ...LOAD,
    name: "Memory is low",
    query: "avg(last_5m):avg:system.mem.free{*} > 5",
    tags: ["team:y"],
  });

  const keysOf = async (line: string): Promise<readonly string[]> =>
    (JSON.parse((await world.run(`${line} -o json`)).out) as { documents: { key: string }[] }).documents.map(
      ({ key }) => key,
    );

  expect(await keysOf(`import --id ${load}`)).toEqual(["_monitors/load-is-high"]);
  expect(await keysOf('import monitors --name "mem*"')).toEqual(["_monitors/memory-is-low"]);
  expect(await keysOf("import monitors --tag team:y")).toEqual(["_monitors/memory-is-low"]);
  expect(await world.run("import --id 4711")).toMatchObject({
    exit: 1,
    err: expect.stringContaining("4711"),
  });
});

test("an existing document of a service is never overwritten", async () => {
  const { world } = await startByHand();
  world.register("shop", ["dd-observe"]);
  world.consul.put("observability/shop", "env: prod\n");
  const writes = world.datadog.writes;

  const { exit, err } = await world.run("import monitors --service shop --adopt --yes");

  expect(exit).toBe(1);
  expect(err).toContain("observability/shop already");
  expect(world.datadog.writes).toBe(writes);
});

test("what Datadog refuses rests in its document, and the others are taken over", async () => {
  const { world, load } = await startByHand();
  world.datadog.add({
    type: "composite",
    name: "Both",
    query: `${load} && !4711`,
    message: "x",
    tags: [],
    options: {},
  });

  const { exit, out, err } = await world.run("import monitors --adopt --yes");

  const textOf = (key: string): string =>
    Buffer.from(world.consul.state.keys.get(`observability/${key}`)?.Value ?? "", "base64").toString("utf8");
  expect(exit).toBe(1);
  expect(out).toContain("not taken over: _monitors/both");
  expect(err).toContain("_monitors/both could not be taken over, and rests in Consul");
  expect(textOf("_monitors/both")).toMatch(/^paused: true\n/);
  expect(textOf("_monitors/load-is-high")).not.toContain("paused");
});

test("says that there are more documents than the policy allows", async () => {
  const { world } = await startByHand();
  for (let at = 0; at < 50; at++)
    world.consul.put(`observability/_monitors/m${at}`, "type: query alert\nquery: x\n");

  expect((await world.run("import monitors")).err).toContain(
    "51 documents below _monitors are more than the 50",
  );
});
