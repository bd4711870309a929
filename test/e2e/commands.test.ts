import { describe, expect, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import { addForeign, expectState, generic, SKIPPED, startWorld, withForeign } from "./world.ts";

describe.skipIf(consulBinary() === undefined)(`plan and apply, end to end${SKIPPED}`, () => {
  test("plan writes nothing and tells what apply then does", async () => {
    const world = await startWorld();
    const foreign = await addForeign(world, "by hand");
    const before = foreign();
    const writes = world.datadog.writes();
    for (const name of ["web", "db"]) await world.register(name);
    const index = await lastIndex(world.consul.url);

    const planned = await world.command("plan");
    const afterPlan = { state: await world.state(), index: await lastIndex(world.consul.url) };
    const applied = await world.command("apply");
    await expectState(world, withForeign(generic("web", "db"), "by hand"), 1_000);
    const again = await world.command("plan");

    expect(planned.code).toBe(2);
    for (const key of ["web/endpoint-down", "db/endpoint-down", "web/openmetrics"])
      expect(planned.stdout).toContain(key);
    expect(afterPlan).toEqual({
      state: withForeign({ files: {}, monitors: {}, objects: {} }, "by hand"),
      index,
    });
    expect(applied).toMatchObject({ code: 0, stderr: "" });
    expect(again.code).toBe(0);
    // A monitor for each, and the dashboard that their packs compose.
    expect(world.datadog.writes() - writes).toBe(3);
    expect(foreign()).toEqual(before);
  });

  test("plan beside a running operator writes nothing, and apply refuses", async () => {
    const world = await startWorld();
    const operator = world.run();
    await world.register("web");
    await expectState(world, generic("web"));

    const [planned, applied] = [await world.command("plan"), await world.command("apply")];

    expect(planned.code).toBe(0);
    expect(applied.code).toBe(1);
    expect(applied.stderr).toContain("leads and keeps the world itself");
    expect(await operator.stop()).toBe(0);
  });
});

/** Moves with every write to Consul's KV. */
async function lastIndex(url: string): Promise<string | null> {
  const answer = await fetch(`${url}/v1/kv/?recurse`);
  return answer.headers.get("x-consul-index");
}
