import { expect, test } from "vitest";

import { examplePack } from "../test/builders/packs.ts";
import { metricsIn, packQueries } from "./pack-queries.ts";

test.for<[query: string, metric: string, tags: readonly string[]]>([
  ["sum:a.b{*}", "a.b", []],
  ["avg(last_5m):sum:a.b{${scope}} by {host,state} > ${critical}", "a.b", ["host", "state"]],
  ["sum:a.b{${scope},state:running,!kind:x}.as_count()", "a.b", ["state", "kind"]],
  ["sum:a.b{$cluster,$env,$service,mode:leader} by {$group}", "a.b", ["mode"]],
  ["sum:a.b{state IN (x,y) AND ${scope} AND NOT kind:z}", "a.b", ["state", "kind"]],
  ["sum:a.b{(state:x OR kind:y) AND zone NOT IN (a,b)}", "a.b", ["state", "kind", "zone"]],
  ["avg:${option.namespace}.queue.depth{${scope}}", "${option.namespace}.queue.depth", []],
  ["avg(last_5m):sum:${option.heartbeat}{${scope}} by {host}", "${option.heartbeat}", ["host"]],
  ["avg:app.${option.queue}{${scope}} * ${option.factor} / 5", "app.${option.queue}", []],
])("reads %s", ([query, metric, tags]) => {
  const used = metricsIn(query);

  expect(used).toMatchObject([{ metric, tags }]);
});

test("finds the queries of monitors, formulas, SLOs and widgets, with what each needs", () => {
  const metricQuery = (query: string): object => ({ data_source: "metrics", name: "a", query });
  const pack = examplePack({
    monitors: {
      noisy: {
        name: "Noisy",
        type: "query alert",
        query: 'formula("a").last("5m") > ${critical}',
        critical: 1,
        summary: "There is noise.",
        runbook: ["one", "two", "three"],
        variables: [{ ...metricQuery("avg:ray.noise{${scope}}"), aggregator: "avg" }],
        needs: "buckets",
      },
    },
    slos: {
      good: {
        name: "Good",
        type: "metric",
        numerator: "sum:ray.good{${scope}}.as_count()",
        denominator: "sum:ray.all{${scope}}.as_count()",
        target: 99,
        timeframe: "30d",
        summary: "It is good.",
      },
    },
    dashboards: {
      overview: {
        title: "Overview",
        section: "Ray",
        order: 1,
        per: "pack",
        needs: "mode=fast",
        widgets: [
          {
            needs: "!buckets",
            definition: {
              type: "timeseries",
              title: "Use",
              requests: [{ queries: [metricQuery("avg:ray.used{${scope}}")], formulas: [{ formula: "a" }] }],
              events: [{ q: "sources:ray" }],
            },
          },
          { definition: { type: "timeseries", requests: [{ q: "avg:ray.old{${scope}}" }] } },
        ],
      },
    },
  });

  expect(packQueries(pack)).toEqual([
    {
      kind: "monitor",
      object: "object-store-pressure",
      query: "avg(last_5m):avg:ray.used{${scope}} > ${critical}",
      needs: [],
    },
    { kind: "monitor", object: "noisy", query: "avg:ray.noise{${scope}}", needs: ["buckets"] },
    { kind: "SLO", object: "good", query: "sum:ray.good{${scope}}.as_count()", needs: [] },
    { kind: "SLO", object: "good", query: "sum:ray.all{${scope}}.as_count()", needs: [] },
    {
      kind: "dashboard",
      object: "overview",
      widget: "Use",
      query: "avg:ray.used{${scope}}",
      needs: ["mode=fast", "!buckets"],
    },
    {
      kind: "dashboard",
      object: "overview",
      widget: "timeseries",
      query: "avg:ray.old{${scope}}",
      needs: ["mode=fast"],
    },
  ]);
});
