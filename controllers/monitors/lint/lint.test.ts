import { describe, expect, test } from "vitest";

import { loadPacks } from "../../../engine/sources/packs.ts";
import { hasRecordings, recordings } from "../../../test/recordings.ts";
import { checkMonitor } from "../query.ts";
import { knownMetrics } from "./known-metrics.ts";
import { lintAlerts, type Verdict } from "./lint.ts";

const known = knownMetrics(loadPacks());

function lint(...alerts: readonly object[]): readonly Verdict[] {
  return lintAlerts(
    alerts.map((value) => ({ value: value as Record<string, unknown> })),
    { known },
  );
}

function one(alert: object): Verdict {
  return lint({ name: "A", type: "query alert", ...alert })[0]!;
}

function why({ refusals }: Verdict): string {
  return refusals.map(({ message, advice }) => `${message}; ${advice}`).join("\n");
}

describe("leaves what is right as it is", () => {
  test.for([
    "avg(last_5m):avg:system.load.1{*} > 4",
    "sum(last_5m):sum:ai.agent.hallucinations{*}.as_count() > 10",
    "sum(last_15m):sum:ai.agent.hallucinations{*}.as_count() / sum:ai.agent.tasks.completed{*}.as_count() > 0.05",
    "avg(last_5m):sum:temporal.server.service.latency.sum{a:b}.as_rate() / sum:temporal.server.service.latency.count{a:b}.as_rate() > 1000",
    "avg(last_5m):diff(max:nomad.nomad.job_summary.failed{*} by {job,task_group}) > 3",
    "pct_change(avg(last_5m),last_1h):sum:a.b{*}.as_count() > 50",
    "avg(last_4h):anomalies(avg:a.b{*} by {host}, 'basic', 2, direction='both', interval=60) >= 1",
    "avg(last_4h):anomalies(sum:a.b{*}.as_count(), 'agile', 3, direction='above', count_default_zero='true') >= 1",
    "avg(last_5m):avg:a.b{version:.9} > 1",
  ])("%s", (query) => {
    const { state, repairs, refusals, alert } = one({ query });

    expect({ state, repairs, refusals, query: alert.query }).toEqual({
      state: "ok",
      repairs: [],
      refusals: [],
      query,
    });
  });
});

describe("repairs a query", () => {
  test.for<[from: string, to: string]>([
    ["avg(last_5m):avg:a.b{*} > .9", "avg(last_5m):avg:a.b{*} > 0.9"],
    ["avg(last_5m):avg:a.b{*} * .5 > 1", "avg(last_5m):avg:a.b{*} * 0.5 > 1"],
    ["avg(last_5m):avg:a.b{*} > 10k", "avg(last_5m):avg:a.b{*} > 10000"],
    ["avg(last_5m):avg:a.b{*} > 1_000", "avg(last_5m):avg:a.b{*} > 1000"],
    [
      "avg(last_5m):avg:a.used{*} / avg:a.total{*} > 90%",
      "avg(last_5m):avg:a.used{*} / avg:a.total{*} > 0.9",
    ],
    ["avg:a.b{*} > 1", "avg(last_5m):avg:a.b{*} > 1"],
    ["avg(10m):avg:a.b{*} > 1", "avg(last_10m):avg:a.b{*} > 1"],
    ["avg(600s):avg:a.b{*} > 1", "avg(last_10m):avg:a.b{*} > 1"],
    ["average(last_5m):mean:a.b{*} > 1", "avg(last_5m):avg:a.b{*} > 1"],
    ["avg(last_5m):avg:a.b > 1", "avg(last_5m):avg:a.b{*} > 1"],
    ["avg(last_5m):avg:a.b by {host} > 1", "avg(last_5m):avg:a.b{*} by {host} > 1"],
    ["avg(last_5m):avg:a.b{} > 1", "avg(last_5m):avg:a.b{*} > 1"],
    ["avg(last_5m):a.b{x:y} > 1", "avg(last_5m):avg:a.b{x:y} > 1"],
    ["avg(last_5m):a.b / c.d > 1", "avg(last_5m):avg:a.b{*} / avg:c.d{*} > 1"],
    ["avg(last_5m):ray.cluster.active_nodes < 3", "avg(last_5m):sum:ray.cluster.active_nodes{*} < 3"],
    [
      "avg(last_5m):consul.serf.member.flap > 2",
      "sum(last_5m):max:consul.serf.member.flap{*}.as_count() > 2",
    ],
    [
      "avg(last_5m):max:consul.serf.member.flap{*} > 2",
      "sum(last_5m):max:consul.serf.member.flap{*}.as_count() > 2",
    ],
    ["avg(last_5m):avg:my-app.requests{*} > 1", "avg(last_5m):avg:my_app.requests{*} > 1"],
    ["avg(last_5m):sum:a.b.count{*} > 10", "sum(last_5m):sum:a.b.count{*}.as_count() > 10"],
    ["avg(last_5m):a.b.count > 10", "sum(last_5m):sum:a.b.count{*}.as_count() > 10"],
    ["avg(last_5m):sum:a.b{*}.as_count() > 10", "sum(last_5m):sum:a.b{*}.as_count() > 10"],
    ["sum(last_5m):sum:a.b.count{*} by {x} > 10", "sum(last_5m):sum:a.b.count{*} by {x}.as_count() > 10"],
    [
      "avg(last_5m):ray.object_store.memory_used / ray.object_store.memory_total > 0.9",
      "avg(last_5m):sum:ray.object_store.used_memory{*} / ( sum:ray.object_store.used_memory{*} + sum:ray.object_store.available_memory{*} ) > 0.9",
    ],
    [
      "avg(last_5m):avg:ray.object_store.memory_used{*} by {nodeaddress} / avg:ray.object_store.memory_total{*} by {nodeaddress} > 0.9",
      "avg(last_5m):avg:ray.object_store.used_memory{*} by {nodeaddress} / ( avg:ray.object_store.used_memory{*} by {nodeaddress} + avg:ray.object_store.available_memory{*} by {nodeaddress} ) > 0.9",
    ],
    ["avg(last_5m):max:ray.actors.alive{a:b} > 9", "avg(last_5m):sum:ray.actors{a:b,state:alive} > 9"],
    [
      "avg(last_5m):ray.tasks.running{env:prod} > 9",
      "avg(last_5m):sum:ray.tasks{env:prod,state:running} > 9",
    ],
    [
      "avg(last_5m):sum:temporal.workflow.failed{*} by {namespace} > 5",
      "sum(last_5m):sum:temporal.server.workflow.failed.count{*} by {namespace}.as_count() > 5",
    ],
  ])("%s → %s", ([from, to]) => {
    const { state, alert, repairs } = one({ query: from });

    expect({ state, query: alert.query }).toEqual({ state: "repaired", query: to });
    expect(repairs.length).toBeGreaterThan(0);
    expect(checkMonitor({ type: "query alert", query: alert.query })).toEqual([]);
    expect(one({ query: to }).state).toBe("ok");
  });
});

describe("refuses what would be a guess", () => {
  test.for<[alert: object, reason: RegExp]>([
    [{ query: "avg(last_5m):avg:a.b.count{*} > 10" }, /avg: over its sources.*as_count\(\)/],
    [{ query: "avg(last_5m):sum:a.b.count{*} > 0.5" }, /whether 0\.5 is a rate can't be told/],
    [{ query: "avg(last_5m):avg:a.b{*}" }, /compares with nothing.*such as > 0\.9/],
    [{ query: "avg(last_5m):avg:a.b{*}", critical: 5 }, /does not say whether more or less/],
    [{ query: "avg(yesterday):avg:a.b{*} > 1" }, /"yesterday" is no window/],
    [
      { query: "avg(last_5m):avg:consul.health.service.query{*} > 200" },
      /nothing sends consul\.health\.service\.query.*no latency/,
    ],
    [
      { query: "avg(last_5m):avg:consul.catalog.services{*} > 1" },
      /consul\.catalog\.services follows from consul\.catalog\.services_count.*choose a metric/,
    ],
    [
      { query: "avg(last_5m):avg:ray.object_store.used_memry{*} > 1" },
      /did you mean ray\.object_store\.used_memory/,
    ],
    [{ query: "avg(last_5m):avg:a.b{* > 1" }, /"\{" is never closed/],
    [{ query: "avg(last_5m):avg:a.b{*} > 1", priority: "high" }, /high is no priority.*1 \(highest\) to 5/],
    [{ query: "avg(last_5m):avg:a.b{*} > 1", options: { wibble: 1 } }, /no monitor option wibble/],
    [
      { query: "avg(last_5m):avg:a.b{*} > 1", warning: 2 },
      /would never warn before; write a warning below 1/,
    ],
    [{ query: "avg(last_5m):avg:a.b{*} < 1", warning: 0 }, /write a warning above 1/],
    [{ query: "avg(last_5m):avg:a.b{*} > 1", notify: ["slack ml"] }, /slack ml is no handle/],
    [
      { query: "avg(last_5m):avg:a.b{*} > 1", options: { notify_no_data: true, on_missing_data: "resolve" } },
      /contradict/,
    ],
    [{ metric: "a.b", threshold: 5 }, /no operator; write operator: >/],
    [{ metric: "a.b", operator: ">" }, /no threshold/],
    [{ metric: "a.b", operator: "near", threshold: 5 }, /"near" is no operator/],
    [{ message: "x" }, /has no query/],
    [{ expr: "rate(x[5m]) > 1" }, /PromQL/],
    [{ type: "query alerrt", query: "avg(last_5m):avg:a.b{*} > 1" }, /No monitor type is named/],
    [{ type: "composite", query: "Nobody && 12" }, /no alert in this list is named "Nobody"/],
    [{ type: undefined, query: 'formula("a").last("5m") > 1' }, /does not say what it counts/],
  ])("%j: %s", ([alert, reason]) => {
    const verdict = one(alert);

    expect(verdict.state).toBe("refused");
    expect(why(verdict)).toMatch(reason);
  });
});

describe("repairs what stands around the query", () => {
  const query = "avg(last_5m):avg:a.b{*} > 10";

  test.for<[alert: object, alertAfter: object]>([
    [{ priority: "P1" }, { priority: 1 }],
    [{ priority: "3" }, { priority: 3 }],
    [
      { options: { thresholds: { critical: 9, warning: 5 } } },
      { options: { thresholds: { critical: 10, warning: 5 } } },
    ],
    [{ warning: 5 }, { options: { thresholds: { critical: 10, warning: 5 } } }],
    [{ critical: "x" }, { options: { thresholds: { critical: 10 } } }],
    [{ critical: "10" }, { options: { thresholds: { critical: 10 } } }],
    [
      { options: { thresholds: { critical: 10, critical_recovery: 12 } } },
      { options: { thresholds: { critical: 10 } } },
    ],
    [
      { options: { thresholds: { critical: 10, warning_recovery: 2 } } },
      { options: { thresholds: { critical: 10 } } },
    ],
    [{ options: { renotify_intervall: 30 } }, { options: { renotify_interval: 30 } }],
    [{ options: { silenced: { "*": null } } }, { options: {} }],
    [
      { options: { notify_no_data: true, on_missing_data: "show_and_notify_no_data" } },
      { options: { on_missing_data: "show_and_notify_no_data" } },
    ],
    [{ message: "Full! @slack-ml" }, { message: "Full!", notify: ["@slack-ml"] }],
    [{ message: "@slack-ml" }, { message: undefined, notify: ["@slack-ml"] }],
    [{ notify: "slack-ml" }, { notify: ["@slack-ml"] }],
    [{ tags: ["env:prod", "team:ml", "service:x", "a:b"] }, { tags: ["a:b"], env: "prod", team: "ml" }],
    [{ type: "metric" }, { type: "query alert" }],
    [{ runbok: "x" }, {}],
    [{ name: undefined }, { name: "a.b above 10" }],
  ])("%j → %j", ([alert, after]) => {
    const verdict = one({ query, ...alert });

    expect(verdict.state).toBe("repaired");
    expect(verdict.alert).toMatchObject(after);
    if ("options" in after) expect(verdict.alert.options).toEqual(after.options);
  });

  test("a message that notifies by condition stays as it is", () => {
    const message = "{{#is_alert}}@slack-ml{{/is_alert}}";

    expect(one({ query, message })).toMatchObject({ state: "ok", alert: { message, notify: [] } });
  });
});

describe("deduces the type", () => {
  test.for<[query: string, type: string]>([
    ["avg(last_5m):avg:a.b{*} > 1", "query alert"],
    ['logs("x").index("*").rollup("count").last("5m") > 5', "log alert"],
    ['"ray.up".over("*").last(2).count_by_status()', "service check"],
    ["12 && !34", "composite"],
    ['burn_rate("abc").over("7d").long_window("1h").short_window("5m") > 14', "slo alert"],
    ['events("x").rollup("count").last("5m") > 5', "event-v2 alert"],
  ])("of %s: %s", ([query, type]) => {
    expect(one({ query, type: undefined }).alert.type).toBe(type);
  });

  test.skipIf(!hasRecordings)("of recorded queries as Datadog stored it, but for formulas", () => {
    const accepted = recordings(/^\/api\/v1\/monitor$/).filter(
      ({ status, body }) => status === 200 && !String(body["query"]).startsWith("formula"),
    );

    const wrong = accepted.filter(({ body, answer }) => {
      const [verdict] = lint({ name: "A", query: body["query"] });
      return verdict!.alert.type !== String(answer["type"]).replace("metric alert", "query alert");
    });

    expect(accepted.length).toBeGreaterThan(20);
    expect(wrong.map(({ body }) => body["query"])).toEqual([]);
  });
});

describe("service checks", () => {
  test.for<[alert: object, query: string, critical: number | undefined]>([
    [{ query: "ray.up" }, '"ray.up".over("*").last(4).count_by_status()', undefined],
    [{ query: '"ray.up".over("a:b")' }, '"ray.up".over("a:b").last(4).count_by_status()', undefined],
    [
      { query: '"ray.up".over("*").count_by_status()' },
      '"ray.up".over("*").last(4).count_by_status()',
      undefined,
    ],
    [{ query: '"ray.up".over("*").last(2)', critical: 3 }, '"ray.up".over("*").last(3).count_by_status()', 3],
    [
      { query: '"ray.up".over("*").last(4).count_by_status() > 2' },
      '"ray.up".over("*").last(4).count_by_status()',
      3,
    ],
    [{ check: "ray.up", query: undefined }, '"ray.up".over("*").last(4).count_by_status()', undefined],
  ])("%j", ([alert, query, critical]) => {
    const verdict = one({ ...alert, type: "service check" });

    expect(verdict).toMatchObject({ state: "repaired", alert: { query } });
    expect((verdict.alert.options["thresholds"] as Record<string, unknown> | undefined)?.["critical"]).toBe(
      critical,
    );
  });
});

describe("shorthand", () => {
  test("takes Terraform's flat options and texts for numbers", () => {
    const [verdict] = lint({
      name: "A",
      type: "query alert",
      query: "avg(last_5m):avg:a.b{*} > 10",
      monitor_thresholds: [{ critical: "10", warning: 5 }],
      renotify_interval: 30,
      force_delete: true,
    });

    expect(verdict!.alert.options).toEqual({
      renotify_interval: 30,
      thresholds: { critical: 10, warning: 5 },
    });
  });

  test.for<[alert: object, query: string]>([
    [{ metric: "a.b", operator: ">", threshold: 5 }, "avg(last_5m):avg:a.b{*} > 5"],
    [{ metric: "a.b", operator: "below", threshold: "5", window: "1h" }, "avg(last_1h):avg:a.b{*} < 5"],
    [{ metric: "a.b", condition: ">= 5", aggregator: "max" }, "max(last_5m):avg:a.b{*} >= 5"],
    [
      { metric: "a.b", operator: ">", critical: 5, scope: "x:y", by: ["host"] },
      "avg(last_5m):avg:a.b{x:y} by {host} > 5",
    ],
    [{ metric: "a.b.count", operator: ">", threshold: 5 }, "sum(last_5m):sum:a.b.count{*}.as_count() > 5"],
  ])("%j stands for %s", ([alert, query]) => {
    expect(one(alert)).toMatchObject({ state: "repaired", alert: { query } });
  });
});

describe("units", () => {
  test.for<[query: string, note: RegExp]>([
    [
      "avg(last_5m):avg:a.used{*} / avg:a.total{*} > 90",
      /share from 0 to 1, and the threshold is 90.*write 0\.9/,
    ],
    ["avg(last_5m):100 * avg:a.used{*} / avg:a.total{*} > 0.9", /in percent, and the threshold is 0\.9/],
    ["avg(last_5m):avg:ray.node.cpu_utilization{*} > 0.95", /in percent/],
    ["avg(last_5m):avg:system.disk.in_use{*} > 90", /share from 0 to 1/],
    ["avg(last_5m):avg:app.errors{*} > 90", /if app\.errors is a counter/],
    ["avg(last_5m):avg:ray.something{*} > 90", /no pack names ray\.something/],
    ["avg(last_5m):sum:nats.jetstream.messages.stored{*} > 10000", /counts every replica/],
  ])("%s is pointed out", ([query, note]) => {
    const { state, notes } = one({ query });

    expect(state).toBe("ok");
    expect(notes).toEqual([expect.stringMatching(note)]);
  });

  test.for([
    "avg(last_5m):avg:a.used{*} / avg:a.total{*} > 0.9",
    "avg(last_5m):100 * avg:a.used{*} / avg:a.total{*} > 90",
    "avg(last_5m):sum:a.latency.sum{*} / sum:a.latency.calls{*} > 90",
  ])("%s is not", (query) => {
    expect(one({ query }).notes).toEqual([]);
  });
});
