import { describe, expect, test } from "vitest";

import { exampleGround, examplePack } from "../test/builders/packs.ts";
import { policySchema } from "./policy.ts";
import { formatProblem } from "./problem.ts";
import { resolveReserved } from "./reserved.ts";
import { readDefaults, type Ground } from "./resolve.ts";

const PACK = examplePack({
  dashboards: {
    overview: { title: "Overview", section: "Ray", widgets: [{ definition: { type: "note" } }] },
  },
});

function resolved(name: string, text: string, over: Partial<Ground> = {}) {
  const { packs } = exampleGround();
  const ground = exampleGround({ packs: new Map([...packs, ["ray", PACK]]), ...over });
  return resolveReserved(name, { text, generation: 7 }, ground);
}

function said(name: string, text: string, over: Partial<Ground> = {}): readonly string[] {
  const resolution = resolved(name, text, over);
  return resolution.state === "held" ? resolution.problems.map((problem) => formatProblem(problem)) : [];
}

const SLO = "type: monitor\nmonitors: [ray/noisy, _monitors/x]\ntarget: 99\n";
const DASHBOARD = "definition: {title: A, layout_type: ordered, widgets: []}\n";
const DOWNTIME = "end: 2027-01-02T00:00:00Z\n";

describe("a document of no service", () => {
  test.for([
    ["_slos/a", SLO, "slo", { slo: { type: "monitor", monitors: ["ray/noisy", "_monitors/x"], target: 99 } }],
    [
      "_dashboards/a",
      DASHBOARD,
      "dashboard",
      { dashboard: { definition: { title: "A", layout_type: "ordered", widgets: [] } } },
    ],
    ["_dashboards/overview", "exclude: [Ray]\n", "dashboard", { dashboard: { exclude: ["Ray"] } }],
    ["_dashboards/overview", "paused: false\n", "dashboard", { dashboard: {} }],
    ["_downtimes/a", DOWNTIME, "downtime", { downtime: { end: "2027-01-02T00:00:00Z" } }],
  ] as const)(
    "%s with %o is a %s of its own, with what _defaults leaves to it",
    ([name, text, kind, own]) => {
      const defaults = readDefaults({
        text: "env: prod\nteam: inherited\ntags: ['a:b']\nnotify: ['@ops']\ndrift: {tolerate: 4h}\ndeletion: retain\nfreeze: [{from: 22:00, to: 06:00}]\n",
        generation: 1,
      });

      const resolution = resolved(name, `${text}team: own\n`, { defaults });

      expect(resolution).toEqual({
        state: "global",
        kind,
        service: name,
        generation: 7,
        wish: {
          kind,
          key: name,
          name: name.slice(name.indexOf("/") + 1),
          generation: 7,
          env: "prod",
          team: "own",
          tags: ["a:b"],
          drift: { rule: { tolerateMs: 14_400_000 }, fields: {} },
          freeze: [{ from: "22:00", to: "06:00" }],
          deletion: "retain",
          paused: false,
          ...own,
        },
      });
    },
  );

  test.for([
    ["_slos/a", "target: 99\n", "_slos/a: type is missing; it must be metric, monitor or time-slice"],
    ["_slos/a", "type: metric\n", "_slos/a: the SLO needs numerator, as it is of type metric"],
    [
      "_slos/a",
      "type: monitor\nmonitors: [noisy]\ntarget: 99\n",
      "_slos/a:2:12: monitors.0: noisy must be <service>/<name> or _monitors/<name>, as the document belongs to no service",
    ],
    [
      "_slos/a",
      "type: metric\nnumerator: 'x{service:${service}}'\ndenominator: y\ntarget: 99\n",
      "_slos/a:2:1: numerator: ${service} stands for nothing; there are scope, scopeAnyCluster, scopeTags, env, team, cluster",
    ],
    [
      "_dashboards/overvew",
      "exclude: [Ray]\n",
      "_dashboards/overvew: no pack adds to a dashboard overvew; did you mean overview? (a dashboard of your own needs a definition)",
    ],
    [
      "_dashboards/overview",
      "exclude: [Rey]\n",
      "_dashboards/overview:1:11: exclude.0: the dashboard has no section Rey; did you mean Ray?",
    ],
    [
      "_dashboards/a",
      `${DASHBOARD}exclude: [Ray]\n`,
      "_dashboards/a:2:1: exclude tunes a composed dashboard; this document has a definition of its own",
    ],
    [
      "_dashboards/a",
      "definition: {title: A, layout_type: ordered, widgets: [], url: /x}\n",
      "_dashboards/a:1:59: definition.url is set by Datadog; leave it out",
    ],
    [
      "_downtimes/a",
      "monitors: [noisy]\n",
      "_downtimes/a:1:12: monitors.0: noisy must be <service>/<name> or _monitors/<name>, as the document belongs to no service",
    ],
    ["_downtimes/a", "notify: ['@a']\n", "_downtimes/a:1:1: notify is not a field"],
  ] as const)("%s with %o is told %s", ([name, text, message]) => {
    expect(said(name, text)).toContain(message);
  });
});

test.for([
  ["globalSlos", "_slos/a", SLO, "SLOs"],
  ["globalDashboards", "_dashboards/a", DASHBOARD, "dashboards"],
  ["globalDowntimes", "_downtimes/a", DOWNTIME, "downtimes"],
] as const)("the policy's %s: false refuses %s", ([field, name, text, many]) => {
  const policy = policySchema.parse({ [field]: false });

  expect(said(name, text, { policy })).toEqual([
    `${name}: ${many} of no service are not allowed by the operator's policy (${field})`,
  ]);
});
