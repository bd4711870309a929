import { afterEach, describe, expect, test } from "vitest";

import { datadogReader, datadogWriter } from "../../clients/datadog.ts";
import type { MonitorBody } from "../../controllers/monitors/canonical.ts";
import { Organisation } from "../../controllers/datadog/organisation.ts";
import { monitorTarget, type MonitorTargetOptions } from "../../controllers/monitors/target.ts";
import { hashOf } from "../../engine/hash.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { marked, startMonitorWorld, type MonitorWorldOptions } from "../builders/monitor-world.ts";
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

describe("a Datadog that is down or limits the rate", () => {
  test.for<[fault: Fault, failure: string]>([
    [{ kind: "html", status: 502 }, "unavailable"],
    [{ kind: "html", status: 200 }, "unavailable"],
    [{ kind: "badJson" }, "unavailable"],
    [{ kind: "truncate" }, "unavailable"],
    [{ kind: "reset" }, "unavailable"],
    [{ kind: "hang" }, "unavailable"],
    [{ kind: "status", status: 503 }, "unavailable"],
    [{ kind: "status", status: 302, headers: { location: "http://127.0.0.1:1/" } }, "unavailable"],
    [{ kind: "status", status: 429, headers: { "x-ratelimit-reset": "3" } }, "rateLimited"],
    [{ kind: "status", status: 403 }, "unauthorized"],
  ])("a list that fails is never an empty one: %j", async ([fault, failure]) => {
    const { api, target } = await startWorld({ timeoutMs: 300 });
    api.fault(fault);

    await expect(target.observe(signal())).rejects.toMatchObject({ failure });
    expect(api.writes).toBe(0);
  });

  test("says when to come back after a 429, and creates nothing twice", async () => {
    const { api, target } = await startWorld();
    api.fault({ method: "POST", kind: "status", status: 429, headers: { "x-ratelimit-reset": "1" } });

    const first = bringInLine(target, desired([wishedMonitor("ray/a")]));
    await expect(first).rejects.toMatchObject({
      failure: "rateLimited",
      retryAfterMs: 1_000,
      stopsRun: true,
    });
    await bringInLine(target, desired([wishedMonitor("ray/a")]));

    expect(marked(api, "ray/a")).toHaveLength(1);
  });

  test("keeps to a tight limit without ever hitting it", async () => {
    const { api, target } = await startWorld({ limit: { limit: 3, periodSeconds: 1 } });
    const wishes = Array.from({ length: 8 }, (_, n) => wishedMonitor(`ray/m${n}`));

    await bringInLine(target, desired(wishes));

    expect(api.monitors.size).toBe(8);
    expect(api.log.filter((request) => request.status === 429)).toEqual([]);
  });

  test("names the missing scope, and never a key", async () => {
    const { api, target } = await startWorld({ permissions: ["monitors_read"] });

    const error: unknown = await bringInLine(target, desired([wishedMonitor("ray/a")])).catch(
      (e: unknown) => e,
    );

    expect(error).toMatchObject({ failure: "unauthorized", hint: expect.stringMatching(/monitors_write/) });
    expect(JSON.stringify(error) + String(error)).not.toContain(api.apiKey);
    expect(JSON.stringify(error) + String(error)).not.toContain(api.appKey);
  });

  test("one refused monitor leaves the others alone", async () => {
    const { api, target } = await startWorld();
    const broken = wishedMonitor("ray/a", { query: "nonsense", options: {} });

    const refused = target.apply({ type: "create", desired: broken }, signal());

    await expect(refused).rejects.toMatchObject({ failure: "rejected", stopsRun: false });
    await target.apply({ type: "create", desired: wishedMonitor("ray/b") }, signal());
    expect(marked(api, "ray/b")).toHaveLength(1);
  });
});

describe("a world that is not the one we remember", () => {
  async function emptied(count: number, options: Partial<MonitorTargetOptions> = {}) {
    const world = await startWorld({ target: options });
    const wishes = Array.from({ length: count }, (_, n) => wishedMonitor(`ray/m${n}`));
    await bringInLine(world.target, desired(wishes));
    await world.target.observe(signal());
    world.clock.advance(60_000);
    return { ...world, wishes };
  }

  test("a few monitors that are really gone are made again", async () => {
    const { api, target, wishes } = await emptied(3);
    api.monitors.clear();
    api.add({ name: "somebody else's" });

    await bringInLine(target, desired(wishes));

    expect(api.monitors.size).toBe(4);
  });

  test("a list that is wrongly empty stops everything", async () => {
    const { api, target, wishes } = await emptied(3);
    const before = [...api.monitors];
    api.fault({ method: "GET", path: /\/monitor$/, kind: "status", status: 200, body: [], times: Infinity });

    const pass = bringInLine(target, desired(wishes));

    await expect(pass).rejects.toMatchObject({ name: "RefusedError", reason: "SuspiciouslyEmpty" });
    expect([...api.monitors]).toEqual(before);
  });

  test("a few monitors gone from an organisation that shows nothing at all wait for a person", async () => {
    const { api, target, wishes } = await emptied(3);
    api.monitors.clear();

    const pass = bringInLine(target, desired(wishes));

    await expect(pass).rejects.toMatchObject({ name: "RefusedError", reason: "SuspiciouslyEmpty" });
    expect(api.monitors.size).toBe(0);
  });

  test("many monitors gone at once wait for a person's approval", async () => {
    const approved = new Set<string>();
    const { api, target, wishes } = await emptied(11, { isApproved: (_reason, hash) => approved.has(hash) });
    api.monitors.clear();

    const error: unknown = await bringInLine(target, desired(wishes)).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: "RefusedError", reason: "SuspiciouslyEmpty" });
    expect(api.monitors.size).toBe(0);
    approved.add((error as { hash: string }).hash);
    await bringInLine(target, desired(wishes));

    expect(api.monitors.size).toBe(11);
  });

  test("keys of another organisation stop everything", async () => {
    const seen: number[] = [];
    const organisation = new Organisation({
      remembered: 1,
      onChange: (found) => void seen.push(found),
      read: async () => 2,
    });
    const { api, target } = await startWorld({ orgId: 2, target: { organisation } });
    api.add({ name: "theirs" });

    const pass = bringInLine(target, desired([wishedMonitor("ray/a")]));

    await expect(pass).rejects.toMatchObject({ name: "RefusedError", reason: "OtherOrganisation" });
    expect(api.writes).toBe(0);
    expect(seen).toEqual([]);
  });
});

describe("what it costs", () => {
  test("10,000 monitors of other people cost no further call", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    for (let n = 0; n < 10_000; n++) api.add({ name: `theirs ${n}`, tags: ["team:other"] });
    api.log.length = 0;

    await target.observe(signal());

    expect(api.log).toHaveLength(1);
  });

  test.for([
    [0, 2],
    [1, 1],
    [999, 1],
    [1_000, 1],
    [2_500, 3],
  ] as const)("a drift check of %i monitors takes %i calls and no write", async ([count, calls]) => {
    const { api, target, memory } = await startWorld();
    const wishes: DesiredObject<MonitorBody>[] = [];
    for (let n = 0; n < count; n++) {
      const wish = wishedMonitor(`ray/m${n}`);
      const id = api.add({ ...wish.body, options: { ...wish.body.options } });
      memory.set(wish.key, { owner: wish.owner, ref: String(id), applied: hashOf(wish.body) });
      wishes.push(wish);
    }
    api.log.length = 0;

    const plan = await bringInLine(target, desired(wishes));

    expect(plan.actions).toEqual([]);
    expect(api.log).toHaveLength(calls);
    expect(api.writes).toBe(0);
  });
});

describe("a dry run", () => {
  test("can't write, whatever it is told", async () => {
    const { api, settings, memory } = await startWorld();
    const target = monitorTarget({ datadog: datadogReader(settings), clusterId: CLUSTER, memory });

    await expect(bringInLine(target, desired([wishedMonitor("ray/a")]))).rejects.toThrow(/only reads/);
    const forced = datadogWriter({ ...settings, readOnly: true });
    await expect(forced.createMonitor({ type: "x" }, { signal: signal() })).rejects.toThrow(/only reads/);
    await expect(forced.deleteMonitor(1, { signal: signal() })).rejects.toThrow(/only reads/);
    await expect(forced.validateMonitor({ type: "x" }, { signal: signal() })).rejects.toThrow(/only reads/);

    expect(api.log.every((request) => request.method === "GET")).toBe(true);
  });
});
