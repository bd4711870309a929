import { afterEach, describe, expect, test } from "vitest";

import { monitorTarget } from "../../controllers/monitors/target.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { rememberedOf, storedOf } from "../../engine/status/stored-object.ts";
import { marked, only, startMonitorWorld, type MonitorWorldOptions } from "../builders/monitor-world.ts";
import { CLUSTER, wishedMonitor } from "../builders/monitors.ts";
import type { FakeDatadog, Fault } from "../fakes/datadog.ts";
import { bringInLine, desired, signal } from "../target-contract.ts";

const running: FakeDatadog[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
});

async function startWorld(options: MonitorWorldOptions = {}) {
  const world = await startMonitorWorld(options);
  running.push(world.api);
  return world;
}

const STRIKES: readonly Omit<Fault, "method">[] = [
  { kind: "status", status: 500 },
  { kind: "status", status: 504 },
  { kind: "status", status: 512 },
  { kind: "html" },
  { kind: "badJson" },
  { kind: "truncate" },
  { kind: "reset" },
  { kind: "hang" },
];
const AMBIGUOUS = STRIKES.flatMap((strike) => [strike, { ...strike, after: true }]);

describe("an answer that is lost", () => {
  test.for(AMBIGUOUS)("leaves exactly one monitor after a create: %j", async (strike) => {
    const { api, target, clock } = await startWorld({ timeoutMs: 300 });
    const wished = desired([wishedMonitor("ray/a")]);
    api.fault({ ...strike, method: "POST" });

    for (let pass = 0; pass < 3; pass++) {
      await bringInLine(target, wished).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
      clock.advance(31_000);
    }

    expect(marked(api, "ray/a")).toHaveLength(1);
    expect((await bringInLine(target, wished)).actions).toEqual([]);
  });

  test.for(AMBIGUOUS)("is made good after an update: %j", async (strike) => {
    const { api, target } = await startWorld({ timeoutMs: 300 });
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const wished = desired([wishedMonitor("ray/a", { message: "new" })]);
    api.fault({ ...strike, method: "PUT" });

    for (let pass = 0; pass < 2; pass++) {
      await bringInLine(target, wished).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
    }

    expect(only(api, "ray/a").message).toBe("new");
  });

  test.for(AMBIGUOUS)("is made good after a delete: %j", async (strike) => {
    const { api, target } = await startWorld({ timeoutMs: 300 });
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    api.fault({ ...strike, method: "DELETE" });

    for (let pass = 0; pass < 2; pass++) {
      await bringInLine(target, desired([])).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
    }

    expect(api.monitors.size).toBe(0);
  });

  test("never makes a second monitor while reads lag behind writes", async () => {
    const { api, target, clock } = await startWorld({ readLagMs: 400 });
    const wished = (message: string) => desired([wishedMonitor("ray/a", { message })]);
    api.fault({ method: "POST", kind: "status", status: 502, after: true });
    const passes = ["one", "two", "three", "four"].map((message) => async () => {
      await bringInLine(target, wished(message)).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
      clock.advance(1_000);
    });

    for (const pass of passes) await pass();
    const during = marked(api, "ray/a").length;
    api.setReadLag(0);
    await bringInLine(target, wished("five"));

    expect(during).toBe(1);
    expect(only(api, "ray/a").message).toBe("five");
  });

  test("never makes a second monitor of one that was just made and isn't listed yet", async () => {
    const { api, target } = await startWorld({ readLagMs: 60_000 });
    await bringInLine(target, desired([wishedMonitor("ray/a", { message: "one" })]));

    const second = bringInLine(target, desired([wishedMonitor("ray/a", { message: "two" })]));

    await expect(second).rejects.toMatchObject({ failure: "ambiguous" });
    expect(marked(api, "ray/a")).toHaveLength(1);
  });

  test("never makes a second monitor of one that slipped between two pages of the list", async () => {
    const { api, datadog, memory } = await startWorld();
    const wishes = Array.from({ length: 1_001 }, (_, n) => wishedMonitor(`ray/m${n}`));
    const ids = wishes.map((wish) => api.add({ ...wish.body }));
    // Somebody deletes a monitor of the first page between the two calls: the second page begins one too late.
    const slipping = {
      ...datadog,
      listMonitors: async (...[tags, options]: Parameters<typeof datadog.listMonitors>) => {
        const list = await datadog.listMonitors(tags, options);
        const isWhole = tags.length === 2;
        return { ...list, monitors: list.monitors.filter(({ id }) => !isWhole || id !== ids[1_000]) };
      },
    };
    const target = monitorTarget({ datadog: slipping, clusterId: CLUSTER, memory });

    const plan = await bringInLine(target, desired([...wishes.slice(0, 1_000), wishedMonitor("ray/m1000")]));

    expect(plan.actions).toMatchObject([{ type: "create" }]);
    expect(marked(api, "ray/m1000")).toHaveLength(1);
  });

  test("what never was there is not looked for before it is made, however long the list is", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([]));
    const wishes = Array.from({ length: 1_001 }, (_, n) => wishedMonitor(`ray/m${n}`));
    for (const wish of wishes) api.add({ ...wish.body });
    const before = api.log.length;

    await bringInLine(target, desired([...wishes, wishedMonitor("ray/new")]));

    const calls = api.log.slice(before).map(({ method, query }) => (method === "GET" ? query : method));
    expect(calls.filter((call) => call === "POST")).toHaveLength(1);
    expect(calls.filter((call) => call.includes("dd-observe-key"))).toEqual([]);
    expect(marked(api, "ray/new")).toHaveLength(1);
  });

  test("what may have been adopted since the list was read is looked for before it is made", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/other")]));
    const wish = wishedMonitor("ray/a");
    api.add({ ...wish.body, message: "made by a person" });

    target.doubt?.(["ray/a"]);
    await target.apply({ type: "create", desired: wish }, signal());

    expect(marked(api, "ray/a")).toHaveLength(1);
    expect(only(api, "ray/a").message).toBe(wish.body.message);
  });

  test("adopts the duplicate that Datadog names, if it is ours", async () => {
    const { api, target } = await startWorld();
    const wish = wishedMonitor("ray/a");
    await bringInLine(target, desired([wish]));

    const again = await target.apply({ type: "create", desired: wish }, signal());

    expect(again?.ref).toBe(String(only(api, "ray/a").id));
  });
});

/** What a process after this one knows: what stands in the statuses, and nothing else. */
function successor(memory: Memory): Memory {
  const next = new Memory();
  for (const [key, object] of memory.entries())
    next.set(
      key,
      rememberedOf(object.owner, storedOf("monitors", key, object, { values: 1_000 }), Date.now()),
    );
  return next;
}

describe("a process that follows another one", () => {
  test("makes no second monitor of one that was created moments ago, while reads lag", async () => {
    const { api, target, memory, datadog } = await startWorld();
    const wished = desired([wishedMonitor("ray/a"), wishedMonitor("ray/b")]);
    await bringInLine(target, desired([wishedMonitor("ray/b")]));
    api.setReadLag(400);
    await bringInLine(target, wished);
    const next = monitorTarget({ datadog, clusterId: CLUSTER, memory: successor(memory) });

    await expect(bringInLine(next, wished)).rejects.toMatchObject({ failure: "ambiguous" });

    expect(marked(api, "ray/a")).toHaveLength(1);
    await expect.poll(async () => (await bringInLine(next, wished)).actions).toEqual([]);
    expect(marked(api, "ray/a")).toHaveLength(1);
  });

  test("makes a monitor again that somebody deleted, once reads must show it", async () => {
    const { api, target, memory, datadog } = await startWorld();
    const wished = desired([wishedMonitor("ray/a"), wishedMonitor("ray/b")]);
    await bringInLine(target, wished);
    await target.observe(signal());
    api.remove(only(api, "ray/a").id);
    const next = monitorTarget({ datadog, clusterId: CLUSTER, memory: successor(memory) });

    await bringInLine(next, wished);

    expect(marked(api, "ray/a")).toHaveLength(1);
  });
});
