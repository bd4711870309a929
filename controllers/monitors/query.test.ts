import { expect, test } from "vitest";

import { hasRecordings, recordings } from "../../test/recordings.ts";
import { checkMonitor } from "./query.ts";

function messages(query: string, options: object = {}, type = "query alert"): readonly string[] {
  return checkMonitor({ type, query, options }).map((one) => one.message);
}

test.for<[query: string]>([
  ["avg(last_5m):avg:system.load.1{*} > 4"],
  ["avg(last_15m):system.load.1{host:raspberrypi} > 6"],
  ["avg(last_5m):sum:ray.object_store_memory{*} by {node} / sum:ray.resources{name:mem} by {node} > 0.9"],
  ["pct_change(avg(last_5m),last_1h):sum:a.b{*}.as_count() > 50"],
  ["change(max(last_5m),5m_ago):sum:a.b{*} < -50"],
  ["sum(current_1mo):sum:a.cost{*} > 100"],
  ["avg(last_4h):anomalies(avg:a.b{*}, 'agile', 2, direction='both', interval=60) >= 1"],
  ["min(next_1w):forecast(avg:a.b{host:x,!env:y}, 'linear', 1, interval='60m') <= 0"],
  ["avg(last_5m):default_zero(sum:a.b{c:d-e} by {f}.rollup(sum, 60)) * 100 >= 1e3"],
  ["avg(last_5m):p95:trace.x{env:prod AND service:(a OR b)} > 1.5"],
  ["avg(last_5m):(avg:a.b{*} - avg:c.d{*}) > 0"],
])("accepts %s", ([query]) => {
  expect(messages(query)).toEqual([]);
});

test.for<[query: string, options: object, message: RegExp]>([
  ["avg(last_5m):avg:a.b > 1", {}, /metric a\.b has no scope; write a\.b\{\*\}/],
  ["avg(last_5m):avg:a.b.as_count() > 1", {}, /metric a\.b has no scope; write a\.b\{\*\}/],
  ["avg(last_5m):ray.used / ray.total > 0.9", {}, /metric ray\.used has no scope/],
  ["avg(last_5m):avg:a.b{*} > .9", {}, /write the zero: 0\.9/],
  ["avg(last_5m):avg:a.b{*} * .5 > 1", {}, /write the zero: 0\.5/],
  ["avg(last_5m):avg:my-app.requests{*} > 1", {}, /no hyphen: "my-app\.requests".*"my_app\.requests"/],
  ["avg(5m):avg:a.b{*} > 1", {}, /"5m" is no time window/],
  ["change(avg(last_5m),yesterday):avg:a.b{*} > 1", {}, /"yesterday" is no shift/],
  ["avg:a.b{*} > 1", {}, /begins with how to sum up time/],
  ["avg(last_5m):mean:a.b{*} > 1", {}, /"mean" is no way to sum up space/],
  ["avg(last_5m):avg:a.b{*}", {}, /without a comparison/],
  ["avg(last_5m):avg:a.b{* > 1", {}, /"\{" is never closed/],
  ["avg(last_5m):(avg:a.b{*} > 1", {}, /"\(" is never closed/],
  ["avg(last_5m):avg:a.b{*}) > 1", {}, /closes nothing/],
  [
    "avg(last_5m):avg:a.b{*} > 200",
    { thresholds: { critical: 90 } },
    /critical is 90, but the query compares with 200/,
  ],
  ["avg(last_5m):avg:a.b{*} > 2", { thresholds: { warning: 1 } }, /Add critical: 2/],
  ["avg(last_5m):avg:a.b{*} > 2", { thresholds: { critical: 2, warning: 3 } }, /must be below critical/],
  ["avg(last_5m):avg:a.b{*} < 2", { thresholds: { critical: 2, warning: 1 } }, /must be above critical/],
  [
    "avg(last_5m):avg:a.b{*} > 2",
    { thresholds: { critical: 2, critical_recovery: 3 } },
    /alert and recover at once/,
  ],
  ["avg(last_5m):avg:a.b{*} > 2", { thresholds: { critical: 2, warning_recovery: 1 } }, /needs a warning/],
  ["avg(last_5m):avg:a.b{*} > 2", { thresholds: { critical: "2" } }, /critical is no number/],
])("refuses %s %j", ([query, options, message]) => {
  expect(messages(query, options)).toEqual([expect.stringMatching(message)]);
});

test.for<[query: string, options: object, message: RegExp | undefined]>([
  [
    '"datadog.agent.up".over("env:prod").by("host").last(4).count_by_status()',
    { thresholds: { critical: 3 } },
    undefined,
  ],
  [
    '"datadog.agent.up".over("*").by("host").last(2).count_by_status()',
    { thresholds: { ok: 4, critical: 2 } },
    /threshold 4 is more than the 2 checks/,
  ],
  ['"datadog.agent.up".over("*").last(101).count_by_status()', {}, /at most 100/],
  ['"datadog.agent.up".over("*").count_by_status()', {}, /add \.last\(4\)/],
  ['"datadog.agent.up".over("*").last(4)', {}, /A service check reads/],
])("judges the service check %s", ([query, options, message]) => {
  const found = messages(query, options, "service check");

  expect(found).toEqual(message === undefined ? [] : [expect.stringMatching(message)]);
});

test("never keeps the monitor of a synthetic test", () => {
  expect(messages("x", {}, "synthetics alert")).toEqual([expect.stringMatching(/Change the test instead/)]);
});

test("names the types where one is unknown", () => {
  expect(messages("x", {}, "metrics alert")).toEqual([
    expect.stringMatching(/No monitor type is named "metrics alert"/),
  ]);
});

test.for([
  ["123 && !456", 0],
  ["(1 || 2) && 3", 0],
  ["1 and 2", 1],
  ["1 && name", 1],
] as const)("judges the composite %s", ([query, count]) => {
  expect(messages(query, {}, "composite")).toHaveLength(count);
});

test.skipIf(!hasRecordings)("accepts every monitor that Datadog was recorded to accept", () => {
  const accepted = recordings(/^\/api\/v1\/monitor(\/\d+)?(\/validate)?$/).filter(
    (one) =>
      one.status === 200 && typeof one.body["query"] === "string" && typeof one.body["type"] === "string",
  );

  const refused = accepted.flatMap((one) =>
    checkMonitor(one.body).map((found) => `${found.message} in ${String(one.body["query"])}`),
  );

  expect(refused).toEqual([]);
  expect(accepted.length).toBeGreaterThan(700);
});
