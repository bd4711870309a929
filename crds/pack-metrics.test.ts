import fc from "fast-check";
import { expect, test } from "vitest";

import { packMetrics, sentMetrics, STORED_TYPES } from "./pack-metrics.ts";

const ENTRY = { verified: "source", description: "d" };

/** Names and types that a table comes to. */
function sent(table: object): Readonly<Record<string, string>> {
  const all = sentMetrics(packMetrics.parse({ from: "f", ...table }));
  return Object.fromEntries([...all].map(([name, { type }]) => [name, type]));
}

test("a histogram, a summary and a timer stand for the names that the Agent makes of them", () => {
  const metrics = {
    "a.size": { ...ENTRY, type: "histogram", unit: "byte", tags: ["kind"] },
    "a.wait": { ...ENTRY, type: "summary", unit: "second" },
    "a.latency": { ...ENTRY, type: "timer", unit: "millisecond" },
  };

  expect(sent({ metrics })).toEqual({
    "a.size.bucket": "count",
    "a.size.sum": "count",
    "a.size.count": "count",
    "a.wait.quantile": "gauge",
    "a.wait.sum": "count",
    "a.wait.count": "count",
    "a.latency.avg": "gauge",
    "a.latency.median": "gauge",
    "a.latency.max": "gauge",
    "a.latency.95percentile": "gauge",
    "a.latency.count": "rate",
  });
});

test("what counts observations has no unit, and buckets and quantiles have a tag of their own", () => {
  const all = sentMetrics(
    packMetrics.parse({
      metrics: {
        "a.size": { ...ENTRY, type: "histogram", unit: "byte", tags: ["kind"], source: "s" },
        "a.wait": { ...ENTRY, type: "summary", unit: "second", needs: "waits", source: "s" },
      },
    }),
  );

  expect(all.get("a.size.sum")).toMatchObject({ unit: "byte", tags: ["kind"] });
  expect(all.get("a.size.count")?.unit).toBeUndefined();
  expect(all.get("a.size.bucket")?.tags).toEqual(["kind", "upper_bound"]);
  expect(all.get("a.wait.quantile")).toMatchObject({ unit: "second", tags: ["quantile"], needs: "waits" });
});

test("names of others are known by type alone, and an entry of the same name wins", () => {
  const table = {
    metrics: { "a.b": { ...ENTRY, type: "gauge", unit: "byte" } },
    others: { count: ["a.b", "a.c"], summary: ["a.d"] },
  };

  expect(sent(table)).toEqual({
    "a.b": "gauge",
    "a.c": "count",
    "a.d.quantile": "gauge",
    "a.d.sum": "count",
    "a.d.count": "count",
  });
});

test.for(STORED_TYPES)("a %s is one metric, under its own name", (type) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z][a-z0-9_]{0,9}(\.[a-z0-9_]{1,9}){0,4}$/), (name) => {
      expect(sent({ metrics: { [name]: { ...ENTRY, type } } })).toEqual({ [name]: type });
    }),
  );
});

test.for(["${option.namespace}.up", "a.95percentile", "temporal.server.x_y", "${option.names}", "load"])(
  "%s can be a metric's name",
  (name) => {
    expect(sent({ others: { gauge: [name] } })).toEqual({ [name]: "gauge" });
  },
);

test.for(["1a.b", "a..b", "a.", ".a", "a b", "a-b", "${service}.a", "${option.a", ""])(
  "%j can't be a metric's name",
  (name) => {
    expect(packMetrics.safeParse({ others: { gauge: [name] } }).success).toBe(false);
  },
);
