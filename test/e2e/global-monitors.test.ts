import { describe, expect, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import { expectCondition, expectState, generic, monitorOf, SKIPPED, startWorld, tuned } from "./world.ts";

const KEY = "_monitors/disk-full";

function disk(critical: number): object {
  return {
    type: "query alert",
    query: "avg(last_5m):avg:system.disk.in_use{*} by {host} > ${critical}",
    critical,
  };
}

describe.skipIf(consulBinary() === undefined)(`monitors of no service, end to end${SKIPPED}`, () => {
  test("a document brings its monitor, changes it, holds it when broken, and takes it along", async () => {
    const world = await startWorld();
    const operator = world.run();
    await world.register("web");
    await world.put(KEY, disk(0.9));
    await expectState(world, tuned(generic("web"), { [KEY]: [0.9] }));
    expect(monitorOf(world, KEY)).toMatchObject({
      name: "disk-full",
      tags: ["cluster:dc1", `dd-observe-key:${KEY}`, "dd-observe-owner:dc1", "managed-by:dd-observe"],
    });

    await world.put(KEY, disk(0.8));
    await expectState(world, tuned(generic("web"), { [KEY]: [0.8] }));
    await expectCondition(world, KEY, "MonitorsSynced", "True Synced: 1 monitor as wished");

    await world.put(KEY, { ...disk(0.7), critcal: 1 });
    await expectCondition(world, KEY, "Accepted", /^False InvalidWish: .*did you mean critical/);
    await expectState(world, tuned(generic("web"), { [KEY]: [0.8] }));

    await world.kv.kvDelete(`observability/${KEY}`);
    await expectState(world, generic("web"));
    await expect.poll(async () => await world.conditions(KEY), { timeout: 30_000 }).toEqual({});
    expect(await operator.stop()).toBe(0);
  });

  test("another reserved name is told of in its status and in the log, and stops nothing", async () => {
    const world = await startWorld();
    const operator = world.run();
    await world.put("_monitor/disk-full", disk(0.9));
    await world.register("web");

    await expectState(world, generic("web"));

    await expectCondition(world, "_monitor/disk-full", "Accepted", /did you mean _monitors\/disk-full\?$/);
    expect(await operator.says("wish not accepted")).toMatchObject({
      owner: "_monitor/disk-full",
      reason: "UnknownName",
    });
    expect(await operator.stop()).toBe(0);
  });
});
