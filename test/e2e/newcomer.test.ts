import { describe, expect, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import { endSessions, expectState, generic, SKIPPED, startWorld } from "./world.ts";

describe.skipIf(consulBinary() === undefined)(`new services, end to end${SKIPPED}`, () => {
  test("what was made a moment before a crash is deleted without approval if its service went meanwhile", async () => {
    const world = await startWorld();
    const operator = world.run();
    await operator.says("leading");
    await world.register("web");
    await expectState(world, generic("web"));

    await operator.kill();
    await world.deregister("web");
    await endSessions(world);
    const next = world.run();
    await expectState(world, generic());

    expect(next.lines.filter(({ reason }) => reason === "BrakeEngaged")).toEqual([]);
  });
});
