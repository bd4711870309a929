import { afterEach, describe, expect, test } from "vitest";

import { only, startMonitorWorld, type MonitorWorldOptions } from "../builders/monitor-world.ts";
import { wishedMonitor } from "../builders/monitors.ts";
import type { FakeDatadog } from "../fakes/datadog.ts";
import { bringInLine, desired, observedByKey, signal } from "../target-contract.ts";

const running: FakeDatadog[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
});

async function startWorld(target: MonitorWorldOptions["target"] = {}) {
  const world = await startMonitorWorld({ target });
  running.push(world.api);
  return world;
}

const refuses = { onBackup: async () => await Promise.reject(new Error("Consul is down")) };

describe("what can't be kept", () => {
  test("is not overwritten", async () => {
    const { api, target } = await startWorld(refuses);
    await bringInLine(target, desired([wishedMonitor("ray/a", { message: "old" })]));

    const second = bringInLine(target, desired([wishedMonitor("ray/a", { message: "new" })]));

    await expect(second).rejects.toMatchObject({
      failure: "unavailable",
      message: expect.stringContaining("its backup could not be stored (Consul is down)"),
    });
    expect(only(api, "ray/a").message).toBe("old");
  });

  test("is not deleted", async () => {
    const { api, target } = await startWorld(refuses);
    await bringInLine(target, desired([wishedMonitor("ray/a")]));

    await expect(bringInLine(target, desired([]))).rejects.toMatchObject({ failure: "unavailable" });

    expect(api.monitors.size).toBe(1);
  });

  test("is not overwritten either where it was found instead of made", async () => {
    const { api, target } = await startWorld(refuses);
    const wish = wishedMonitor("ray/a", { message: "new" });
    await bringInLine(target, desired([wishedMonitor("ray/a", { message: "old" })]));

    const create = target.apply({ type: "create", desired: wish }, signal());

    await expect(create).rejects.toMatchObject({ failure: "unavailable" });
    expect(only(api, "ray/a").message).toBe("old");
  });
});

test("keeps the whole text of what is overwritten and deleted, and why", async () => {
  const kept: [string, string, string][] = [];
  const { api, target } = await startWorld({
    onBackup: (reason, key, json) =>
      void kept.push([reason, key, (JSON.parse(json) as { message: string }).message]),
  });
  await bringInLine(target, desired([wishedMonitor("ray/a", { message: "one" })]));
  await bringInLine(target, desired([wishedMonitor("ray/a", { message: "two" })]));
  api.edit(only(api, "ray/a").id, { message: "by hand" });
  await bringInLine(target, desired([wishedMonitor("ray/a", { message: "two" })]));
  await bringInLine(target, desired([]));

  expect(kept).toEqual([
    ["update", "ray/a", "one"],
    ["drift", "ray/a", "by hand"],
    ["delete", "ray/a", "two"],
  ]);
});

describe("an edit that may stay", () => {
  const wish = { ...wishedMonitor("ray/a"), drift: "report" } as const;

  test("is not overwritten if it is made between the look and the write", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wish]));
    const observed = (await observedByKey(target)).get("ray/a")!;
    api.edit(only(api, "ray/a").id, { message: "by hand" });
    const body = { ...wish.body, name: "another wish" };

    const update = target.apply(
      { type: "update", desired: { ...wish, body }, observed, drifted: false, changes: [] },
      signal(),
    );

    await expect(update).rejects.toMatchObject({ failure: "ambiguous" });
    expect(only(api, "ray/a").message).toBe("by hand");
  });

  test("is not overwritten if the list has missed the monitor", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wish]));
    api.edit(only(api, "ray/a").id, { message: "by hand" });

    const create = target.apply({ type: "create", desired: wish }, signal());

    await expect(create).rejects.toMatchObject({ failure: "ambiguous" });
    expect(only(api, "ray/a").message).toBe("by hand");
  });
});

describe("a monitor that others use", () => {
  test("is deleted only once a person has approved exactly that", async () => {
    const approved = new Set<string>();
    const { api, target } = await startWorld({ isApproved: (_reason, hash) => approved.has(hash) });
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const { id } = only(api, "ray/a");
    api.references.set(id, "abc,Checkout");
    const refused = async () =>
      await bringInLine(target, desired([])).then(
        () => undefined,
        (error: unknown) => error as { failure: string; hint: string; message: string },
      );

    const first = await refused();
    approved.add(/approve (\w+)$/.exec(first!.hint)![1]!);
    api.references.set(id, "def,Login");
    const second = await refused();
    approved.add(/approve (\w+)$/.exec(second!.hint)![1]!);
    const stood = api.monitors.size;
    const third = await refused();

    expect(first).toMatchObject({ failure: "inUse", message: expect.stringContaining("Checkout") });
    expect(second).toMatchObject({ failure: "inUse", message: expect.stringContaining("Login") });
    expect(stood).toBe(1);
    expect(third).toBeUndefined();
    expect(api.monitors.size).toBe(0);
  });
});
