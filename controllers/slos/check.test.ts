import { describe, expect, test } from "vitest";

import { hasRecordings, recordings } from "../../test/recordings.ts";
import type { Json } from "../monitors/canonical.ts";
import { canonicalDesired } from "./canonical.ts";
import { checkSlo } from "./check.ts";

const MONITORS = { type: "monitor", monitor_ids: ["1"] };
const METRIC = {
  type: "metric",
  query: { numerator: "sum:a.good{*}.as_count()", denominator: "sum:a.all{*}.as_count()" },
};
const TARGET = { timeframe: "30d", target: 99 };

function slice(query: string): Json {
  return {
    type: "time_slice",
    sli_specification: { time_slice: { query: { queries: [{ name: "query1", query }] } } },
  };
}

test.for<[string, Json]>([
  ["monitors", MONITORS],
  ["groups of one monitor", { ...MONITORS, groups: ["host:a"] }],
  ["a ratio of counts", METRIC],
  [
    "counts inside of functions",
    {
      type: "metric",
      query: {
        numerator: "sum:a.all{*}.as_count() - default_zero(sum:a.bad{*}.as_count())",
        denominator: "count:a.all{b:c} by {d}.as_count()",
      },
    },
  ],
  ["slices", slice("avg:a.b{*}")],
])("accepts %s", ([, slo]) => {
  expect(checkSlo({ thresholds: [TARGET], ...slo })).toEqual([]);
});

test.for<[path: string, threshold: Json, message: RegExp]>([
  ["target", { timeframe: "30d", target: 0 }, /above 0 and below 100, not 0/],
  ["target", { timeframe: "30d", target: 100 }, /above 0 and below 100, not 100/],
  ["warning", { ...TARGET, warning: 99 }, /above the target, 99, and below 100, not 99/],
  ["warning", { ...TARGET, warning: 100 }, /below 100, not 100/],
  ["timeframe", { timeframe: "14d", target: 99 }, /over 7d, 30d, 90d, not 14d/],
])("refuses a wrong %s: %o", ([path, threshold, message]) => {
  expect(checkSlo({ ...MONITORS, thresholds: [threshold] })).toEqual([
    { reason: "InvalidThreshold", path, message: expect.stringMatching(message) },
  ]);
});

test("refuses one timeframe twice, and names its place", () => {
  const thresholds = [TARGET, { timeframe: "30d", target: 98 }];

  expect(checkSlo({ ...MONITORS, thresholds })).toMatchObject([{ path: "thresholds.1.timeframe" }]);
});

test("refuses an SLO without a target", () => {
  expect(checkSlo({ ...MONITORS, thresholds: [] })).toMatchObject([{ path: "target" }]);
});

test.for<[path: string, reason: string, slo: Json]>([
  ["monitors", "MissingQuery", { type: "monitor", monitor_ids: [] }],
  ["groups", "InvalidCombination", { type: "monitor", monitor_ids: ["1", "2"], groups: ["host:a"] }],
  ["numerator", "InvalidQuery", { ...METRIC, query: { ...METRIC.query, numerator: "sum:a.b{*}" } }],
  ["denominator", "MissingQuery", { ...METRIC, query: { numerator: METRIC.query.numerator } }],
  ["denominator", "InvalidQuery", { ...METRIC, query: { ...METRIC.query, denominator: "1 + 2" } }],
  [
    "denominator",
    "InvalidQuery",
    { ...METRIC, query: { ...METRIC.query, denominator: "sum:a.b{*.as_count()" } },
  ],
  ["query", "InvalidQuery", slice("avg:a.b")],
  ["query", "InvalidQuery", slice("avg:a.b{*")],
  ["query", "MissingQuery", { type: "time_slice" }],
  ["type", "UnknownType", { type: "synthetics" }],
])("refuses a wrong %s as %s: %o", ([path, reason, slo]) => {
  expect(checkSlo({ thresholds: [TARGET], ...slo })).toMatchObject([{ path, reason }]);
});

describe.skipIf(!hasRecordings)("over the recordings of the real API", () => {
  test("refuses no SLO that Datadog took", () => {
    const taken = recordings(/^\/api\/v1\/slo(\/[0-9a-f]{32})?$/).filter(
      ({ method, status }) => status === 200 && (method === "POST" || method === "PUT"),
    );

    const refused = taken.flatMap(({ body }) => checkSlo(canonicalDesired(body)));

    expect(taken.length).toBeGreaterThan(60);
    expect(refused).toEqual([]);
  });
});
