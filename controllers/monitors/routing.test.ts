import { expect, test } from "vitest";

import { resolve, readDefaults, type Resolution } from "../../crds/resolve.ts";
import { readDocument } from "../../crds/document.ts";
import { wishLayer } from "../../crds/wish.ts";
import { exampleGround, examplePack } from "../../test/builders/packs.ts";
import { toWire } from "./canonical.ts";
import { compileMonitors } from "./compile.ts";

const QUEUE =
  "queue: {type: query alert, query: 'avg(last_5m):avg:q.len{*} > ${critical}', critical: 7, priority: 1}";

const SECTION = { title: "T", section: "S", widgets: [{ definition: { type: "note" } }] };

function compile(document: string, { defaults = "", monitors = {}, dashboards = {} } = {}) {
  const pack = examplePack({ monitors, dashboards });
  const ground = exampleGround({
    packs: new Map([["ray", pack]]),
    defaults: readDefaults({ text: defaults, generation: 1 }),
  });
  const resolution = resolve("ray", [], { text: document, generation: 7 }, ground)!;
  if (resolution.state === "held")
    throw new Error(resolution.problems.map(({ message }) => message).join("\n"));
  const { objects, problems } = compileMonitors("dc1", { appUrl: "https://app.datadoghq.eu" })({
    services: new Map<string, Resolution>([["ray", resolution]]),
    paused: new Set(),
  });
  return {
    problems: problems.map(({ message }) => message),
    wire: (name: string): Readonly<Record<string, unknown>> => toWire(objects.get(`ray/${name}`)!.body),
    options: (name: string) =>
      toWire(objects.get(`ray/${name}`)!.body)["options"] as Readonly<Record<string, unknown>>,
  };
}

function mistakes(document: string): readonly string[] {
  const result = readDocument("ray", document, wishLayer);
  return result.ok ? [] : result.problems.map(({ message }) => message);
}

test("a message says what is wrong, what to look at, who is told, where to look, and where it comes from", () => {
  const { wire } = compile("env: prod\nnotify: ['@slack-ml']\nrunbookUrl: https://wiki.example.com/ray\n", {
    dashboards: {
      "only-with-buckets": { ...SECTION, needs: "buckets" },
      "infrastructure-overview": SECTION,
      other: SECTION,
    },
  });

  expect(wire("noisy")["message"]).toBe(
    [
      "There is noise.",
      "First look at:\n1. one\n2. two\n3. three",
      "@slack-ml",
      [
        "Dashboard: https://app.datadoghq.eu/dashboard/${dashboards:_dashboards/infrastructure-overview|lists}?tpl_var_service=ray",
        "Service page: https://app.datadoghq.eu/apm/entity/service%3Aray?env=prod",
        "Runbook: https://wiki.example.com/ray",
      ].join("\n"),
      "Kept by dd-observe for service ray (pack ray). Edits here are undone; change the wish instead.",
    ].join("\n\n"),
  );
});

test("a monitor's own runbook replaces the service's", () => {
  const { wire } = compile(
    "runbookUrl: https://wiki.example.com/ray\nmonitors: {noisy: {runbookUrl: 'https://wiki.example.com/noise'}}\n",
  );

  expect(wire("noisy")["message"]).toContain("\nRunbook: https://wiki.example.com/noise\n");
  expect(wire("noisy")["message"]).not.toContain("wiki.example.com/ray");
});

test("routes join layer by layer, and priority and team choose among them", () => {
  const defaults =
    "notify: {all: ['@slack-ops'], p1: ['@pagerduty-ops'], teams: {ml: ['@slack-ml'], web: ['@slack-web']}}\n";

  const { wire } = compile(`team: ml\nnotify: ['@slack-ray']\nmonitors: {noisy: {priority: 3}, ${QUEUE}}\n`, {
    defaults,
  });

  expect(wire("noisy")["message"]).toContain("\n\n@slack-ray @slack-ml\n\n");
  expect(wire("queue")["message"]).toContain("@slack-ray @pagerduty-ops @slack-ml\n\n");
});

test("a monitor's own notify replaces every route", () => {
  const { wire } = compile(
    "notify: {all: ['@slack-ray'], on: {recovery: ['@slack-log']}}\nmonitors: {noisy: {notify: ['@only']}}\n",
  );

  expect(wire("noisy")["message"]).toContain("\n\n@only\n\n");
  expect(wire("noisy")["message"]).not.toContain("@slack-");
});

test("a template puts the parts in another order, and leaves lines without content out", () => {
  const template =
    "${handles} ${summary}\n\n${steps}\n\nDashboard ${dashboardUrl}\n${runbookUrl}\n\n${footer}";

  const { wire } = compile("notify: ['@a']\n", {
    defaults: `messageTemplate: ${JSON.stringify(template)}\n`,
  });

  expect(wire("noisy")["message"]).toBe(
    "@a There is noise.\n\nFirst look at:\n1. one\n2. two\n3. three\n\nDashboard \n\nKept by dd-observe for service ray (pack ray). Edits here are undone; change the wish instead.",
  );
});

test.for([
  ["messageTemplate: 'Hello ${summary}'", /must hold \$\{handles\}, or nobody would be told/],
  ["messageTemplate: '${handels}'", /\$\{handels\}, which stands for nothing; did you mean handles\?/],
  ["notify: {p6: ['@a']}", /notify\.p6 is not a field; did you mean p[1-5]\?/],
  ["notify: {all: [slack]}", /notify\.all\.0 must be a handle/],
  ["runbookUrl: 'javascript:alert(1)'", /must be a web address/],
  ["monitors: {a: {groupRetentionDuration: 99h}}", /must be from 1h to 72h/],
  ["monitors: {a: {schedulingOptions: {evaluationWindow: {timezone: Europe/Berln}}}}", /must be a time zone/],
  ["monitors: {a: {silenced: {}}}", /monitors\.a\.silenced is not a field/],
] as const)("refuses %s", ([document, message]) => {
  expect(mistakes(document)).toEqual([expect.stringMatching(message)]);
});

test("a composite names monitors of its service, of another, and of none", () => {
  const query = "${monitor:noisy} && !${monitor:api/slow} || (${monitor:_monitors/disk} && 123)";

  const { wire, problems } = compile(`monitors: {noisy: true, both: {type: composite, query: '${query}'}}\n`);

  expect(problems).toEqual([]);
  expect(wire("both")["query"]).toBe(
    "${monitors:ray/noisy} && !${monitors:api/slow} || (${monitors:_monitors/disk} && 123)",
  );
});

test.for([
  ["${monitor:nosy} && 1", "${monitor:nosy} is no monitor of ray; did you mean noisy?"],
  ["${monitor:ray/nosy} && 1", "did you mean noisy?"],
  ["${monitor:both} && 1", "${monitor:both} is the composite itself"],
  ["${monitor:a/b/c} && 1", "${monitor:a/b/c} is no name of a monitor"],
  ["${monitor:_slos/x} && 1", "${monitor:_slos/x} is no name of a monitor"],
  ["${monitor:noisy} and 1", "A composite joins monitors"],
] as const)("the composite %s is refused", ([query, message]) => {
  const { problems } = compile(`monitors: {noisy: true, both: {type: composite, query: '${query}'}}\n`);

  expect(problems).toEqual([expect.stringContaining(message)]);
});

test("a reference to a monitor elsewhere than in a composite's query is a mistake", () => {
  expect(() => compile("monitors: {noisy: {message: 'See ${monitor:queue}'}}\n")).toThrow(
    "in the query of a composite only",
  );
});

test.for<[title: string, fields: string, found: object]>([
  ["priority 1 repeats every hour", "priority: 1", { renotify_interval: 60, renotify_statuses: ["alert"] }],
  ["priority 2 every four", "priority: 2", { renotify_interval: 240, renotify_statuses: ["alert"] }],
  [
    "missing data repeats where it alerts",
    "priority: 1, notifyNoData: true, noDataTimeframe: 10",
    { renotify_statuses: ["alert", "no data"] },
  ],
  ["what a document says wins", "priority: 1, renotifyInterval: 5", { renotify_interval: 5 }],
  ["a new group is left in peace for a minute", "priority: 3", { new_group_delay: 60 }],
  ["unless a host is, as the document says", "newHostDelay: 900", { new_host_delay: 900 }],
  ["the triggering group stands in the title", "priority: 3", { include_tags: true }],
  ["missing data is no alert", "priority: 3", { notify_no_data: false }],
])("without a word about it, %s", ([, fields, found]) => {
  const { options } = compile(
    `monitors: {a: {type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, ${fields}}}\n`,
  );

  expect(options("a")).toMatchObject(found);
});

test.for(["priority: 3", "priority: 1, renotifyInterval: 0"])("with %s, nothing repeats", (fields) => {
  const { options } = compile(
    `monitors: {a: {type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, ${fields}}}\n`,
  );

  expect(Object.keys(options("a")).filter((name) => name.startsWith("renotify"))).toEqual([]);
});

test.for<[query: string, fields: string, found: object]>([
  ["avg(last_5m):avg:a{*} / avg:b{*} > 0.8", "critical: 0.8", { critical: 0.8, critical_recovery: 0.76 }],
  [
    "avg(last_5m):100 * avg:a{*} / avg:b{*} < 10",
    "critical: 10, warning: 20",
    { critical: 10, critical_recovery: 10.5, warning: 20, warning_recovery: 21 },
  ],
  [
    "avg(last_5m):avg:a{*} / avg:b{*} > 0.8",
    "critical: 0.8, criticalRecovery: 0.5",
    { critical: 0.8, critical_recovery: 0.5 },
  ],
  ["avg(last_5m):avg:a{*} / avg:b{*} > 0.8", "critical: 0.8, criticalRecovery: false", { critical: 0.8 }],
  ["avg(last_5m):avg:a{*} / 1000 > 8", "critical: 8", { critical: 8 }],
  ["avg(last_5m):avg:a{path:/x/y} > 8", "critical: 8", { critical: 8 }],
])("%s with %s recovers as it should", ([query, fields, found]) => {
  const { options } = compile(`monitors: {a: {type: query alert, query: '${query}', ${fields}}}\n`);

  expect(options("a")["thresholds"]).toEqual(found);
});

test("a count is evaluated though its window is never full", () => {
  const { options } = compile(
    "monitors: {a: {type: query alert, query: 'sum(last_5m):sum:a{*}.as_count() > 7', critical: 7}}\n",
  );

  expect(options("a")["require_full_window"]).toBe(false);
});

test("what a document says of missing data replaces what the pack says, by whichever field", () => {
  const silent = {
    name: "Silent",
    type: "query alert",
    query: "avg(last_5m):avg:ray.up{${scope}} < ${critical}",
    critical: 1,
    notifyNoData: true,
    noDataTimeframe: 10,
    summary: "It is silent.",
    runbook: ["one", "two", "three"],
  };
  const compiled = (tuning: string) => compile(`monitors: {silent: ${tuning}}\n`, { monitors: { silent } });

  expect(compiled("{onMissingData: resolve}").options("silent")).not.toHaveProperty("notify_no_data");
  expect(compiled("{notifyNoData: false}").options("silent")).not.toHaveProperty("no_data_timeframe");
  expect(compiled("{onMissingData: resolve, notifyNoData: true}").problems).toEqual([
    "monitors.silent: onMissingData and notifyNoData say the same; leave one of them out",
  ]);
});

test.for([
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, ok: 2",
    /Only a service check counts ok/,
  ],
  ["type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, triggerWindow: last_5m", /anomalies/],
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, notifyBy: ['*']",
    /query with groups/,
  ],
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, noDataTimeframe: 9",
    /notifyNoData: true; add it/,
  ],
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, renotifyOccurrences: 2",
    /without renotifyInterval/,
  ],
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, newHostDelay: 1, newGroupDelay: 1",
    /leave newHostDelay out/,
  ],
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, warningRecovery: 1",
    /needs a warning/,
  ],
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, groupRetentionDuration: 2h",
    /use timeoutHours/,
  ],
  [
    'type: service check, query: \'"a".over("*").last(4).count_by_status()\', onMissingData: resolve',
    /use notifyNoData/,
  ],
  [
    "type: query alert, query: 'avg(last_5m):avg:q{*} > 7', critical: 7, requireFullWindow: true, schedulingOptions: {customSchedule: {recurrences: [{rrule: FREQ=DAILY, timezone: UTC}]}}",
    /decides the window by itself/,
  ],
] as const)("refuses the monitor {%s}", ([fields, message]) => {
  expect(compile(`monitors: {a: {${fields}}}\n`).problems).toEqual([expect.stringMatching(message)]);
});
