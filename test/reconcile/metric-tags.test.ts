import { afterEach, describe, expect, test } from "vitest";

import { metricTagsWriter } from "../../clients/datadog-metric-tags.ts";
import { canonicalDesired, type MetricTagsBody } from "../../controllers/metric-tags/canonical.ts";
import { metricKey, type MetricTagsObject } from "../../controllers/metric-tags/compile.ts";
import { takeOverHash } from "../../controllers/metric-tags/failures.ts";
import { metricTagsKind } from "../../controllers/metric-tags/kind.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { kindTarget, type KindWorldOptions } from "../builders/kind-world.ts";
import { startFakeDatadog, type FakeDatadog, type Fault } from "../fakes/datadog.ts";
import { bringInLine, desired, signal } from "../target-contract.ts";

const METRIC = "app.latency";
const running: FakeDatadog[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((api) => api.stop()));
});

interface WorldOptions extends KindWorldOptions<MetricTagsBody> {
  readonly open?: () => ReadonlyMap<string, number>;
  readonly isTakenOver?: (hash: string) => boolean;
  readonly api?: FakeDatadog;
}

/** A Datadog that knows one gauge, and the target that keeps tag configurations there. */
async function startWorld({ open, isTakenOver, api: standing, ...options }: WorldOptions = {}) {
  const api = standing ?? (await startFakeDatadog());
  if (standing === undefined) {
    running.push(api);
    api.metrics.set(METRIC, [{ at: Math.floor(Date.now() / 1_000), value: 1, tags: ["env:prod"] }]);
  }
  let wished: ReadonlyMap<string, MetricTagsObject> = new Map();
  let now = Date.now();
  const notes: object[] = [];
  const { target, memory } = kindTarget<MetricTagsBody>(
    api,
    (transport, kept) =>
      metricTagsKind({
        tags: metricTagsWriter(transport),
        memory: kept,
        wished: () => wished,
        open,
        isTakenOver,
        nowMs: () => now,
        log: { info: (fields, message) => void notes.push({ ...fields, message }) },
      }),
    {
      wanted: (key) => wished.get(key)?.body,
      hasWishes: () => wished.size > 0,
      ...(open && { open }),
      ...options,
    },
  );
  const pass = async (...objects: readonly MetricTagsObject[]) => {
    wished = new Map(objects.map((object) => [object.key, object]));
    await target.observe(signal());
    // As the engine does, after the look.
    return await bringInLine(target, desired(objects.filter(({ body }) => !target.isOver(body))));
  };
  return { api, target, memory, pass, notes, advance: (ms: number) => (now += ms) };
}

function wish(
  attributes: object = { tags: ["env"] },
  more: Partial<MetricTagsObject> = {},
): MetricTagsObject {
  const body = canonicalDesired({ id: METRIC, attributes });
  return {
    key: metricKey(METRIC),
    owner: "app",
    body,
    drift: "correct",
    retain: false,
    isDerived: false,
    sharedBy: ["app"],
    ...more,
  };
}

/** What follows from queries alone. */
const derived = (): MetricTagsObject =>
  wish(
    { metric_type: "distribution", tags: [], exclude_tags_mode: true, include_percentiles: true },
    { isDerived: true },
  );

function configured(api: FakeDatadog, attributes: object = { metric_type: "gauge", tags: ["host"] }): void {
  api.add("metric-tags", { id: METRIC, attributes });
}

const attributesOf = (api: FakeDatadog) => api.tagConfigs.get(METRIC)?.["attributes"];

describe("a configuration of somebody else", () => {
  test("stays as it is, and the error says who to ask and how to take it over", async () => {
    const { api, pass } = await startWorld();
    configured(api);
    const before = attributesOf(api);

    const error: unknown = await pass(wish()).catch((caught: unknown) => caught);

    expect(error).toMatchObject({
      failure: "conflict",
      message: expect.stringMatching(/somebody else has configured it since \d{4}-/),
      hint: expect.stringContaining(`dd-observe adopt metric-tags ${METRIC} app`),
    });
    expect(attributesOf(api)).toEqual(before);
    expect(api.writes).toBe(0);
  });

  test("is not deleted when nobody wishes one", async () => {
    const { api, pass } = await startWorld();
    configured(api);

    await pass();

    expect(attributesOf(api)).toBeDefined();
    expect(api.log).toEqual([]);
  });

  test("becomes ours once a person says so, and then is as wished", async () => {
    let approved = "";
    const { api, pass, memory } = await startWorld({ isTakenOver: (hash) => hash === approved });
    configured(api);
    approved = takeOverHash({ ...api.tagConfigs.get(METRIC) });

    await pass(wish());

    expect(attributesOf(api)).toMatchObject({ tags: ["env"] });
    expect(memory.get(metricKey(METRIC))).toMatchObject({ owner: "app", ref: METRIC });
    expect((await pass(wish())).actions).toEqual([]);
  });
});

describe("what was created", () => {
  test("has the type that Datadog has seen where the wish states none", async () => {
    const { api, pass } = await startWorld();
    api.metricTypes.set(METRIC, "count");

    await pass(wish());

    expect(attributesOf(api)).toMatchObject({ metric_type: "count", tags: ["env"] });
    expect((await pass(wish())).actions).toEqual([]);
  });

  test("is changed without its type, and can't become another one", async () => {
    const { api, pass } = await startWorld();
    await pass(wish({ metric_type: "gauge", tags: ["env"] }));

    await pass(wish({ metric_type: "gauge", tags: ["host"] }));
    const other = pass(wish({ metric_type: "distribution", tags: ["host"] }));

    await expect(other).rejects.toMatchObject({ failure: "rejected" });
    expect(attributesOf(api)).toMatchObject({ metric_type: "gauge", tags: ["host"] });
  });

  test("is set right when a person edits it, with a backup of what it was", async () => {
    const kept: string[] = [];
    const { api, pass } = await startWorld({
      onBackup: (reason, key, json) => void kept.push(`${reason} ${key} ${json}`),
    });
    await pass(wish());
    api.edit("metric-tags", METRIC, { attributes: { tags: ["by-hand"] } });

    await pass(wish());

    expect(attributesOf(api)).toMatchObject({ tags: ["env"] });
    expect(kept).toEqual([expect.stringContaining("by-hand")]);
  });

  test("is still ours in a process that took over the memory", async () => {
    const { api, pass, memory } = await startWorld();
    await pass(wish());
    const next = await startWorld({ api, memory });

    await next.pass();

    expect(attributesOf(api)).toBeUndefined();
  });

  test("goes with its wish, and its tags are kept in a backup", async () => {
    const kept: string[] = [];
    const { api, pass } = await startWorld({ onBackup: (_reason, _key, json) => void kept.push(json) });
    await pass(wish());

    await pass();

    expect(attributesOf(api)).toBeUndefined();
    expect(kept).toEqual([expect.stringContaining('"tags":["env"]')]);
  });
});

const STRIKES: readonly Omit<Fault, "method">[] = [
  { kind: "status", status: 500 },
  { kind: "truncate" },
  { kind: "reset" },
];
const AMBIGUOUS = STRIKES.flatMap((strike) => [strike, { ...strike, after: true }]);

describe("an answer that is lost", () => {
  test.for(AMBIGUOUS)("leaves one configuration, ours: %j", async (strike) => {
    let monotonic = 0;
    const { api, pass, memory } = await startWorld({ now: () => monotonic });
    api.fault({ ...strike, method: "POST" });

    for (let n = 0; n < 3; n++) {
      await pass(wish()).catch((error: unknown) => expect(error).toMatchObject({ failure: "ambiguous" }));
      monotonic += 31_000;
    }

    expect(attributesOf(api)).toMatchObject({ tags: ["env"] });
    expect(memory.get(metricKey(METRIC))).toBeDefined();
  });

  test("of an earlier process makes what came of it ours", async () => {
    const open = () => new Map([[metricKey(METRIC), 5_000]]);
    const { api, pass, memory } = await startWorld({ open });
    configured(api, { metric_type: "gauge", tags: ["env"] });

    await pass(wish());

    expect(memory.get(metricKey(METRIC))).toMatchObject({ owner: "app" });
    expect(api.writes).toBe(0);
  });

  test("of an earlier process doesn't make ours what was there before", async () => {
    const open = () => new Map([[metricKey(METRIC), 5_000]]);
    const { api, pass, memory } = await startWorld({ open, lagMs: 0 });
    configured(api);
    api.edit("metric-tags", METRIC, { attributes: { created_at: "2020-01-01T00:00:00.000Z" } });

    await expect(pass(wish())).rejects.toMatchObject({ failure: "conflict" });

    expect(memory.size).toBe(0);
    expect(attributesOf(api)).toMatchObject({ tags: ["host"] });
  });
});

test("a create that never took effect doesn't make ours what a person made long after it", async () => {
  let monotonic = 0;
  const { api, pass, memory, advance } = await startWorld({ now: () => monotonic });
  api.fault({ kind: "reset", method: "POST" });
  await pass(wish()).catch((error: unknown) => expect(error).toMatchObject({ failure: "ambiguous" }));
  advance(3_600_000);
  monotonic += 3_600_000;
  configured(api);
  const madeAt = new Date(Date.now() + 3_600_000).toISOString();
  api.edit("metric-tags", METRIC, { attributes: { created_at: madeAt } });

  await expect(pass(wish())).rejects.toMatchObject({ failure: "conflict" });

  expect(memory.size).toBe(0);
  expect(attributesOf(api)).toMatchObject({ tags: ["host"] });
});

describe("after a delete", () => {
  test("a new one waits until Datadog has forgotten the old one, and the old one is never changed", async () => {
    const { api, pass } = await startWorld();
    await pass(wish());
    api.tagDeleteLagMs = 60_000;
    await pass();

    const early = pass(wish({ tags: ["host"] }));

    await expect(early).rejects.toMatchObject({ reason: "WaitingForDelete", failure: "notFound" });
    api.tagDeleteLagMs = 0;
    await pass(wish({ tags: ["host"] }));
    expect(attributesOf(api)).toMatchObject({ tags: ["host"] });
    expect(api.log.filter(({ method }) => method === "PATCH")).toEqual([]);
  });

  test("a person's new configuration is not taken for the old one", async () => {
    const { api, pass, advance } = await startWorld();
    await pass(wish());
    await pass();
    advance(1_000);
    configured(api);
    api.edit("metric-tags", METRIC, { attributes: { created_at: new Date(Date.now() + 500).toISOString() } });

    await expect(pass(wish())).rejects.toMatchObject({ failure: "conflict" });

    expect(attributesOf(api)).toMatchObject({ tags: ["host"] });
  });
});

describe("a metric that can't be configured", () => {
  test("is waited for where Datadog doesn't know it, an hour at a time", async () => {
    const { api, pass } = await startWorld();
    api.metrics.delete(METRIC);

    await expect(pass(wish())).rejects.toMatchObject({
      reason: "WaitingForMetric",
      failure: "notFound",
      retryAfterMs: 3_600_000,
    });
    api.metrics.set(METRIC, []);
    await pass(wish());

    expect(attributesOf(api)).toMatchObject({ tags: ["env"] });
  });

  test("is refused where it is an integration's and a document names it", async () => {
    const { api, pass } = await startWorld();
    api.integrationMetrics.add(METRIC);

    await expect(pass(wish())).rejects.toMatchObject({
      failure: "rejected",
      message: expect.stringContaining("one of Datadog's integrations"),
      hint: expect.stringContaining("custom metrics only"),
    });
  });

  test.for([
    ["Datadog doesn't know", (api: FakeDatadog): void => void api.metrics.delete(METRIC)],
    ["is an integration's", (api: FakeDatadog): void => void api.integrationMetrics.add(METRIC)],
    ["is a gauge", () => undefined],
  ] as const)("is only noted where a query alone names it and it %s", async ([_what, arrange]) => {
    const { api, pass, notes } = await startWorld();
    arrange(api);

    await pass(derived());
    await pass(derived());

    expect(api.writes).toBe(0);
    expect(notes).toEqual([expect.objectContaining({ key: metricKey(METRIC) })]);
    expect(api.log.filter(({ path }) => path === `/api/v1/metrics/${METRIC}`)).toHaveLength(1);
  });

  test("is asked after again five minutes later where nobody had sent it", async () => {
    const { api, pass, advance } = await startWorld();
    api.metrics.delete(METRIC);
    await pass(derived());
    api.metrics.set(METRIC, []);
    api.metricTypes.set(METRIC, "distribution");

    advance(299_999);
    await pass(derived());
    const writesBefore = api.writes;
    advance(2);
    await pass(derived());

    expect(writesBefore).toBe(0);
    expect(attributesOf(api)).toMatchObject({ include_percentiles: true });
  });

  test("is asked after again an hour later where it could not be configured", async () => {
    const { api, pass, advance } = await startWorld();
    api.integrationMetrics.add(METRIC);
    await pass(derived());
    api.integrationMetrics.delete(METRIC);
    api.metricTypes.set(METRIC, "distribution");

    advance(3_599_999);
    await pass(derived());
    const writesBefore = api.writes;
    advance(2);
    await pass(derived());

    expect(writesBefore).toBe(0);
    expect(attributesOf(api)).toMatchObject({ include_percentiles: true });
  });
});

describe("percentiles that a query asks for", () => {
  test("are made for a distribution", async () => {
    const { api, pass } = await startWorld();
    api.metricTypes.set(METRIC, "distribution");

    await pass(derived());

    expect(attributesOf(api)).toMatchObject({
      metric_type: "distribution",
      include_percentiles: true,
      exclude_tags_mode: true,
      tags: [],
    });
  });

  test("need nothing where somebody else's configuration has them", async () => {
    const { api, pass } = await startWorld();
    configured(api, { metric_type: "distribution", tags: ["host"], include_percentiles: true });

    expect((await pass(derived())).actions).toEqual([]);

    expect(api.writes).toBe(0);
    expect(attributesOf(api)).toMatchObject({ tags: ["host"] });
  });

  test("are a conflict where somebody else's configuration lacks them", async () => {
    const { api, pass } = await startWorld();
    configured(api, { metric_type: "distribution", tags: ["host"], include_percentiles: false });

    await expect(pass(derived())).rejects.toMatchObject({ failure: "conflict" });
  });
});

describe("calls", () => {
  test("are none where nothing is wished, remembered or open", async () => {
    const { api, target } = await startWorld({ memory: new Memory() });

    await target.observe(signal());
    await target.observe(signal());

    expect(api.log).toEqual([]);
  });

  test("are one list at a resync where all is as wished", async () => {
    const { api, pass, target } = await startWorld();
    // By it the organisation is known, once and for all.
    api.add("monitors", {});
    await pass(wish());
    const before = api.log.length;

    await target.observe(signal());

    expect(api.log.slice(before).map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /api/v2/metrics",
    ]);
  });
});
