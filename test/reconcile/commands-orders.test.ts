import { afterEach, describe, expect, test } from "vitest";

import {
  IDLE,
  parseProgress,
  progressText,
  RESTART_KEYS,
  type Progress,
} from "../../controllers/nomad-telemetry/restart/progress.ts";
import { fillUsually, lead, startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

async function startWorld(): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  return world;
}

async function startUsualWorld(): Promise<CommandWorld> {
  return fillUsually(await startWorld());
}

describe("pause and resume", () => {
  test("a paused service is left alone until it is resumed", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);

    const paused = await world.run('pause ray --reason "a test"');
    await world.run("apply");
    const monitorsWhilePaused = world.datadog.monitors.size;
    const described = await world.run("describe ray");
    const resumed = await world.run("resume ray");
    await world.run("apply");

    expect(paused.out).toContain("paused ray");
    expect(monitorsWhilePaused).toBe(0);
    expect(described.out).toContain('it is paused by command by ada at 2026-01-01T00:00:00.000Z ("a test")');
    expect(resumed.out).toContain("resumed ray");
    expect(world.datadog.monitors.size).toBe(10);
  });

  test.for([
    ["the document", { document: "paused: true\n", tags: ["dd-observe"] }],
    ["the tag", { document: "", tags: ["dd-observe", "dd-observe.paused=true"] }],
  ] as const)("resume says where else a service is paused: %s", async ([where, { document, tags }]) => {
    const world = await startWorld();
    world.register("ray", tags);
    if (document !== "") world.consul.put("observability/ray", document);

    const { exit, out } = await world.run("resume ray");

    expect(exit).toBe(1);
    expect(out).toContain("still paused:");
    expect(out).toContain(where.replace("the ", ""));
  });

  test("a restart of Nomad agents that stopped at a failure goes on by resume _nomad", async () => {
    const world = await startWorld();
    const since = "2026-01-01T00:00:00.000Z";
    const failed: Progress = { step: "failed", node: "node-1", generation: 7, since, message: "no answer" };
    const key = RESTART_KEYS.progress("dd-observe");
    world.consul.put(key, progressText(failed));

    const { exit, out } = await world.run("resume _nomad");

    expect(exit).toBe(0);
    expect(out).toContain("resumed the rolling restart of Nomad agents, which stopped at node-1: no answer");
    const stored = world.consul.state.keys.get(key)?.Value ?? "";
    expect(parseProgress(Buffer.from(stored, "base64").toString())).toEqual({ ok: true, progress: IDLE });
  });

  test("an unknown service and a malformed hash are refused", async () => {
    const world = await startUsualWorld();

    expect((await world.run("pause rayy")).err).toContain("did you mean ray?");
    expect((await world.run("approve ../../x")).err).toContain("is no hash");
    expect([...world.consul.state.keys.keys()].filter((key) => key.includes("control"))).toEqual([]);
  });
});

describe("adopt", () => {
  const BY_HAND = {
    type: "query alert",
    name: "made by hand",
    query: "avg(last_5m):avg:system.load.1{*} > 5",
    message: "x",
    tags: ["team:x"],
    options: { thresholds: { critical: 5 } },
  };
  const WISH =
    'monitors:\n  load: {type: query alert, query: "avg(last_5m):avg:system.load.1{*} > 6", critical: 6}\n';

  async function startAdoption() {
    const world = await startWorld();
    world.register("app", ["dd-observe"]);
    const id = world.datadog.add(BY_HAND);
    return { world, id };
  }

  test("shows what the next pass changes, and asks", async () => {
    const { world, id } = await startAdoption();
    world.consul.put("observability/app", WISH);

    const asked = await world.run(`adopt monitor ${id} app/load`);
    const writesBefore = world.datadog.writes;
    const done = await world.run(`adopt monitor ${id} app/load --yes`);
    await world.run("apply --role controller");

    expect(asked.exit).toBe(1);
    expect(asked.out).toContain("options.thresholds.critical: 5 → 6");
    expect(writesBefore).toBe(0);
    expect(done.exit).toBe(0);
    expect(world.datadog.monitors.size).toBe(2);
    expect(world.datadog.monitors.get(id)).toMatchObject({ name: "[app] load" });
    const kept = [...world.consul.state.keys]
      .filter(([key]) => key.startsWith("dd-observe/backups/cluster/monitors/app/load/"))
      .map(([, { Value }]) => Buffer.from(Value ?? "", "base64").toString("utf8"));
    expect(kept.filter((text) => text.includes('"reason":"adopt"'))).toHaveLength(1);
  });

  test("says that a monitor without a wish would be deleted", async () => {
    const { world, id } = await startAdoption();

    const { exit, out } = await world.run(`adopt monitor ${id} app/load`);

    expect(exit).toBe(1);
    expect(out).toContain("the next pass would delete it");
    expect(world.datadog.writes).toBe(0);
  });

  test("beside a running controller it wants the service paused", async () => {
    const { world, id } = await startAdoption();
    world.consul.put("observability/app", WISH);
    lead(world);

    const refused = await world.run(`adopt monitor ${id} app/load --yes`);
    await world.run("pause app");
    const done = await world.run(`adopt monitor ${id} app/load --yes`);

    expect(refused.exit).toBe(1);
    expect(refused.err).toContain("dd-observe pause app");
    expect(done.exit).toBe(0);
  });

  test("refuses a second monitor of one name, and one monitor with two names", async () => {
    const { world, id } = await startAdoption();
    world.consul.put("observability/app", WISH);
    await world.run("apply --role controller");
    const ours = [...world.datadog.monitors.values()].find(({ name }) => name === "[app] load")!;

    expect((await world.run(`adopt monitor ${id} app/load --yes`)).err).toMatch(
      /app\/load is monitor \d+ already/,
    );
    expect((await world.run(`adopt monitor ${ours.id} app/other --yes`)).err).toContain(
      "is app/load already",
    );
    expect((await world.run(`adopt monitor ${ours.id} app/load`)).out).toContain("is app/load already");
  });

  test("takes a monitor by its exact name, and refuses a name that two have", async () => {
    const { world, id } = await startAdoption();
    world.consul.put("observability/app", WISH);
    const twin = world.datadog.add({ ...BY_HAND, name: "twin", query: `${BY_HAND.query}.5` });
    const other = world.datadog.add({ ...BY_HAND, name: "twin", query: `${BY_HAND.query}.7` });

    const ambiguous = await world.run("adopt monitor twin app/load --yes");
    const unknown = await world.run('adopt monitor "made by hnad" app/load --yes');
    const writesBefore = world.datadog.writes;
    const done = await world.run('adopt monitor "made by hand" app/load --yes');

    expect(ambiguous.err).toContain('2 monitors are named "twin"');
    expect(ambiguous.exit + unknown.exit).toBe(2);
    expect(unknown.err).toContain("did you mean made by hand?");
    expect(writesBefore).toBe(0);
    expect(done.exit).toBe(0);
    expect(world.datadog.monitors.get(id)!.tags).toContain("dd-observe-key:app/load");
    for (const one of [twin, other]) expect(world.datadog.monitors.get(one)!.tags).toEqual(["team:x"]);
  });
});
