import { afterEach, describe, expect, test } from "vitest";

import { datadogWriter } from "../../clients/datadog.ts";
import { canonicalDesired, type MonitorBody } from "../../controllers/monitors/canonical.ts";
import { markTags } from "../../controllers/monitors/mark.ts";
import { monitorTarget } from "../../controllers/monitors/target.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { CLUSTER, wishedMonitor } from "../builders/monitors.ts";
import { hasRecordings, recordings } from "../recordings.ts";
import { bringInLine, desired, signal, testTargetContract } from "../target-contract.ts";
import {
  hasStrictDouble,
  ownFake,
  strictDouble,
  type DatadogDouble,
  type DoubleOptions,
} from "./datadog-double.ts";

const running: DatadogDouble[] = [];
/** Where a test sends what the published API forbids, on purpose. */
const broken = new Set<DatadogDouble>();

afterEach(async () => {
  const doubles = running.splice(0);
  await Promise.all(doubles.map((double) => double.stop()));
  const violations = doubles.filter((double) => !broken.has(double)).flatMap((double) => double.violations());
  if (violations.length > 0) throw new Error(`the published API forbids this: ${violations.join("; ")}`);
});

const DOUBLES = [
  { name: "our own stand-in", start: ownFake, isPresent: true },
  { name: "the strict double", start: strictDouble, isPresent: hasStrictDouble },
] as const;

for (const { name, start, isPresent } of DOUBLES) {
  describe.skipIf(!isPresent)(`against ${name}`, () => {
    const startWorld = async (options: DoubleOptions = {}) => {
      const double = await start(options);
      running.push(double);
      return worldOf(double);
    };

    testTargetContract<MonitorBody>("monitors", async () => {
      const { double, target } = await startWorld();
      return {
        target,
        wish: (key, variant) =>
          wishedMonitor(`ray/${key}`, {
            query: `avg(last_5m):avg:a.b{*} > ${variant}`,
            options: { thresholds: { critical: variant } },
          }),
        writes: () => double.writes(),
        count: () => double.monitors().length,
        // `afterEach` above stops it, after a look at what it saw.
        stop: () => Promise.resolve(),
      };
    });

    test("a monitor of every common kind comes back equal, and breaks no rule", async () => {
      const { double, target } = await startWorld();
      const wished = desired(KINDS.map(([key, wire]) => wishedMonitor(`ray/${key}`, wire)));
      await bringInLine(target, wished);
      const before = double.writes();

      const plan = await bringInLine(target, wished);

      expect(plan).toMatchObject({ actions: [], unchanged: KINDS.length });
      expect(double.writes()).toBe(before);
    });

    test("a second monitor that equals another is refused with the number of the first", async () => {
      const { datadog } = await startWorld();
      const body = { ...wishedMonitor("ray/a").body };
      const first = await datadog.createMonitor(body, { signal: signal() });

      const second = datadog.createMonitor(body, { signal: signal() });

      await expect(second).rejects.toMatchObject({
        failure: "rejected",
        message: expect.stringContaining(`Duplicate of an existing monitor_id:${first.id}`),
      });
    });

    test("mutes survive an update that doesn't name them", async () => {
      const { double, target } = await startWorld();
      await bringInLine(target, desired([wishedMonitor("ray/a")]));
      const id = Number(double.monitors()[0]?.["id"]);
      double.edit(id, { options: { silenced: { "*": 1_900_000_000 } } });

      await bringInLine(target, desired([wishedMonitor("ray/a", { message: "new" })]));

      expect(double.monitors()).toMatchObject([
        { message: "new", options: { silenced: { "*": 1_900_000_000 } } },
      ]);
    });

    test("lists all pages of what carries the tags, and nothing else", async () => {
      const { datadog } = await startWorld();
      const body = wishedMonitor("ray/a").body;
      for (const [n, tags] of [["team:a"], ["team:b"], ["team:a", "x:y"]].entries()) {
        await datadog.createMonitor({ ...body, name: `m${n}`, tags }, { signal: signal() });
      }

      const list = await datadog.listMonitors(["team:a", "x:y"], { signal: signal() });

      expect(list).toMatchObject({ monitors: [{ name: "m2" }], pages: 1 });
    });

    test("says what is wrong with a monitor, at validation and at creation alike", async () => {
      const { datadog, double } = await startWorld();
      broken.add(double);
      const body = {
        ...wishedMonitor("ray/a").body,
        query: "avg(last_5m):avg:a.b{*} > 200",
        options: { thresholds: { critical: 90 } },
      };
      const expected = {
        failure: "rejected",
        message: expect.stringMatching(
          /Alert threshold \(90.*\) does not match that used in the query \(200/,
        ),
      };

      await expect(datadog.validateMonitor(body, { signal: signal() })).rejects.toMatchObject(expected);
      await expect(datadog.createMonitor(body, { signal: signal() })).rejects.toMatchObject(expected);
    });

    test("validates a good monitor, new and existing", async () => {
      const { datadog, double } = await startWorld();
      const body = { ...wishedMonitor("ray/a").body };
      const { id } = await datadog.createMonitor(body, { signal: signal() });

      await datadog.validateMonitor(body, { signal: signal() });
      await datadog.validateExisting(id, { ...body, message: "new" }, { signal: signal() });

      expect(double.monitors()).toMatchObject([{ message: body.message }]);
    });

    test("a monitor that a composite uses may not be deleted", async () => {
      const { target, double } = await startWorld();
      await bringInLine(target, desired([wishedMonitor("ray/a"), wishedMonitor("ray/b")]));
      const ids = double.monitors().map((monitor) => Number(monitor["id"]));
      const composite = wishedMonitor("ray/c", {
        type: "composite",
        query: `${ids[0]} && ${ids[1]}`,
        options: {},
      });
      await bringInLine(target, desired([wishedMonitor("ray/a"), wishedMonitor("ray/b"), composite]));

      const deletion = bringInLine(target, desired([composite]));

      await expect(deletion).rejects.toMatchObject({
        failure: "inUse",
        message: expect.stringMatching(/is referenced in/),
      });
      expect(double.monitors()).toHaveLength(3);
    });

    test("learns the organisation, and that the keys are good", async () => {
      const { datadog } = await startWorld();
      const none = await datadog.organisation({ signal: signal() });
      await datadog.createMonitor({ ...wishedMonitor("ray/a").body }, { signal: signal() });

      await datadog.validateKeys({ signal: signal() });

      expect(none).toBeUndefined();
      expect(await datadog.organisation({ signal: signal() })).toBe(321_813);
    });

    test.for([
      ["the API key", { apiKey: "wrong" }, /validate the API key/],
      ["the application key", { appKey: "wrong" }, /application key needs monitors_read/],
    ] as const)("tells that %s is wrong, without printing it", async ([_which, wrong, message]) => {
      const { double } = await startWorld();
      const datadog = datadogWriter({
        url: double.url,
        apiKey: double.apiKey,
        appKey: double.appKey,
        ...wrong,
      });

      const error: unknown = await datadog.validateKeys({ signal: signal() }).catch((e: unknown) => e);

      expect(error).toMatchObject({ failure: "unauthorized" });
      expect(`${String(error)} ${(error as { hint?: string }).hint}`).toMatch(message);
      expect(String(error)).not.toContain("wrong");
    });

    test("names the permission that is missing", async () => {
      const { target } = await startWorld({ permissions: ["monitors_read"] });

      const pass = bringInLine(target, desired([wishedMonitor("ray/a")]));

      await expect(pass).rejects.toMatchObject({
        failure: "unauthorized",
        hint: expect.stringMatching(/monitors_write/),
      });
    });

    test.for([
      { kind: "status", status: 502 },
      { kind: "html" },
      { kind: "badJson" },
      { kind: "truncate" },
      { kind: "reset" },
      { kind: "hang" },
    ] as const)("an unanswered create that took effect leaves one monitor: %j", async (strike) => {
      const { double, target } = await startWorld();
      double.fault({ ...strike, method: "POST", after: true });

      await bringInLine(target, desired([wishedMonitor("ray/a")]));
      const plan = await bringInLine(target, desired([wishedMonitor("ray/a")]));

      expect(plan.actions).toEqual([]);
      expect(double.monitors()).toHaveLength(1);
    });

    test("reads that lag behind writes make no second monitor", async () => {
      const { double, target } = await startWorld();
      double.setReadLag(60_000);
      await bringInLine(target, desired([wishedMonitor("ray/a", { message: "one" })]));

      const second = bringInLine(target, desired([wishedMonitor("ray/a", { message: "two" })]));

      await expect(second).rejects.toMatchObject({ failure: "ambiguous" });
      expect(double.monitors()).toHaveLength(1);
    });
  });
}

test.skipIf(!hasRecordings || !hasStrictDouble)(
  "every monitor that was recorded at the real API can be kept without drift",
  async () => {
    const double = await strictDouble();
    running.push(double);
    const { target } = worldOf(double);
    const bodies = recordings(/^\/api\/v1\/monitor$/)
      .filter((one) => one.method === "POST" && one.status === 200)
      // Composites and SLO alerts name objects that stood in the recording's organisation.
      .filter(({ body }) => !/^(?:composite|slo alert)$/.test(String(body["type"])))
      .map(({ body }) => body);
    const wished = desired(
      bodies.map((body, n) => {
        const key = `recorded/m${n}`;
        const tags = [
          ...((body["tags"] as readonly string[] | null | undefined) ?? []),
          ...markTags({ clusterId: CLUSTER, key, retain: false }),
        ];
        const wire = { ...body, name: body["name"] ?? key, tags };
        return { ...wishedMonitor(key), body: canonicalDesired(wire) };
      }),
    );
    await bringInLine(target, wished);

    const plan = await bringInLine(target, wished);

    expect(plan.actions).toEqual([]);
    expect(plan.unchanged).toBeGreaterThan(100);
  },
);

function worldOf(double: DatadogDouble) {
  const { url, apiKey, appKey } = double;
  const datadog = datadogWriter({ url, apiKey, appKey, timeoutMs: 500 });
  const target = monitorTarget({ datadog, clusterId: CLUSTER, memory: new Memory(), lookAgainMs: 1 });
  return { double, datadog, target };
}

/** One of each kind that packs and people use. */
const KINDS: readonly (readonly [key: string, wire: Readonly<Record<string, unknown>>])[] = [
  ["plain", {}],
  ["metric-alert", { type: "metric alert" }],
  ["trimmed", { message: " blanks \n", name: " trimmed " }],
  ["no-options", { query: "avg(last_5m):avg:a.b{*} > 1", options: {} }],
  [
    "missing-data",
    {
      query: "avg(last_5m):avg:a.b{*} < 1",
      options: {
        thresholds: { critical: 1, warning: null },
        on_missing_data: "resolve",
        new_group_delay: 60,
      },
    },
  ],
  [
    "schedule",
    {
      query: "avg(current_1d):avg:a.b{*} > 1",
      options: {
        thresholds: { critical: 1 },
        scheduling_options: {
          custom_schedule: { recurrences: [{ rrule: "FREQ=DAILY;INTERVAL=1", timezone: "Etc/UTC" }] },
        },
      },
    },
  ],
  [
    "log",
    {
      type: "log alert",
      query: 'logs("service:foo AND type:error").index("main").rollup("count").by("source").last("5m") > 2',
      options: { thresholds: { critical: 2 }, enable_logs_sample: true },
    },
  ],
  [
    "check",
    {
      type: "service check",
      query: '"datadog.agent.up".over("*").by("host").last(2).count_by_status()',
      options: { thresholds: { ok: 1, warning: 1, critical: 1 } },
    },
  ],
  [
    "anomaly",
    {
      query:
        "avg(last_4h):anomalies(avg:a.b{*}, 'basic', 2, direction='both', interval=60, alert_window='last_15m', count_default_zero='true') >= 1",
      options: {
        thresholds: { critical: 1, critical_recovery: 0 },
        threshold_windows: { trigger_window: "last_15m", recovery_window: "last_15m" },
      },
    },
  ],
  [
    "loud",
    {
      options: {
        thresholds: { critical: 4 },
        renotify_interval: 60,
        renotify_occurrences: 2,
        renotify_statuses: ["warn", "alert"],
        escalation_message: "still bad\n",
        evaluation_delay: 900,
        timeout_h: 2,
        require_full_window: false,
        include_tags: false,
      },
    },
  ],
];
