import { afterEach, expect, test } from "vitest";

import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";

const running: CommandWorld[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((world) => world[Symbol.asyncDispose]()));
});

/** A monitor whose threshold was changed by hand. @param drift What its document says of that. */
async function startDrifted(drift: string): Promise<CommandWorld> {
  const world = await startCommandWorld();
  running.push(world);
  const query = "avg(last_5m):avg:system.load.1{*} > 5";
  const text = `type: query alert\nname: load\nquery: "${query}"\ncritical: 5\ndrift: ${drift}\n`;
  world.consul.put("observability/_monitors/load", text);
  await world.run("apply --role controller");
  const [monitor] = [...world.datadog.monitors.values()];
  world.datadog.edit(monitor!.id, { priority: 2 });
  await world.run("apply --role controller");
  return world;
}

test("plan, apply and describe tell each field that stays, what was made of it, and until when", async () => {
  const world = await startDrifted("{tolerate: 4h}");

  const planned = await world.run("plan --role controller");
  const applied = await world.run("apply --role controller");
  const described = await world.run("describe _monitors/load");

  for (const { out } of [planned, applied]) {
    expect(out).toContain("DriftTolerated");
    expect(out).toContain("_monitors/load: priority: 2, wished: null");
    expect(out).toMatch(/changed by hand \d+s ago, set right in (?:4h|3h59m)/);
  }
  expect(described.out).toMatch(
    /Changed by hand\n.*FIELD.*\n +load +priority +null +2 +0s +set right in (?:4h|3h59m)/,
  );
});

test("what is only reported says so, and programs get every field", async () => {
  const world = await startDrifted("report");

  const planned = JSON.parse((await world.run("plan --role controller -o json")).out) as {
    roles: { controllers: { controller: string; drift: object[] }[] }[];
  };
  const described = JSON.parse((await world.run("describe _monitors/load -o json")).out) as {
    drift: object[];
  };

  const field = { controller: "monitors", key: "_monitors/load", path: "priority", found: 2, until: "never" };
  expect(planned.roles[0]!.controllers.flatMap(({ drift }) => drift)).toMatchObject([field]);
  expect(described.drift).toMatchObject([field]);
});
