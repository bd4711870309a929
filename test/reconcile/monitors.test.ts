import { afterEach, describe, expect, test } from "vitest";

import { datadogReader, datadogWriter } from "../../clients/datadog.ts";
import type { MonitorBody } from "../../controllers/monitors/canonical.ts";
import { markTags } from "../../controllers/monitors/mark.ts";
import { monitorTarget, type MonitorTargetOptions } from "../../controllers/monitors/target.ts";
import { Budget } from "../../engine/budget.ts";
import { hashOf } from "../../engine/hash.ts";
import { Memory } from "../../engine/memory.ts";
import { diff, type DesiredObject } from "../../engine/plan.ts";
import { CLUSTER, wishedMonitor } from "../builders/monitors.ts";
import { startFakeDatadog, type FakeDatadog, type FakeDatadogOptions, type Fault } from "../fakes/datadog.ts";
import { bringInLine, desired, observedByKey, signal, testTargetContract } from "../target-contract.ts";

const running: FakeDatadog[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
});

interface WorldOptions extends FakeDatadogOptions {
  readonly target?: Partial<MonitorTargetOptions>;
  readonly timeoutMs?: number;
}

async function startWorld({ target: targetOptions = {}, timeoutMs = 2_000, ...options }: WorldOptions = {}) {
  const api = await startFakeDatadog(options);
  running.push(api);
  const memory = new Memory();
  const budget = new Budget();
  const settings = { url: api.url, apiKey: api.apiKey, appKey: api.appKey, timeoutMs, gate: budget };
  const datadog = datadogWriter(settings);
  let now = 0;
  const clock = { now: () => now, advance: (ms: number) => (now += ms) };
  const target = monitorTarget({
    datadog,
    clusterId: CLUSTER,
    memory,
    now: clock.now,
    lookAgainMs: 1,
    ...targetOptions,
  });
  return { api, memory, target, settings, clock, datadog };
}

/** The ids of the monitors that carry this key's mark. */
function marked(api: FakeDatadog, key: string): readonly number[] {
  return [...api.monitors.values()]
    .filter((monitor) => monitor.tags.includes(`dd-observe-key:${key}`))
    .map((monitor) => monitor.id);
}

function only(api: FakeDatadog, key: string) {
  const [id, ...others] = marked(api, key);
  if (id === undefined || others.length > 0) throw new Error(`${others.length + 1} monitors for ${key}`);
  const monitor = api.monitors.get(id);
  if (monitor === undefined) throw new Error(`no monitor ${id}`);
  return monitor;
}

testTargetContract<MonitorBody>("monitors", async () => {
  const { api, target } = await startWorld();
  return {
    target,
    wish: (name, variant) =>
      wishedMonitor(`ray/${name}`, {
        query: `avg(last_5m):avg:a.b{*} > ${variant}`,
        options: { thresholds: { critical: variant } },
      }),
    writes: () => api.writes,
    count: () => api.monitors.size,
    stop: () => api.stop(),
  };
});

describe("whose a monitor is", () => {
  test("leaves monitors without a mark, and those of another operator, alone", async () => {
    const { api, target } = await startWorld();
    api.add({ name: "made by hand", tags: ["team:a"] });
    api.add({ name: "other", tags: markTags({ clusterId: "dc2", key: "ray/a", retain: false }) });
    api.add({ name: "other tool", tags: ["managed-by:terraform"] });
    const before = structuredClone([...api.monitors]);

    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    await bringInLine(target, desired([]));

    expect([...api.monitors]).toEqual(before);
  });

  test("keeps the monitor that it wrote when a person clones it, whichever is older", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const ours = only(api, "ray/a");
    const older = { ...ours, id: 7, name: "cloned by hand" };
    api.monitors.set(7, older);

    const plan = await bringInLine(target, desired([wishedMonitor("ray/a", { message: "new" })]));

    expect(plan.actions).toHaveLength(1);
    expect(api.monitors.get(ours.id)?.message).toBe("new");
    expect(api.monitors.get(7)).toEqual(older);
    expect(target.duplicates).toEqual(new Map([["ray/a", [7]]]));
  });

  test("takes the oldest of two clones when nothing is remembered", async () => {
    const { api, target, memory } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const ours = only(api, "ray/a");
    api.monitors.set(ours.id + 1, { ...ours, id: ours.id + 1 });
    memory.delete("ray/a");

    for (let pass = 0; pass < 3; pass++) await bringInLine(target, desired([]));

    expect([...api.monitors.keys()]).toEqual([ours.id + 1]);
  });

  test("never owns the monitor of a synthetic test, even with our mark", async () => {
    const { api, target } = await startWorld();
    const tags = markTags({ clusterId: CLUSTER, key: "ray/a", retain: false });
    const id = api.add({ type: "synthetics alert", tags });

    await bringInLine(target, desired([]));

    expect(api.monitors.has(id)).toBe(true);
  });

  test("gives up a monitor whose mark a person took away, before writing to it", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const observed = await observedByKey(target);
    api.edit(only(api, "ray/a").id, { tags: ["mine:now"] });

    const [action] = diff(desired([]), observed).actions;

    await expect(target.apply(action as never, signal())).rejects.toMatchObject({ failure: "conflict" });
    expect(api.monitors.size).toBe(1);
  });

  test("makes no monitor whose mark Datadog would cut off", async () => {
    const { api, target } = await startWorld();

    const created = bringInLine(target, desired([wishedMonitor(`ray/${"x".repeat(190)}`)]));

    await expect(created).rejects.toMatchObject({
      failure: "rejected",
      hint: expect.stringMatching(/Shorten/),
    });
    expect(api.monitors.size).toBe(0);
  });

  test("adopts a monitor by its number and changes nothing but the tags", async () => {
    const { api, target } = await startWorld();
    const query = "avg(last_5m):avg:a.b{*} > 1";
    const id = api.add({
      name: "old",
      query,
      message: "x",
      tags: ["team:a"],
      options: { silenced: { "*": 5 } },
    });

    const adopted = await target.adopt(id, "ray/a", signal());

    expect(adopted).toMatchObject({ key: "ray/a", owner: "ray", ref: String(id) });
    expect(api.monitors.get(id)).toMatchObject({
      name: "old",
      query,
      message: "x",
      options: { silenced: { "*": 5 } },
      tags: ["team:a", ...markTags({ clusterId: CLUSTER, key: "ray/a", retain: false })],
    });
  });

  test("adopts nothing that somebody else keeps", async () => {
    const { api, target } = await startWorld();
    const id = api.add({ name: "theirs", tags: ["managed-by:terraform"] });

    const adoption = target.adopt(id, "ray/a", signal());

    await expect(adoption).rejects.toThrow(/carries the mark managed-by:terraform/);
    expect(api.writes).toBe(0);
  });
});

describe("equal means equal", () => {
  test("people's mutes survive an update", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    api.edit(only(api, "ray/a").id, { options: { silenced: { "host:a": 1_800_000_000 } } });

    await bringInLine(target, desired([wishedMonitor("ray/a", { message: "new" })]));

    expect(only(api, "ray/a")).toMatchObject({
      message: "new",
      options: { silenced: { "host:a": 1_800_000_000 } },
    });
  });

  test("a mute alone is no drift", async () => {
    const { api, target } = await startWorld();
    const wished = desired([wishedMonitor("ray/a")]);
    await bringInLine(target, wished);
    api.edit(only(api, "ray/a").id, { options: { silenced: { "*": null } } });

    const plan = await bringInLine(target, wished);

    expect(plan.actions).toEqual([]);
  });

  test("puts back what a person edited, and keeps their version", async () => {
    const backups: string[] = [];
    const { api, target } = await startWorld({
      target: { onBackup: (kind, key, json) => backups.push(`${kind} ${key} ${json}`) },
    });
    const wished = desired([wishedMonitor("ray/a")]);
    await bringInLine(target, wished);
    api.edit(only(api, "ray/a").id, { message: "edited by hand" });

    const plan = await bringInLine(target, wished);

    expect(plan.actions).toMatchObject([{ type: "update", drifted: true }]);
    expect(only(api, "ray/a").message).toBe("Load is high @slack-ops");
    expect(backups).toEqual([expect.stringMatching(/^drift ray\/a .*"message":"edited by hand"/)]);
  });

  test("creates again what a person deleted, once the list says so", async () => {
    const { api, target, clock } = await startWorld();
    const wished = desired([wishedMonitor("ray/a"), wishedMonitor("ray/b")]);
    await bringInLine(target, wished);
    await target.observe(signal());
    clock.advance(60_000);
    api.remove(only(api, "ray/a").id);

    await bringInLine(target, wished);

    expect(marked(api, "ray/a")).toHaveLength(1);
  });

  test("an update of what was just deleted says so and creates nothing", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const plan = diff(desired([wishedMonitor("ray/a", { message: "new" })]), await observedByKey(target));
    api.remove(only(api, "ray/a").id);

    const applied = target.apply(plan.actions[0] as never, signal());

    await expect(applied).rejects.toMatchObject({ failure: "notFound" });
    expect(api.monitors.size).toBe(0);
  });

  test("doesn't turn a monitor into another family, and says what to do", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const other = wishedMonitor("ray/a", {
      type: "log alert",
      query: 'logs("x").rollup("count").last("5m") > 4',
    });

    const applied = bringInLine(target, desired([other]));

    await expect(applied).rejects.toMatchObject({
      failure: "rejected",
      hint: expect.stringMatching(/another name/),
    });
    expect(only(api, "ray/a").type).toBe("query alert");
  });

  test("takes back an option that is no longer wished, even one that Datadog may set by itself", async () => {
    const { api, target, datadog, memory } = await startWorld();
    const thresholds = { critical: 4 };
    const before = wishedMonitor("ray/a", { options: { thresholds, evaluation_delay: 60 } });
    const after = wishedMonitor("ray/a", { options: { thresholds } });
    await bringInLine(target, desired([before]));
    const restarted = monitorTarget({ datadog, clusterId: CLUSTER, memory, wanted: () => after.body });

    await bringInLine(restarted, desired([after]));

    expect(only(api, "ray/a").options).not.toHaveProperty("evaluation_delay");
  });

  test("leaves an option that Datadog set by itself", async () => {
    const { api, target } = await startWorld();
    const wished = desired([wishedMonitor("ray/a")]);
    await bringInLine(target, wished);
    api.edit(only(api, "ray/a").id, { options: { evaluation_delay: 900, an_option_of_next_year: true } });

    const plan = await bringInLine(target, wished);

    expect(plan.actions).toEqual([]);
  });

  test("every option that is sent arrives", async () => {
    const { api, target } = await startWorld();
    const options = {
      thresholds: { critical: 4, warning: 3, critical_recovery: 2, warning_recovery: 1 },
      threshold_windows: { trigger_window: "last_15m", recovery_window: "last_15m" },
      enable_logs_sample: true,
      escalation_message: "still bad",
      evaluation_delay: 60,
      group_retention_duration: "2d",
      groupby_simple_monitor: true,
      include_tags: false,
      min_failure_duration: 60,
      new_group_delay: 120,
      notification_preset_name: "hide_query",
      notify_audit: true,
      notify_by: ["host"],
      on_missing_data: "show_no_data",
      renotify_interval: 30,
      renotify_occurrences: 3,
      renotify_statuses: ["alert", "warn"],
      require_full_window: false,
      scheduling_options: { evaluation_window: { day_starts: "04:00" } },
      timeout_h: 4,
      variables: [{ data_source: "metrics", name: "q", query: "avg:a.b{*}" }],
      an_option_of_next_year: { deep: [1, { is: "kept" }] },
    };

    await bringInLine(target, desired([wishedMonitor("ray/a", { options })]));

    expect(only(api, "ray/a").options).toEqual({ ...options, silenced: {} });
  });
});

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

  test("adopts the duplicate that Datadog names, if it is ours", async () => {
    const { api, target } = await startWorld();
    const wish = wishedMonitor("ray/a");
    await bringInLine(target, desired([wish]));

    const again = await target.apply({ type: "create", desired: wish }, signal());

    expect(again?.ref).toBe(String(only(api, "ray/a").id));
  });
});

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

describe("what can't be deleted", () => {
  test("names who uses the monitor, and leaves it", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    api.references.set(only(api, "ray/a").id, "abc,Checkout");

    const deletion = bringInLine(target, desired([]));

    await expect(deletion).rejects.toMatchObject({
      failure: "conflict",
      message: expect.stringMatching(/is referenced in slos: \[abc,Checkout\]/),
    });
    expect(api.monitors.size).toBe(1);
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
    const { api, target } = await startWorld({
      orgId: 2,
      target: { organisation: 1, onOrganisation: (organisation) => seen.push(organisation) },
    });
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
    [1_000, 2],
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
