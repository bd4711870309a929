import { afterEach, describe, expect, test } from "vitest";

import type { MonitorBody } from "../../controllers/monitors/canonical.ts";
import { markTags } from "../../controllers/monitors/mark.ts";
import { monitorTarget } from "../../controllers/monitors/target.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { diff } from "../../engine/plan/plan.ts";
import { marked, only, startMonitorWorld, type MonitorWorldOptions } from "../builders/monitor-world.ts";
import { CLUSTER, wishedMonitor } from "../builders/monitors.ts";
import type { FakeDatadog } from "../fakes/datadog.ts";
import { bringInLine, desired, observedByKey, signal, testTargetContract } from "../target-contract.ts";

const running: FakeDatadog[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
});

async function startWorld(options: MonitorWorldOptions = {}) {
  const world = await startMonitorWorld(options);
  running.push(world.api);
  return world;
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
    expect(target.duplicates).toEqual(new Map([["ray/a", ["7"]]]));
  });

  /** The next list shows a clone of `ray/a`, and not yet the original. */
  function listOnlyAClone(api: FakeDatadog): number {
    const clone = { ...only(api, "ray/a"), id: 7_777_777, name: "cloned by hand" };
    api.monitors.set(clone.id, clone);
    api.fault({ method: "GET", path: /monitor$/, kind: "status", status: 200, body: [clone] });
    return clone.id;
  }

  test("a clone isn't taken for the original that a list doesn't show yet", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const ours = only(api, "ray/a");
    const clone = listOnlyAClone(api);
    api.fault({ method: "GET", path: new RegExp(`monitor/${ours.id}$`), kind: "status", status: 404 });

    const lagging = await target.observe(signal());
    const later = await target.observe(signal());

    expect(lagging).toEqual([]);
    expect(later.map(({ ref }) => ref)).toEqual([String(ours.id)]);
    expect(target.duplicates).toEqual(new Map([["ray/a", [String(clone)]]]));
  });

  test("an original that a list doesn't show is looked for before a clone takes its place", async () => {
    const { api, target, clock } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    const ours = only(api, "ray/a");
    await target.observe(signal());
    clock.advance(60_000);
    listOnlyAClone(api);

    const observed = await target.observe(signal());

    expect(observed.map(({ ref }) => ref)).toEqual([String(ours.id)]);
  });

  test("what an earlier process created in place of one that is gone is ours, though nobody noted it", async () => {
    const first = await startWorld();
    await bringInLine(first.target, desired([wishedMonitor("ray/a")]));
    const before = only(first.api, "ray/a");
    const { createdAt: _listed, ...remembered } = first.memory.get("ray/a")!;
    first.api.remove(before.id);
    const noted = new Memory();
    noted.set("ray/a", remembered);
    // It died after the create took effect, and before it could note it: only the intent stands written down.
    const made = first.api.add({ ...before, message: "made by the one that died" });
    const next = monitorTarget({
      datadog: first.datadog,
      clusterId: CLUSTER,
      memory: noted,
      now: first.clock.now,
      lookAgainMs: 1,
      open: () => new Map([["ray/a", 500]]),
    });

    const observed = await next.observe(signal());
    first.clock.advance(60_000);
    await bringInLine(next, desired([wishedMonitor("ray/a")]));

    expect(observed.map(({ ref }) => ref)).toEqual([String(made)]);
    expect(marked(first.api, "ray/a")).toEqual([made]);
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

    const adopted = await target.adopt(String(id), "ray/a", signal());

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

    const adoption = target.adopt(String(id), "ray/a", signal());

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
      target: { onBackup: (kind, key, json) => void backups.push(`${kind} ${key} ${json}`) },
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

describe("what can't be deleted", () => {
  test("names who uses the monitor, and leaves it", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedMonitor("ray/a")]));
    api.references.set(only(api, "ray/a").id, "abc,Checkout");

    const deletion = bringInLine(target, desired([]));

    await expect(deletion).rejects.toMatchObject({
      failure: "inUse",
      message: expect.stringMatching(/is referenced in slos: \[abc,Checkout\]/),
    });
    expect(api.monitors.size).toBe(1);
  });
});
