import { expect, test } from "vitest";

import { parseExposition } from "./exposition.ts";
import { sentByOpenMetrics, type OpenMetricsInstance } from "./openmetrics-names.ts";

const ANSWER = `# HELP jobs_running Jobs.
# TYPE jobs_running gauge
jobs_running{Queue="a\\"b",le_x="1"} 3
jobs_running{Queue="c",le_x="2"} NaN
# TYPE jobs_done_total counter
jobs_done_total{queue="a"} 7
# TYPE bytes counter
bytes 5
# TYPE total_seen gauge
total_seen 9
# TYPE wait_seconds histogram
wait_seconds_bucket{le="1"} 1
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 3
wait_seconds_count 2
# TYPE pause summary
pause{quantile="0.5"} 0.1
pause_sum 4
pause_count 8
untold 1
`;

const sent = (instance: OpenMetricsInstance): string[] =>
  sentByOpenMetrics(ANSWER, instance).map(({ name, type, tags }) => [name, type, ...tags].join(" "));

test("everything is named as the check names it", () => {
  expect(sent({ namespace: "web", metrics: [".+"] })).toEqual([
    'web.jobs_running gauge le_x:1 queue:a"b',
    "web.jobs_done.count count queue:a",
    "web.bytes.count count",
    "web.total_seen gauge",
    "web.wait_seconds.sum count",
    "web.wait_seconds.count count",
    "web.wait_seconds.bucket count upper_bound:1",
    "web.pause.sum count",
    "web.pause.count count",
    "web.pause.quantile gauge quantile:0.5",
  ]);
});

test("a counter is found without _total only", () => {
  expect(sent({ metrics: ["jobs_done_total"] })).toEqual([]);
  expect(sent({ metrics: [{ jobs_done: "jobs.done" }] })).toEqual(["jobs.done.count count queue:a"]);
});

test("a running total that is exposed as a gauge is sent as a rate, which is stored as a gauge, and never as a counter", () => {
  expect(sent({ metrics: [{ total_seen: { name: "seen.rate", type: "rate" } }] })).toEqual([
    "seen.rate gauge",
  ]);
  expect(sent({ metrics: [{ total_seen: { name: "seen", type: "counter" } }] })).toEqual([]);
});

test("a name with a sign of a regular expression is a pattern: searched for, and the exposed name stays", () => {
  expect(sent({ metrics: [{ "^jobs_r": "ignored" }] })).toEqual(['jobs_running gauge le_x:1 queue:a"b']);
  expect(sent({ metrics: ["s_*"] })).toContain("pause.count count");
});

test("a colon makes no pattern", () => {
  const answer = `# TYPE vllm:prompt_tokens_total counter\nvllm:prompt_tokens_total{model_name="m"} 5\n`;
  const found = sentByOpenMetrics(answer, { metrics: [{ "vllm:prompt_tokens": "prompt_tokens" }] });

  expect(found.map(({ name }) => name)).toEqual(["prompt_tokens.count"]);
});

test("labels are dropped by their exposed name, then renamed", () => {
  expect(
    sent({ metrics: ["jobs_running"], exclude_labels: ["le_x"], rename_labels: { Queue: "q" } }),
  ).toEqual(['jobs_running gauge q:a"b']);
});

test("a family without a type is left out unless the mapping names one", () => {
  expect(sent({ metrics: ["untold"] })).toEqual([]);
  expect(sent({ metrics: [{ untold: { type: "gauge" } }] })).toEqual(["untold gauge"]);
});

test("buckets can be left out, or become a distribution", () => {
  const metrics = ["wait_seconds"];

  expect(sent({ metrics, collect_histogram_buckets: false })).toEqual([
    "wait_seconds.sum count",
    "wait_seconds.count count",
  ]);
  expect(sent({ metrics, histogram_buckets_as_distributions: true })).toContain(
    "wait_seconds distribution upper_bound:1",
  );
});

test("prefixes are cut off before anything else looks at the name; filtered lines are not even read", () => {
  expect(
    sent({ metrics: ["running", "done"], raw_metric_prefix: "jobs_", exclude_metrics: ["done"] }),
  ).toEqual(['running gauge le_x:1 queue:a"b']);
  expect(sent({ metrics: [".+"], raw_line_filters: ["^(?!bytes|# TYPE bytes)"] })).toEqual([
    "bytes.count count",
  ]);
});

test("a line that is no sample is an error", () => {
  expect(() => parseExposition("<html>")).toThrow("not a line of Prometheus' text format: <html>");
});
