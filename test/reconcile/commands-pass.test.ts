import { afterEach, describe, expect, test } from "vitest";

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

const golden = (name: string): string => `../golden/commands/${name}.txt`;

describe("plan", () => {
  test("shows what the first run would do, and does none of it", async () => {
    const world = await startUsualWorld();

    const { exit, out, err } = await world.run("plan");

    expect(exit).toBe(2);
    await expect(out).toMatchFileSnapshot(golden("plan-first"));
    expect(err).toContain("dd-observe has not run here yet");
    expect(world.datadog.writes).toBe(0);
    expect(world.consul.state.keys.has("observability/.keep")).toBe(false);
    expect(await world.files()).toEqual(new Map());
  });

  test("shows drift, field by field, and files by the lines that differ", async () => {
    const world = await startUsualWorld();
    await world.run("apply");
    const cpu = [...world.datadog.monitors.values()].find(({ name }) => name.includes("no CPU"))!;
    world.datadog.edit(cpu.id, { priority: 1, message: "changed by hand" });
    world.consul.put("observability/ray", "agent: {minCollectionInterval: 60}\nmonitors: {gpu-idle: true}\n");

    const { exit, out } = await world.run("plan");

    expect(exit).toBe(2);
    await expect(out).toMatchFileSnapshot(golden("plan-drift"));
  });

  test("has nothing to do after apply where every wish can be read", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);
    await world.run("apply");

    expect(await world.run("plan")).toEqual({ exit: 0, out: "Nothing to do: 14 as wished.\n", err: "" });
  });

  test("asks Datadog with --validate whether it would take each change, and makes none", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);
    world.consul.put(
      "observability/ray",
      "monitors: {mine: {type: composite, query: '123456 && 654321', message: x}}\n",
    );

    const { exit, out } = await world.run("plan --role controller --validate");

    expect(exit).toBe(2);
    expect(out.replaceAll(/\s+/g, " ")).toMatch(
      /ray\/mine: Cannot validate monitor .*Some monitor IDs are invalid/,
    );
    expect(world.datadog.log.filter(({ path }) => path.endsWith("/validate")).length).toBeGreaterThan(1);
    expect(world.datadog.monitors.size).toBe(0);
  });

  test("gives the same as data", async () => {
    const world = await startUsualWorld();

    const json = JSON.parse((await world.run("plan -o json")).out) as { summary: object };

    expect(json.summary).toMatchObject({ create: 15, update: 0, delete: 0, problems: 1 });
    expect((await world.run("plan -o yaml --role node")).out).toContain("type: create");
  });

  test("fails where the folder is not there, and still shows the rest", async () => {
    const world = await startUsualWorld();

    const { exit, out } = await world.run("plan", { env: { DD_OBSERVE_CONFD_DIR: "/nowhere/conf.d" } });

    expect(exit).toBe(1);
    expect(out).toContain("Cannot read /nowhere/conf.d");
    expect(out).toContain("+ ray/node-cpu");
  });

  test("waits for keys without failing", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);

    const { exit, out } = await world.run("plan", { env: { DD_API_KEY: "" } });

    expect(exit).toBe(2);
    expect(out).toContain("Set DD_API_KEY");
    expect(out).toMatch(/^1 to create, \d+ waiting; 0 as wished\.$/m);
  });
});

describe("apply", () => {
  test("makes one pass, and a second one writes nothing", async () => {
    const world = await startUsualWorld();

    const first = await world.run("apply");
    const writes = world.datadog.writes;
    const second = await world.run("apply");

    expect(first).toMatchObject({ exit: 2, err: "" });
    await expect(first.out).toMatchFileSnapshot(golden("apply"));
    expect(world.datadog.monitors.size).toBe(11);
    expect([...(await world.files()).keys()]).toContain("ray.d/dd-observe-ray.yaml");
    expect(world.datadog.writes).toBe(writes);
    expect(second.out).toContain("1 problem; 15 as wished.");
    expect(world.consul.state.keys.get("dd-observe/leader")?.Session).toBeUndefined();
  });

  test("refuses while a controller leads, says who, and writes nothing", async () => {
    const world = await startUsualWorld();
    lead(world);

    const { exit, err } = await world.run("apply");

    expect(exit).toBe(1);
    expect(err).toContain("node-9/1 (since 2026-01-01T00:00:00.000Z) leads");
    expect(err).toContain("--wait");
    expect(world.datadog.writes).toBe(0);
    expect(await world.files()).toEqual(new Map());
  });

  test("waits for the other controller to end where it is asked to", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);
    const session = lead(world);

    const applying = world.run("apply --role controller --wait");
    setTimeout(() => world.consul.state.destroySession(session), 300);
    const { exit, err } = await applying;

    expect(exit).toBe(0);
    expect(err).toContain("waiting for node-9/1");
    expect(world.datadog.monitors.size).toBe(10);
  });

  test("counts the grace period on from one run to the next", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);
    await world.run("apply --role controller");
    world.consul.state.deregisterService("node-1", "ray");
    const inGrace = await world.run("apply --role controller");
    const key = "dd-observe/status/services/ray";
    const stored = Buffer.from(world.consul.state.keys.get(key)!.Value!, "base64").toString("utf8");
    const status = JSON.parse(stored) as { absentSince: string };
    const earlier = new Date(Date.parse(status.absentSince) - 11 * 60_000).toISOString();
    world.consul.put(key, JSON.stringify({ ...status, absentSince: earlier }));

    const after = await world.run("apply --role controller");

    expect(inGrace.exit).toBe(2);
    expect(inGrace.out).toContain("InGrace");
    expect(after.out).toContain("11 deleted");
    expect(world.datadog.monitors.size).toBe(0);
    expect(world.consul.state.keys.has(key)).toBe(false);
    expect([...world.consul.state.keys.keys()].filter((name) => name.includes("/backups/"))).toHaveLength(11);
  });

  test("stops at the brake, and goes on once a person has approved", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);
    await world.run("apply --role controller");
    world.consul.state.deregisterService("node-1", "ray");
    const careful = { env: { DD_OBSERVE_MAX_DELETES: "2", DD_OBSERVE_GRACE: "0" } };
    const braked = await world.run("apply --role controller", careful);
    const hash = /dd-observe approve ([0-9a-f]+)/.exec(braked.out)![1]!;

    const listed = await world.run("get");
    const described = await world.run("describe ray");
    const approval = await world.run(`approve ${hash} --reason "it is gone"`);
    const again = await world.run(`approve ${hash}`);
    const after = await world.run("apply --role controller", careful);

    expect(braked).toMatchObject({ exit: 2 });
    expect(listed.out).toContain("BrakeEngaged");
    expect(described.out).toContain(`dd-observe approve ${hash}`);
    expect(approval).toMatchObject({ exit: 0 });
    expect(approval.out).toContain("this pass would delete 10 of 10 objects");
    expect(approval.out).toContain("services: ray");
    expect(again.out).toContain('is approved already by ada at 2026-01-01T00:00:00.000Z ("it is gone")');
    expect(after.out).toContain("10 deleted");
  });

  test("tells of each write that Datadog refuses, and does the others", async () => {
    const world = await startWorld();
    world.register("ray", ["dd-observe"]);
    world.datadog.fault({
      method: "POST",
      path: /monitor$/,
      kind: "status",
      status: 400,
      body: { errors: ["The value provided for parameter 'query' is invalid"] },
    });

    const { exit, out } = await world.run("apply --role controller");

    expect(exit).toBe(1);
    expect(out).toMatch(/The value provided for\s+parameter\s+'query'\s+is\s+invalid/);
    expect(out).toContain("12 created, 1 failed; 0 as wished.");
  });
});
