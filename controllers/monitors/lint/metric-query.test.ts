import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { loadPacks } from "../../../engine/sources/packs.ts";
import { hasRecordings, recordings } from "../../../test/recordings.ts";
import { mapSeries, parseMetricQuery, printMetricQuery, seriesOf } from "./metric-query.ts";

const SEED_ALERTS = new URL("../../../test/golden/lint/research-alerts.yaml", import.meta.url);

const QUERIES: readonly string[] = [
  "avg(last_5m):ray.object_store.memory_used / ray.object_store.memory_total > 0.9",
  "  avg( last_5m ) : sum:a.b{x:y , !z:w}  by {host,env} . rollup( sum , 60 ) .as_count()>=1e3 ",
  "pct_change(avg(last_5m),last_1h):sum:a.b{*}.as_count() > 50",
  "avg(last_4h):anomalies(avg:a.b{*} by {host}, 'agile', 2, direction='both', interval=60) >= 1",
  "avg(last_5m):(avg:a.b{*} - avg:c.d{*}) * .5 > 0",
  "avg(last_5m):p95:trace.x{env:prod AND service:(a OR b)} > 1.5",
  "avg(last_5m):avg:a.b{* > 1",
  "avg(last_5m):(avg:a.b{*} > 1",
  "avg:my-app.requests{*}-avg:c.d{*}",
  "",
  ":::{{((",
];

test.for(QUERIES)("%j printed is what was parsed", (query) => {
  expect(printMetricQuery(parseMetricQuery(query))).toBe(query);
});

test("any text printed is what was parsed", () => {
  const pieces = fc.constantFrom(
    "avg",
    "(",
    ")",
    "last_5m",
    ":",
    "a.b",
    "{",
    "*",
    "}",
    " by ",
    ".as_count()",
    " / ",
    "-",
    "'",
    ",",
    ".9",
    " > ",
    "1",
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 30 }).map((some) => some.join("")),
  );

  fc.assert(
    fc.property(text, (query) => printMetricQuery(parseMetricQuery(query)) === query),
    { numRuns: 2_000 },
  );
});

test("takes a query apart", () => {
  const { head, parts, tail } = parseMetricQuery(
    "sum(last_15m):default_zero(sum:a.b{x:y} by {host}.rollup(sum, 60).as_count()) / c.d > 0.9",
  );

  expect(head).toMatchObject({ aggregator: "sum", window: "last_15m" });
  expect(seriesOf(parts)).toEqual([
    {
      kind: "series",
      aggregator: "sum",
      colon: ":",
      metric: "a.b",
      gap: "",
      scope: "x:y",
      by: " by {host}",
      methods: [".rollup(sum, 60)", ".as_count()"],
    },
    {
      kind: "series",
      aggregator: undefined,
      colon: ":",
      metric: "c.d",
      gap: "",
      scope: undefined,
      by: "",
      methods: [],
    },
  ]);
  expect(tail).toBe(" > 0.9");
});

test.for<[expression: string, metrics: readonly string[]]>([
  ["avg:a.b{*} - avg:c.d{*}", ["a.b", "c.d"]],
  ["avg:a.b{*}-avg:c.d{*}", ["a.b", "c.d"]],
  ["sum:my-app.requests{*}", ["my-app.requests"]],
  ["a.b.as_count()", ["a.b"]],
  ["top(avg:a.b{*} by {x}, 10, 'mean', 'desc')", ["a.b"]],
  ["diff(max:a.b{*} by {job,task_group})", ["a.b"]],
  ["100 * a.b / c.d", ["a.b", "c.d"]],
  ["errors", ["errors"]],
])("finds the metrics of %s", ([expression, metrics]) => {
  const { parts } = parseMetricQuery(`avg(last_5m):${expression} > 1`);

  expect(seriesOf(parts).map(({ metric }) => metric)).toEqual(metrics);
});

test("a replaced metric leaves the rest as it is", () => {
  const query = parseMetricQuery("avg(last_5m):abs(a.b{*}) / avg:c.d{*} by {x} > 1");

  const changed = mapSeries(query, (series) =>
    series.metric === "a.b" ? { ...series, metric: "e.f" } : "( 1 )",
  );

  expect(printMetricQuery(changed)).toBe("avg(last_5m):abs(e.f{*}) / ( 1 ) > 1");
});

test("prints every query of the packs as it was", () => {
  const queries = [...loadPacks().values()].flatMap((pack) =>
    Object.values(pack.monitors).map(({ query }) => query),
  );

  expect(queries.map((query) => printMetricQuery(parseMetricQuery(query)))).toEqual(queries);
});

test("prints every query of the researched alerts as it was", () => {
  const queries = [...readFileSync(SEED_ALERTS, "utf8").matchAll(/^ +query: (.*)$/gm)].map(
    ([, query]) => query!,
  );

  expect(queries.length).toBeGreaterThan(10);
  expect(queries.map((query) => printMetricQuery(parseMetricQuery(query)))).toEqual(queries);
});

describe.skipIf(!hasRecordings)("over the recordings of the real API", () => {
  const metric = hasRecordings
    ? recordings(/^\/api\/v1\/monitor(?:\/|$)/).filter(({ body }) => typeof body["query"] === "string")
    : [];
  const queries = [...new Set(metric.map(({ body }) => body["query"] as string))];

  test("prints every query as it was", () => {
    expect(queries.length).toBeGreaterThan(50);
    expect(queries.map((query) => printMetricQuery(parseMetricQuery(query)))).toEqual(queries);
  });

  test("every metric query that was accepted has a head, a comparison, and metrics with a scope", () => {
    const accepted = metric.filter(
      ({ body, status }) =>
        status === 200 &&
        /^(?:metric|query) alert$/.test(String(body["type"])) &&
        !String(body["query"]).startsWith("formula"),
    );

    const odd = accepted
      .map(({ body }) => body["query"] as string)
      .filter((query) => {
        const { head, parts, tail } = parseMetricQuery(query);
        const series = seriesOf(parts);
        const isWhole = series.length > 0 && series.every(({ scope }) => scope !== undefined);
        return head === undefined || tail.trim() === "" || !isWhole;
      });

    expect(accepted.length).toBeGreaterThan(30);
    expect(odd).toEqual([]);
  });
});
