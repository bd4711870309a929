import { describe, expect, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import { expectState, expectStays, generic, hashesToApprove, SKIPPED, startWorld } from "./world.ts";

const FORTY = Array.from({ length: 40 }, (_, at) => `s${String(at).padStart(2, "0")}`);

describe.skipIf(consulBinary() === undefined)(`deletions, end to end${SKIPPED}`, () => {
  test("a few that go are deleted after the grace period, and one that comes back keeps everything", async () => {
    const world = await startWorld({ env: { DD_OBSERVE_GRACE: "3s" } });
    world.run();
    for (const name of ["web", "db", "queue"]) await world.register(name);
    await expectState(world, generic("web", "db", "queue"));
    const ids = world.datadog.monitors().map(({ id }) => id);

    await world.deregister("web");
    await world.deregister("db");
    await expectStays(world, generic("web", "db", "queue"), 1_500);
    await world.register("db");
    await expectState(world, generic("db", "queue"));
    await expectStays(world, generic("db", "queue"), 4_000);

    expect(ids).toEqual(expect.arrayContaining(world.datadog.monitors().map(({ id }) => id)));
  });

  test("a mass deregistration waits for approval, and then deletes exactly what was approved", async () => {
    const world = await startWorld();
    world.run();
    for (const name of FORTY) await world.register(name);
    await expectState(world, generic(...FORTY));

    for (const name of FORTY.slice(10)) await world.deregister(name);
    await expect.poll(async () => await hashesToApprove(world), { timeout: 20_000 }).toHaveLength(2);
    await expectStays(world, generic(...FORTY), 3_000);
    const hashes = await hashesToApprove(world);
    const [get, plan] = [await world.command("get"), await world.command("plan")];
    for (const hash of hashes) await world.command("approve", hash);

    await expectState(world, generic(...FORTY.slice(0, 10)));
    expect(plan.code).toBe(2);
    expect(hashes.map((hash) => plan.stdout.includes(hash))).toEqual([true, true]);
    // A list has room for the worst condition of a service alone.
    expect(hashes.some((hash) => get.stdout.includes(hash))).toBe(true);
  });

  test("an approval is for one set of deletions and no other", async () => {
    const world = await startWorld();
    world.run();
    for (const name of FORTY) await world.register(name);
    await expectState(world, generic(...FORTY));
    for (const name of FORTY.slice(10)) await world.deregister(name);
    await expect.poll(async () => await hashesToApprove(world), { timeout: 20_000 }).toHaveLength(2);
    const hashes = await hashesToApprove(world);

    await world.deregister("s00");
    const isNew = (hash: string): boolean => !hashes.includes(hash);
    await expect
      .poll(async () => (await hashesToApprove(world)).filter(isNew), { timeout: 20_000 })
      .toHaveLength(2);
    for (const hash of hashes) await world.command("approve", hash);

    await expectStays(world, generic(...FORTY), 5_000);
  });
});
