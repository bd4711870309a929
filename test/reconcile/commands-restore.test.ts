import { afterEach, expect, test } from "vitest";

import { lead, startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

const wishOf = (limit: number): string =>
  `monitors:\n  load: {type: query alert, query: "avg(last_5m):avg:system.load.1{*} > ${limit}", critical: ${limit}}\n`;

/** A service whose one own monitor was changed from 5 to 6 by its document. */
async function startChanged(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  world.register("app", ["dd-observe"]);
  world.consul.put("observability/app", wishOf(5));
  await world.run("apply --role controller");
  world.consul.put("observability/app", wishOf(6));
  await world.run("apply --role controller");
  return world;
}

function loadOf({ datadog }: CommandWorld) {
  return [...datadog.monitors.values()].filter(({ name }) => name === "[app] load");
}

/** Paused or not, the monitor goes: as if a person had deleted it. */
function deleteByHand({ datadog }: CommandWorld, id: number): void {
  datadog.monitors.delete(id);
}

test("lists what was kept, and why", async () => {
  const world = await startChanged();

  const { exit, out } = await world.run("restore");
  const data = JSON.parse((await world.run("restore -o json")).out) as readonly object[];

  expect(exit).toBe(0);
  expect(out).toMatch(/monitors +app\/load +2026-01-01T00:00:00.000Z .* a new wish/);
  expect(data).toEqual([
    expect.objectContaining({ controller: "monitors", key: "app/load", reason: "update" }),
  ]);
});

test("shows the differences, and writes nothing until it is told to", async () => {
  const world = await startChanged();
  await world.run("pause app");
  const writes = world.datadog.writes;

  const asked = await world.run("restore monitors app/load");

  expect(asked.exit).toBe(1);
  expect(asked.out).toContain("options.thresholds.critical: 6 → 5");
  expect(asked.err).toContain("--yes");
  expect(world.datadog.writes).toBe(writes);
});

test("what the next pass would undo is refused, and how to do it is said", async () => {
  const world = await startChanged();
  const writes = world.datadog.writes;

  const { exit, err } = await world.run("restore monitors app/load --yes");

  expect(exit).toBe(1);
  expect(err).toContain("the next pass would undo it");
  expect(err).toContain("dd-observe pause app");
  expect(world.datadog.writes).toBe(writes);
});

test("a paused service's monitor is put back with its mark, and what it was is kept", async () => {
  const world = await startChanged();
  const [before] = loadOf(world);
  await world.run("pause app");
  lead(world);

  const { exit, out } = await world.run("restore monitors app/load --yes");
  const kept = JSON.parse((await world.run("restore -o json")).out) as readonly { reason: string }[];

  const [after] = loadOf(world);
  expect(exit).toBe(0);
  expect(out).toContain("restored");
  expect(loadOf(world)).toHaveLength(1);
  expect(after).toMatchObject({ id: before!.id, query: "avg(last_5m):avg:system.load.1{*} > 5" });
  expect(after!.tags).toContain("dd-observe-key:app/load");
  expect(kept.map(({ reason }) => reason)).toContain("restore");
});

test("what the document asks for as well needs no pause", async () => {
  const world = await startChanged();
  world.consul.put("observability/app", wishOf(5));

  const { exit } = await world.run("restore monitors app/load --yes");
  const writes = world.datadog.writes;
  await world.run("apply --role controller");

  expect(exit).toBe(0);
  expect(loadOf(world)[0]).toMatchObject({ query: "avg(last_5m):avg:system.load.1{*} > 5" });
  expect(world.datadog.writes).toBe(writes);
});

test("what is gone and no longer wished is made again without our mark, and is left alone", async () => {
  const world = await startChanged();
  world.consul.put("observability/app", "{}\n");
  await world.run("apply --role controller --grace 0s");
  const gone = loadOf(world).length;

  const { exit, out } = await world.run("restore monitors app/load --yes");
  await world.run("apply --role controller --grace 0s");

  const [restored] = loadOf(world);
  expect(gone).toBe(0);
  expect(exit).toBe(0);
  expect(out).toContain("made again");
  expect(restored).toMatchObject({ query: "avg(last_5m):avg:system.load.1{*} > 6" });
  expect(restored!.tags.filter((tag: string) => /dd-observe|managed-by/.test(tag))).toEqual([]);
});

test("it is never made a second time beside one of its name", async () => {
  const world = await startChanged();
  const [before] = loadOf(world);
  await world.run("pause app");
  deleteByHand(world, before!.id);
  world.datadog.add({ type: "query alert", name: "[app] load", query: before!.query, message: "theirs" });
  const writes = world.datadog.writes;

  const { exit, err } = await world.run("restore monitors app/load --yes");

  expect(exit).toBe(1);
  expect(err).toContain("stands there already");
  expect(world.datadog.writes).toBe(writes);
});

test("the object itself is printed as Datadog gave it", async () => {
  const world = await startChanged();

  const raw = JSON.parse((await world.run("restore monitors app/load -o json")).out) as { query: string };

  expect(raw.query).toBe("avg(last_5m):avg:system.load.1{*} > 5");
});

test("an unknown key and an unknown time get the nearest right ones", async () => {
  const world = await startChanged();

  expect((await world.run("restore monitors app/laod")).err).toContain("did you mean app/load?");
  expect((await world.run("restore monitor app/load --at 1999")).err).toContain("There are 20");
});

test.for([
  ["restore monitors app/load --yes"],
  ["adopt monitor 7 app/load --yes"],
  ["import monitors --adopt --yes"],
] as const)("%s writes nothing into another organisation than the operator's", async ([command]) => {
  const world = await startChanged();
  await world.run("pause app");
  world.consul.put("dd-observe/state/organisation", "999");
  const writes = world.datadog.writes;

  const { exit, err } = await world.run(command);

  expect(exit).toBe(1);
  expect(err).toContain("until now they belonged to 999");
  expect(world.datadog.writes).toBe(writes);
});
