import { describe, expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { policySchema } from "./policy.ts";
import { formatProblem } from "./problem.ts";
import { resolveReserved } from "./reserved.ts";
import { readDefaults, type Ground, type ReservedResolution } from "./resolve.ts";

const DISK =
  "type: query alert\nquery: avg(last_5m):avg:system.disk.in_use{${scope}} > ${critical}\ncritical: 0.9\n";

function resolved(name: string, text = DISK, ground: Partial<Ground> = {}): ReservedResolution {
  return resolveReserved(name, { text, generation: 7 }, exampleGround(ground));
}

function said(resolution: ReservedResolution): readonly string[] {
  return resolution.state === "held" ? resolution.problems.map((problem) => formatProblem(problem)) : [];
}

function defaults(text: string): Partial<Ground> {
  return { defaults: readDefaults({ text, generation: 1 }) };
}

describe("a monitor of no service", () => {
  test("is its document, with what _defaults leaves to it", () => {
    const text = `${DISK}name: Disk\nteam: own\ntags: ['a:own']\n`;

    const resolution = resolved("_monitors/disk-full", text, {
      ...defaults(
        "env: prod\nteam: inherited\ntags: ['a:inherited', 'b:inherited']\nnotify: ['@ops']\ndrift: report\ndeletion: retain\npaused: true\nagent: {interval: 20}\nmonitors: {noisy: false}\n",
      ),
    });

    expect(resolution).toEqual({
      state: "global",
      kind: "monitor",
      service: "_monitors/disk-full",
      generation: 7,
      wish: {
        kind: "monitor",
        freeze: [],
        key: "_monitors/disk-full",
        name: "disk-full",
        generation: 7,
        monitor: {
          name: "Disk",
          type: "query alert",
          query: "avg(last_5m):avg:system.disk.in_use{${scope}} > ${critical}",
          critical: 0.9,
        },
        env: "prod",
        team: "own",
        tags: ["a:own", "b:inherited"],
        notify: ["@ops"],
        drift: { rule: "report", fields: {} },
        deletion: "retain",
        paused: true,
      },
    });
  });

  test("without _defaults is deleted with its document, and set right when a person changes it", () => {
    expect(resolved("_monitors/disk-full")).toMatchObject({
      wish: {
        tags: [],
        notify: [],
        drift: { rule: "correct", fields: {} },
        deletion: "delete",
        paused: false,
      },
    });
  });

  test.for([
    ["type: query alert\n", ["_monitors/x: query is missing; it must be a text"]],
    [`${DISK}pack: ray\n`, ["_monitors/x:4:1: pack is not a field"]],
    [`${DISK}notfy: ['@a']\n`, ["_monitors/x:4:1: notfy is not a field; did you mean notify?"]],
    [
      `${DISK}message: 'on \${service}'\n`,
      [
        "_monitors/x:4:1: message: ${service} stands for nothing; there are scope, scopeAnyCluster, scopeTags, env, critical, warning",
      ],
    ],
    [
      "type: query alert\nquery: avg(last_5m):avg:a.b{*} > ${critical}\n",
      ["_monitors/x:2:1: query uses ${critical}, but the monitor has no critical"],
    ],
  ] as const)("of %o it says %o", ([text, messages]) => {
    expect(said(resolved("_monitors/x", text))).toEqual(messages);
  });

  test("needs a type and a query, even where its document is empty", () => {
    expect(resolved("_monitors/x", "")).toMatchObject({
      state: "held",
      problems: [{ path: "type" }, { path: "query" }],
    });
  });

  test("is held while _defaults is broken", () => {
    expect(said(resolved("_monitors/x", DISK, defaults("env: [1]\n")))[0]).toMatch(
      /^_monitors\/x: observability\/_defaults:1:\d+: env/,
    );
  });

  test("stays paused while it is refused", () => {
    const resolution = resolved("_monitors/x", `${DISK}paused: true\nmessage: '\${nothing}'\n`);

    expect(resolution).toMatchObject({ state: "held", paused: true });
  });
});

describe("the policy", () => {
  test("refuses every monitor of no service where it says so", () => {
    const policy = policySchema.parse({ globalMonitors: false });

    expect(said(resolved("_monitors/x", DISK, { policy }))).toEqual([
      "_monitors/x: monitors of no service are not allowed by the operator's policy (globalMonitors)",
    ]);
  });

  test("refuses handles, in the document, in its message, and inherited", () => {
    const policy = policySchema.parse({ handles: ["@slack-*"] });
    const text = `${DISK}message: see @pagerduty-a\n`;

    expect(said(resolved("_monitors/x", `${text}notify: ['@b']\n`, { policy }))).toEqual([
      "_monitors/x:5:1: notify: @b may not be notified by the operator's policy; allowed: @slack-*",
      "_monitors/x:4:1: message: @pagerduty-a may not be notified by the operator's policy; allowed: @slack-*",
    ]);
    expect(said(resolved("_monitors/x", DISK, { policy, ...defaults("notify: ['@c']\n") }))).toEqual([
      "_monitors/x: observability/_defaults: notify: @c may not be notified by the operator's policy; allowed: @slack-*",
    ]);
  });
});

test.for([
  ["_monitor/x", "_monitor/x is no name that means anything; did you mean _monitors/x?"],
  ["_monitors", "_monitors is no name that means anything; did you mean _monitors/<name>?"],
  ["_defaults2", "_defaults2 is no name that means anything; did you mean _defaults?"],
  ["_default/x", "_default/x is no name that means anything; did you mean _defaults?"],
  [
    "_foo",
    "_foo is no name that means anything; there are _defaults, _nomad, _monitors/<name>, _slos/<name>, _dashboards/<name>, and _downtimes/<name>",
  ],
  [
    "_constructor/x",
    "_constructor/x is no name that means anything; there are _defaults, _nomad, _monitors/<name>, _slos/<name>, _dashboards/<name>, and _downtimes/<name>",
  ],
  [
    "_monitors/a/b",
    "what follows _monitors/ must be a name of letters, digits, dots, dashes and underscores, at most 100",
  ],
  [
    "_monitors/../ray",
    "what follows _monitors/ must be a name of letters, digits, dots, dashes and underscores, at most 100",
  ],
  ["_slo/x", "_slo/x is no name that means anything; did you mean _slos/x?"],
  ["_downtime/x", "_downtime/x is no name that means anything; did you mean _downtimes/x?"],
  ["_dashboard/x", "_dashboard/x is no name that means anything; did you mean _dashboards/x?"],
] as const)("of the name %s it says %s", ([name, message]) => {
  expect(resolved(name)).toMatchObject({
    state: "held",
    service: name,
    problems: [{ owner: name, message }],
  });
});
