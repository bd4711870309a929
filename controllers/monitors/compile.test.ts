import { expect, test } from "vitest";

import { resolve, type Resolution } from "../../crds/resolve.ts";
import { exampleGround, examplePack } from "../../test/builders/packs.ts";
import { toWire } from "./canonical.ts";
import { compileMonitors } from "./compile.ts";

const FALLING = {
  name: "Too few workers",
  type: "query alert",
  query: "avg(last_5m):avg:ray.workers{${scope}} < ${critical}",
  critical: 10,
  warning: 20,
  warningRecovery: 25,
  criticalRecovery: 15,
  summary: "There are too few workers.",
  runbook: ["one", "two", "three"],
};
const RISING = {
  name: "Too much memory",
  type: "query alert",
  query: "avg(last_5m):avg:ray.memory{${scope}} > ${critical}",
  critical: 90,
  warning: 80,
  criticalRecovery: 85,
  warningRecovery: 75,
  summary: "There is too much memory in use.",
  runbook: ["one", "two", "three"],
};

function compile(document: string, monitors: object = {}) {
  const ground = exampleGround({ packs: new Map([["ray", examplePack({ monitors })]]) });
  const resolution = resolve("ray", [], { text: document, generation: 7 }, ground)!;
  if (resolution.state === "held")
    throw new Error(resolution.problems.map(({ message }) => message).join("\n"));
  const desired = compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" })({
    services: new Map<string, Resolution>([["ray", resolution]]),
    paused: new Set(),
  });
  const wire = (name: string): Record<string, unknown> | undefined => {
    const object = desired.objects.get(`ray/${name}`);
    return object === undefined ? undefined : toWire(object.body);
  };
  return { desired, wire };
}

/** The names of all monitors that are wanted. */
function names(document: string, monitors: object = {}): readonly string[] {
  return [...compile(document, monitors).desired.objects.keys()]
    .map((key) => key.slice("ray/".length))
    .sort();
}

function thresholds(wire: Record<string, unknown> | undefined): unknown {
  return (wire?.["options"] as Record<string, unknown> | undefined)?.["thresholds"];
}

test("makes the pack's monitors, with the service's scope, tags and mark", () => {
  const { wire } = compile("env: prod\nteam: ml\nnotify: ['@slack-ml']");

  expect(wire("noisy")).toMatchObject({
    name: "[ray] Noisy",
    query: "avg(last_5m):avg:ray.noise{service:ray,env:prod,cluster:dc1} > 1",
    message: expect.stringMatching(
      /^There is noise\.\n\nFirst look at:\n1\. one\n2\. two\n3\. three\n\n@slack-ml\n\nService page: https:\/\/app\.datadoghq\.com\/apm\/entity\/service%3Aray\?env=prod\n\nKept by dd-observe/,
    ),
    tags: expect.arrayContaining(["managed-by:dd-observe", "service:ray", "env:prod", "team:ml"]),
  });
});

test.for([
  { title: "one is switched off", document: "monitors: {noisy: false}", found: ["object-store-pressure"] },
  {
    title: "one is switched on",
    document: "monitors: {noisy: true}",
    found: ["noisy", "object-store-pressure"],
  },
  {
    title: "one is tuned",
    document: "monitors: {noisy: {critical: 5}}",
    found: ["noisy", "object-store-pressure"],
  },
])("where $title, there are $found", ({ document, found }) => {
  expect(names(document)).toEqual(found);
});

test.for([
  { title: "its option is on by default", document: "", isThere: true },
  { title: "its option is switched off", document: "agent: {buckets: false}", isThere: false },
  {
    title: "its option is off, yet it is tuned",
    document: "agent: {buckets: false}\nmonitors: {needy: {critical: 5}}",
    isThere: false,
  },
])("a monitor that needs an option is there if $title: $isThere", ({ document, isThere }) => {
  const needy = { ...RISING, needs: "buckets" };
  const withOption = document === "" ? "agent: {buckets: true}" : document;

  expect(names(withOption, { needy }).includes("needy")).toBe(isThere);
});

test.for([
  { document: "", isThere: false },
  { document: "monitors: {shy: true}", isThere: true },
  { document: "monitors: {shy: {critical: 5}}", isThere: true },
])(
  "a monitor that is off by default is there if the document names it ($document)",
  ({ document, isThere }) => {
    expect(names(document, { shy: { ...RISING, default: false } }).includes("shy")).toBe(isThere);
  },
);

test.for([
  {
    title: "nothing",
    tuning: "{}",
    found: { critical: 90, warning: 80, critical_recovery: 85, warning_recovery: 75 },
  },
  {
    title: "critical above all",
    tuning: "{critical: 95}",
    found: { critical: 95, warning: 80, critical_recovery: 85, warning_recovery: 75 },
  },
  { title: "critical below all", tuning: "{critical: 50}", found: { critical: 50 } },
  {
    title: "critical between",
    tuning: "{critical: 82}",
    found: { critical: 82, warning: 80, warning_recovery: 75 },
  },
  {
    title: "its own warning",
    tuning: "{critical: 50, warning: 40}",
    found: { critical: 50, warning: 40 },
  },
])("with $title tuned, a rising monitor keeps what the document doesn't contradict", ({ tuning, found }) => {
  const { wire } = compile(`monitors: {memory: ${tuning}}`, { memory: RISING });

  expect(thresholds(wire("memory"))).toEqual(found);
  expect(wire("memory")?.["query"]).toContain(`> ${found.critical}`);
});

test.for([
  {
    title: "nothing",
    tuning: "{}",
    found: { critical: 10, warning: 20, critical_recovery: 15, warning_recovery: 25 },
  },
  { title: "critical above all", tuning: "{critical: 50}", found: { critical: 50 } },
  {
    title: "critical between",
    tuning: "{critical: 17}",
    found: { critical: 17, warning: 20, warning_recovery: 25 },
  },
])("with $title tuned, so does a falling one", ({ tuning, found }) => {
  const { wire } = compile(`monitors: {workers: ${tuning}}`, { workers: FALLING });

  expect(thresholds(wire("workers"))).toEqual(found);
});

test("a contradiction that the document states itself is a problem of that monitor alone", () => {
  const { desired } = compile("monitors: {memory: {critical: 50, warning: 60}}", { memory: RISING });

  expect(desired.objects.has("ray/memory")).toBe(false);
  expect([...desired.held.keys()]).toEqual(["ray/memory"]);
  expect(desired.problems).toMatchObject([
    {
      owner: "ray",
      reason: "InvalidThreshold",
      path: "monitors.memory",
      message: expect.stringContaining("warning is 60"),
    },
  ]);
  expect(desired.objects.has("ray/noisy")).toBe(true);
});

test("makes a monitor of the document's own", () => {
  const { wire } = compile(
    "monitors: {queue: {type: query alert, query: 'avg(last_5m):avg:q.len{${scope}} > ${critical}', message: Too long., critical: 7}}",
  );

  expect(wire("queue")).toMatchObject({
    name: "[ray] queue",
    query: "avg(last_5m):avg:q.len{service:ray,cluster:dc1} > 7",
    message: expect.stringMatching(/^Too long\./),
    options: { thresholds: { critical: 7 } },
  });
});

test.for([
  {
    title: "a query without a comparison",
    query: "avg(last_5m):avg:q{*}",
    reason: "InvalidQuery",
  },
  {
    title: "a threshold that isn't the query's",
    query: "avg(last_5m):avg:q{*} > 1",
    reason: "InvalidThreshold",
  },
])("holds a monitor with $title by its key, and keeps the others", ({ query, reason }) => {
  const { desired } = compile(
    `monitors: {queue: {type: query alert, query: '${query}', message: m, critical: 7}}`,
  );

  expect([...desired.held.keys()]).toEqual(["ray/queue"]);
  expect(desired.problems).toMatchObject([{ owner: "ray", reason }]);
  expect(desired.objects.size).toBe(2);
});

test("the wish says who is told, and a single monitor may say otherwise", () => {
  const { wire } = compile("notify: ['@slack-ml']\nmonitors: {noisy: {notify: ['@pagerduty-ml']}}");

  expect(wire("noisy")?.["message"]).toContain("@pagerduty-ml");
  expect(wire("noisy")?.["message"]).not.toContain("@slack-ml");
  expect(wire("object-store-pressure")?.["message"]).toContain("@slack-ml");
});

test("the same wish gives the same bodies, the very same objects", () => {
  const ground = exampleGround();
  const resolution = resolve("ray", [], { text: "", generation: 7 }, ground)!;
  const compileOnce = compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" });
  const snapshot = () => ({
    services: new Map<string, Resolution>([["ray", resolution]]),
    paused: new Set<string>(),
  });

  const first = compileOnce(snapshot());
  const second = compileOnce(snapshot());

  for (const [key, { body }] of first.objects) expect(second.objects.get(key)?.body).toBe(body);
});
