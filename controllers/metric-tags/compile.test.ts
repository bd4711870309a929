import * as fc from "fast-check";
import { expect, test } from "vitest";

import { joinMetricTags, lastKnownWishes, metricKey, type MetricsWish, type MetricWish } from "./compile.ts";
import { percentileMetrics } from "./percentiles.ts";

function wish(owner: string, metrics: MetricsWish["metrics"], queries: readonly string[] = []): MetricsWish {
  return { owner, metrics, queries, drift: "correct", retain: false };
}

function join(...wishes: readonly MetricsWish[]) {
  const { objects, problems } = joinMetricTags(wishes);
  return { objects, problems, first: objects[0] };
}

test.for<[query: string, metrics: readonly string[]]>([
  ["avg(last_5m):p95:app.latency{service:ray} by {host} > 2", ["app.latency"]],
  ["percentile(last_1h):p99.9:app.latency{*} > 2", ["app.latency"]],
  ["p50:a.x{$env,$service} / p99 : b.y {*}", ["a.x", "b.y"]],
  [
    "sum(last_5m):count(v: v<=0.5):app.latency{*}.as_count() / count:app.latency{*}.as_count() < 0.9",
    ["app.latency"],
  ],
  ["anomalies(p75:app.latency{*}, 'basic', 2)", ["app.latency"]],
  ["avg:app.latency{*} + max:app.p95{*}", []],
  ["avg:app.latency{path:p95:app.other{}}", []],
  ['logs("p95:app.latency{*}").index("*").rollup("count").last("5m") > 1', []],
  ["avg:ap95:x{*}", []],
])("%s asks for percentiles of %j", ([query, metrics]) => {
  expect(percentileMetrics(query)).toEqual(metrics);
});

test("a wish for tags keeps them, and its owner is who wishes it", () => {
  const { first, problems } = join(wish("ray", { "app.jobs": { tags: ["service", "env"], type: "count" } }));

  expect(problems).toEqual([]);
  expect(first).toEqual({
    key: "_metrics/app.jobs",
    owner: "ray",
    body: {
      metric: "app.jobs",
      metric_type: "count",
      tags: ["env", "service"],
      exclude_tags_mode: false,
      include_percentiles: false,
    },
    drift: "correct",
    retain: false,
    isDerived: false,
    sharedBy: ["ray"],
  });
});

test("a query that asks for percentiles has them, with all tags kept", () => {
  const { first } = join(wish("ray", {}, ["avg(last_5m):p95:app.latency{*} > 2"]));

  expect(first).toMatchObject({
    owner: "ray",
    isDerived: true,
    body: {
      metric_type: "distribution",
      tags: [],
      exclude_tags_mode: true,
      include_percentiles: true,
    },
  });
});

test("what one service wishes is joined with what another's query asks for", () => {
  const { first } = join(
    wish("consul", {}, ["p95:app.latency{*}"]),
    wish("ray", { "app.latency": { tags: ["env"] } }),
  );

  expect(first).toMatchObject({
    owner: "ray",
    isDerived: false,
    sharedBy: ["consul", "ray"],
    body: { tags: ["env"], exclude_tags_mode: false, include_percentiles: true },
  });
});

test("a query yields to a wish without percentiles, another's wish for them does not", () => {
  const asked = wish("ray", {}, ["p95:app.latency{*}"]);
  const refused = wish("consul", { "app.latency": { tags: ["env"], percentiles: false } });
  const wanted = wish("api", { "app.latency": { percentiles: true } });

  expect(join(asked, refused).first?.body.include_percentiles).toBe(false);
  expect(join(asked, refused, wanted).first?.body.include_percentiles).toBe(true);
});

test("tags that anybody keeps are kept, in either mode", () => {
  const kept = (tags: readonly string[]): MetricWish => ({ tags });
  const leftOut = (tags: readonly string[]): MetricWish => ({ tags, excludeTags: true });

  expect(
    join(wish("a", { m: kept(["x", "y"]) }), wish("b", { m: kept(["z", "y"]) })).first?.body.tags,
  ).toEqual(["x", "y", "z"]);
  expect(
    join(wish("a", { m: leftOut(["x", "y"]) }), wish("b", { m: leftOut(["z", "y"]) })).first?.body,
  ).toMatchObject({ tags: ["y"], exclude_tags_mode: true });
});

test.for<{ title: string; wishes: readonly MetricsWish[]; owner: string; path: string; says: string }>([
  {
    title: "who leaves tags out of what another keeps",
    wishes: [wish("b", { m: { tags: ["x"], excludeTags: true } }), wish("a", { m: { tags: ["y"] } })],
    owner: "b",
    path: "metrics.m.excludeTags",
    says: "this leaves out certain tags and a, which comes first, keeps certain tags",
  },
  {
    title: "who says another type",
    wishes: [wish("a", { m: { tags: [], type: "gauge" } }), wish("b", { m: { type: "count" } })],
    owner: "b",
    path: "metrics.m.type",
    says: "it is a count here and a gauge for a",
  },
  {
    title: "who wants percentiles of a gauge",
    wishes: [wish("a", { m: { tags: [], type: "gauge", percentiles: true } })],
    owner: "a",
    path: "metrics.m.percentiles",
    says: "only a distribution has percentiles, and this is a gauge",
  },
])("$title gets a problem, and the first by name is heard", ({ wishes, owner, path, says }) => {
  const { first, problems } = join(...wishes);

  expect(problems).toEqual([{ owner, reason: "Conflict", path, message: expect.stringContaining(says) }]);
  expect(first?.owner).toBe("a");
  expect(first?.body.include_percentiles).toBe(false);
});

test("a query for percentiles of what is no distribution is its owner's problem", () => {
  const { first, problems } = join(
    wish("api", { m: { tags: [], type: "gauge" } }),
    wish("ray", {}, ["avg(last_5m):p95:m{*} > 1"]),
  );

  expect(first?.body.include_percentiles).toBe(false);
  expect(problems).toMatchObject([{ owner: "ray", message: expect.stringContaining("percentiles of m") }]);
});

test("while a service's wish is not known, nothing is taken away that it may keep", () => {
  const wishes = [
    wish("ray", { "m.kept": { tags: ["env"] }, "m.plain": { tags: [], excludeTags: true } }, [
      "p95:m.lat{*}",
    ]),
  ];

  const { objects, held } = joinMetricTags(wishes, ["consul"]);

  expect(objects.map(({ key }) => key)).toEqual(["_metrics/m.lat"]);
  expect([...held]).toEqual([
    ["_metrics/m.kept", expect.stringContaining("what consul wants of metrics is not known")],
    ["_metrics/m.plain", expect.stringContaining("consul")],
  ]);
});

const NOTHING = { unknown: [], partly: new Set<string>() };

test("what a service wished last stands in while its wish can't be read", () => {
  const recall = lastKnownWishes();
  const ray = wish("ray", { m: { tags: ["env"] } });
  const consul = wish("consul", { m: { tags: ["host"] } });
  recall([ray, consul], NOTHING);

  const first = recall([ray], { ...NOTHING, unknown: ["consul", "other"] });
  const second = recall([ray], { ...NOTHING, unknown: ["consul"] });
  const gone = recall([ray], NOTHING);
  const back = recall([ray], { ...NOTHING, unknown: ["consul"] });

  expect(first).toEqual({ wishes: [ray, consul], left: { ...NOTHING, unknown: ["other"] } });
  expect(second).toEqual({ wishes: [ray, consul], left: NOTHING });
  expect(gone).toEqual({ wishes: [ray], left: NOTHING });
  expect(back).toEqual({ wishes: [ray], left: { ...NOTHING, unknown: ["consul"] } });
});

const metricWish: fc.Arbitrary<MetricWish> = fc.record(
  {
    tags: fc.array(fc.constantFrom("env", "host", "service")),
    excludeTags: fc.boolean(),
    percentiles: fc.boolean(),
    type: fc.constantFrom("gauge", "distribution"),
  },
  { requiredKeys: [] },
);
const wishesArbitrary = fc
  .uniqueArray(fc.constantFrom("a", "b", "c", "_dashboards/d"), { minLength: 1 })
  .chain((owners) =>
    fc.tuple(
      ...owners.map((owner) =>
        fc
          .record({
            metrics: fc.dictionary(fc.constantFrom("m.x", "m.y"), metricWish),
            queries: fc.subarray(["p95:m.x{*}", "avg:m.y{*}", "p99:m.z{*}"]),
          })
          .map(({ metrics, queries }) => wish(owner, metrics, queries)),
      ),
    ),
  );

test("the order in which wishes come changes nothing", () => {
  fc.assert(
    fc.property(wishesArbitrary, (wishes) => {
      expect(joinMetricTags(wishes.toReversed())).toEqual(joinMetricTags(wishes));
    }),
  );
});

test("each metric has one configuration, of an owner who names it if anybody does", () => {
  fc.assert(
    fc.property(wishesArbitrary, (wishes) => {
      const { objects } = joinMetricTags(wishes);

      expect(new Set(objects.map(({ key }) => key)).size).toBe(objects.length);
      for (const { key, owner, body, isDerived } of objects) {
        const namers = wishes
          .filter(({ metrics }) => Object.hasOwn(metrics, body.metric))
          .map((one) => one.owner);
        expect(key).toBe(metricKey(body.metric));
        expect(isDerived).toBe(namers.length === 0);
        if (!isDerived) expect(owner).toBe(namers.toSorted()[0]);
        if (body.include_percentiles) expect(body.metric_type ?? "distribution").toBe("distribution");
      }
    }),
  );
});

test("no tag is lost that a service keeps, unless another mode came first", () => {
  fc.assert(
    fc.property(wishesArbitrary, (wishes) => {
      const { objects, problems } = joinMetricTags(wishes);
      for (const { body } of objects) {
        for (const { owner, metrics } of wishes) {
          const stated = metrics[body.metric];
          const isConflicting = problems.some(
            (one) => one.owner === owner && one.path === `metrics.${body.metric}.excludeTags`,
          );
          if (stated?.tags === undefined || isConflicting) continue;
          for (const tag of ["env", "host", "service"]) {
            const isWished = stated.tags.includes(tag) !== (stated.excludeTags === true);
            const isKept = body.tags.includes(tag) !== body.exclude_tags_mode;
            if (isWished) expect(isKept).toBe(true);
          }
        }
      }
    }),
  );
});
