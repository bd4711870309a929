import { expect, test } from "vitest";

import type { Resolution, Wish } from "../../crds/resolve.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { holdUnknown } from "./index.ts";
import { compileMetricTags, type QuerySource } from "./snapshot.ts";

/** As much of a wish as its tag configurations follow from. */
function accepted(service: string, more: object = {}): Resolution {
  const wish = { service, metrics: {}, drift: { rule: "correct", fields: {} }, deletion: "delete", ...more };
  // A whole wish has a pack and some thirty fields that don't matter here.
  return { state: "accepted", service, generation: 1, wish: wish as unknown as Wish };
}

function held(service: string): Resolution {
  const problems = [{ owner: service, reason: "InvalidWish", message: "line 1: no" }];
  return { state: "held", service, generation: 1, problems, paused: false };
}

function snapshot(...resolutions: readonly Resolution[]): Snapshot {
  return { services: new Map(resolutions.map((one) => [one.service, one])), paused: new Set() };
}

function asking(...objects: readonly { readonly owner: string; readonly body: object }[]): QuerySource {
  const desired: Desired<unknown> = {
    objects: new Map(
      objects.map((object, n) => [String(n), { key: String(n), drift: "correct", retain: false, ...object }]),
    ),
    held: new Map(),
    paused: new Set(),
    problems: [],
  };
  return () => desired;
}

test("queries of monitors, widgets and SLOs ask for percentiles, texts beside them don't", () => {
  const compile = compileMetricTags([
    asking({ owner: "ray", body: { query: "p95:a.monitor{*}", message: "p95:a.text{*}" } }),
    asking({ owner: "ray", body: { widgets: [{ definition: { requests: [{ q: "p99:a.widget{*}" }] } }] } }),
    asking({ owner: "ray", body: { query: { numerator: "p50:a.slo{*}", denominator: "avg:a.not{*}" } } }),
  ]);

  const { objects } = compile(snapshot(accepted("ray")));

  expect([...objects.keys()].sort()).toEqual(["_metrics/a.monitor", "_metrics/a.slo", "_metrics/a.widget"]);
  expect([...objects.values()].every(({ owner, isDerived }) => owner === "ray" && isDerived)).toBe(true);
});

test("what is composed of several services asks as an owner of its own", () => {
  const compile = compileMetricTags([asking({ owner: "_dashboards/all", body: { q: "p99:a.b{*}" } })]);

  const { objects, composed } = compile(snapshot(accepted("ray")));

  expect(objects.get("_metrics/a.b")).toMatchObject({ owner: "_dashboards/all" });
  expect(composed).toEqual(new Set(["_dashboards/all"]));
});

test("a service that can't be read keeps what it wished last, and nothing is given up while that isn't known", () => {
  const tags = accepted("ray", { metrics: { "a.b": { tags: ["env"] } } });
  const other = accepted("web", { metrics: { "a.b": { tags: ["host"] } } });
  const known = compileMetricTags([]);
  known(snapshot(tags, other));

  const remembered = known(snapshot(held("ray"), other));
  const anew = compileMetricTags([])(snapshot(held("ray"), other));

  expect(remembered.objects.get("_metrics/a.b")?.body.tags).toEqual(["env", "host"]);
  expect(remembered.unknown).toEqual([]);
  expect(anew.objects.size).toBe(0);
  expect(anew.held.get("_metrics/a.b")).toContain("ray");
  expect(anew.unknown).toEqual(["ray"]);
});

/** Monitors of `ray`: those that ask, and those that can't be made at the moment. */
function changing(): {
  readonly source: QuerySource;
  readonly set: (asks: readonly string[], broken: readonly string[]) => void;
} {
  let desired: Desired<unknown> = asking()(snapshot());
  return {
    source: () => desired,
    set: (asks, keys) => {
      const objects = asks.map((query) => ({ owner: "ray", body: { query } }));
      desired = { ...asking(...objects)(snapshot()), held: new Map(keys.map((key) => [key, "not valid"])) };
    },
  };
}

test("percentiles stay for a monitor that stands there and can't be made as wished", () => {
  const { source, set } = changing();
  const compile = compileMetricTags([source]);
  set(["p95:a.b{*}"], []);
  compile(snapshot(accepted("ray")));

  set([], ["ray/slow"]);
  const broken = compile(snapshot(accepted("ray")));
  const again = compile(snapshot(accepted("ray")));
  set([], []);
  const mended = compile(snapshot(accepted("ray")));

  expect([...broken.objects.keys()]).toEqual(["_metrics/a.b"]);
  expect([...again.objects.keys()]).toEqual(["_metrics/a.b"]);
  expect(broken.unknown).toEqual([]);
  expect(mended.objects.size).toBe(0);
});

test("a new process doesn't know what such a monitor asks for: its service keeps what it has, others go on", () => {
  const { source, set } = changing();
  const compile = compileMetricTags([source]);
  set([], ["ray/slow"]);
  const memory = new Memory();
  memory.set("_metrics/a.b", { owner: "ray", ref: "a.b", applied: "" });
  memory.set("_metrics/a.c", { owner: "web", ref: "a.c", applied: "" });
  const web = accepted("web", { metrics: { "a.d": { tags: ["env"] } } });

  const passes = [1, 2].map(() => holdUnknown(compile(snapshot(accepted("ray"), web)), memory));

  for (const pass of passes) {
    expect([...pass.objects.keys()]).toEqual(["_metrics/a.d"]);
    expect([...pass.held]).toEqual([["_metrics/a.b", expect.stringContaining("something of ray")]]);
  }
});

test("what is composed is here even while nothing in it asks for percentiles", () => {
  const source: QuerySource = (of) => ({ ...asking()(of), composed: new Set(["_dashboards/all"]) });

  expect(compileMetricTags([source])(snapshot(accepted("ray"))).composed).toEqual(
    new Set(["_dashboards/all"]),
  );
});

test("a paused service is paused here as well", () => {
  const { paused } = compileMetricTags([])(snapshot(accepted("ray", { paused: true })));

  expect(paused).toEqual(new Set(["ray"]));
});

test("the same wishes are joined once", () => {
  const compile = compileMetricTags([]);
  const wishes = snapshot(accepted("ray", { metrics: { "a.b": { tags: ["env"] } } }));

  expect(compile({ ...wishes })).toBe(compile({ ...wishes }));
});
