import { afterEach, describe, expect, test } from "vitest";

import type { DashboardBody } from "../../controllers/dashboards/canonical.ts";
import { diff } from "../../engine/plan/plan.ts";
import {
  dashboardTarget,
  markedDashboards,
  wishedDashboard,
  type DashboardTargetOptions,
} from "../builders/dashboards.ts";
import { startFakeDatadog, type FakeDatadog, type Fault } from "../fakes/datadog.ts";
import { bringInLine, desired, observedByKey, signal } from "../target-contract.ts";

const running: FakeDatadog[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
});

async function startWorld(options: DashboardTargetOptions = {}) {
  const api = await startFakeDatadog();
  running.push(api);
  return { api, ...dashboardTarget(api, options) };
}

function marked(api: FakeDatadog, key: string): readonly string[] {
  return markedDashboards(api.dashboards.values(), key);
}

const ONE = /^\/api\/v1\/dashboard\/./;
const STRIKES: readonly Omit<Fault, "method">[] = [
  { kind: "status", status: 500 },
  { kind: "html" },
  { kind: "truncate" },
  { kind: "reset" },
  { kind: "hang" },
].flatMap((strike) => [strike, { ...strike, after: true }]) as readonly Omit<Fault, "method">[];

describe("an answer that is lost", () => {
  test.for(STRIKES)("leaves exactly one dashboard after a create: %j", async (strike) => {
    const { api, target, clock } = await startWorld({ timeoutMs: 300 });
    const wished = desired([wishedDashboard("ray/a")]);
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

  test.for(STRIKES)("is made good after an update: %j", async (strike) => {
    const { api, target } = await startWorld({ timeoutMs: 300 });
    await bringInLine(target, desired([wishedDashboard("ray/a")]));
    const wished = desired([wishedDashboard("ray/a", { title: "New" })]);
    api.fault({ ...strike, method: "PUT" });

    for (let pass = 0; pass < 2; pass++) {
      await bringInLine(target, wished).catch((error: unknown) => {
        expect(error).toMatchObject({ failure: "ambiguous" });
      });
    }

    expect([...api.dashboards.values()].map(({ title }) => title)).toEqual(["New"]);
    expect((await bringInLine(target, wished)).actions).toEqual([]);
  });
});

describe("whose a dashboard is", () => {
  test("keeps the one that it wrote when a person clones it, mark and all", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedDashboard("ray/a")]));
    const [id] = marked(api, "ray/a");
    const clone = api.add("dashboards", { ...api.dashboards.get(id!) });
    const before = structuredClone(api.dashboards.get(clone));

    await bringInLine(target, desired([wishedDashboard("ray/a", { title: "New" })]));

    expect(api.dashboards.get(id!)).toMatchObject({ title: "New" });
    expect(api.dashboards.get(clone)).toEqual(before);
    expect(target.duplicates).toEqual(new Map([["ray/a", [clone]]]));
  });

  test("takes the oldest of two clones when nothing is remembered", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedDashboard("ray/a")]));
    const [id] = marked(api, "ray/a");
    const clone = api.add("dashboards", { ...api.dashboards.get(id!) });
    api.edit("dashboards", clone, { created_at: "2001-01-01T00:00:00.000000+00:00" });

    const fresh = dashboardTarget(api);

    expect((await fresh.target.observe(signal())).map(({ ref }) => ref)).toEqual([clone]);
  });

  test("leaves a dashboard alone from which a person took the mark", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedDashboard("ray/a")]));
    const [id] = marked(api, "ray/a");
    const observed = await observedByKey(target);
    api.edit("dashboards", id!, { description: "Mine now." });
    const plan = diff(desired([wishedDashboard("ray/a", { title: "New" })]), observed);

    const applied = target.apply(plan.actions[0]!, signal());

    await expect(applied).rejects.toMatchObject({ failure: "conflict" });
    expect(api.dashboards.get(id!)).toMatchObject({ title: "Dashboard ray/a", description: "Mine now." });
  });

  test("adopts one that people made: its mark is added, and nothing else", async () => {
    const { api, target } = await startWorld();
    const widgets = [{ definition: { type: "note", content: "By hand." } }];
    const id = api.add("dashboards", { title: "Old", description: "Ours.", layout_type: "free", widgets });

    await target.adopt(id, "ray/old", signal());

    expect(api.dashboards.get(id)).toMatchObject({
      title: "Old",
      layout_type: "free",
      description: "Ours.\n\nManaged by dd-observe: owner=dc1 key=ray/old",
      widgets,
    });
    await expect(target.adopt(id, "ray/other", signal())).rejects.toMatchObject({
      failure: "conflict",
      message: expect.stringContaining("Managed by dd-observe: owner=dc1 key=ray/old"),
    });
  });
});

describe("what can't be written", () => {
  const READ_ONLY = {
    kind: "status",
    status: 403,
    body: { errors: ["This dashboard is read-only"] },
  } as const;

  test.for(["PUT", "DELETE"])(
    "a dashboard that only some may edit is refused, and the run goes on: %s",
    async (method) => {
      const { api, target } = await startWorld();
      await bringInLine(target, desired([wishedDashboard("ray/a")]));
      api.fault({ ...READ_ONLY, method, times: Infinity });
      const wished =
        method === "PUT" ? desired([wishedDashboard("ray/a", { title: "New" })]) : desired<DashboardBody>([]);
      const plan = diff(wished, await observedByKey(target));

      const error: unknown = await target
        .apply(plan.actions[0]!, signal())
        .catch((thrown: unknown) => thrown);

      expect(error).toMatchObject({
        failure: "rejected",
        stopsRun: false,
        message: expect.stringContaining("403 This dashboard is read-only"),
        hint: expect.stringContaining("permissions"),
      });
    },
  );

  test("a key without the right to write stops the run as ever", async () => {
    const { api, target } = await startWorld();
    api.fault({ kind: "status", status: 403, body: { errors: ["Forbidden"] }, method: "POST" });

    const written = bringInLine(target, desired([wishedDashboard("ray/a")]));

    await expect(written).rejects.toMatchObject({ failure: "unauthorized", stopsRun: true });
  });

  test("another kind of layout needs another dashboard", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedDashboard("ray/a")]));
    const widgets = [
      { definition: { type: "note", content: "a" }, layout: { x: 0, y: 0, width: 1, height: 1 } },
    ];

    const written = bringInLine(
      target,
      desired([wishedDashboard("ray/a", { layout_type: "free", widgets })]),
    );

    await expect(written).rejects.toMatchObject({ failure: "rejected" });
    expect([...api.dashboards.values()].map((one) => one["layout_type"])).toEqual(["ordered"]);
  });
});

describe("what is listed and can't be read", () => {
  test("is not made a second time, and not taken for gone", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedDashboard("ray/a")]));
    const fresh = dashboardTarget(api);
    api.fault({ kind: "status", status: 404, method: "GET", path: ONE, times: 2 });

    const first = bringInLine(fresh.target, desired([wishedDashboard("ray/a")]));

    await expect(first).rejects.toMatchObject({ failure: "ambiguous" });
    expect((await bringInLine(fresh.target, desired([wishedDashboard("ray/a")]))).actions).toEqual([]);
    expect(marked(api, "ray/a")).toHaveLength(1);
  });

  test("a list that lags behind our write doesn't bring the older text back", async () => {
    const { api, target } = await startWorld();
    await bringInLine(target, desired([wishedDashboard("ray/a")]));
    api.setReadLag(60_000);
    const wished = desired([wishedDashboard("ray/a", { title: "New" })]);
    await bringInLine(target, wished);

    expect((await bringInLine(target, wished)).actions).toEqual([]);
  });
});
