import { describe, expect, test } from "vitest";

import { exampleGround, examplePack } from "../test/builders/packs.ts";
import { policySchema } from "./policy.ts";
import { formatProblem } from "./problem.ts";
import { readDefaults, resolve, type Ground, type Wish } from "./resolve.ts";

const PACK = examplePack({
  slos: {
    availability: {
      name: "Requests without an error",
      type: "metric",
      numerator: "sum:ray.ok{${scope}}.as_count()",
      denominator: "sum:ray.all{${scope}}.as_count()",
      target: 99.9,
      warning: 99.95,
      timeframe: "7d",
      summary: "Requests are answered.",
    },
  },
});

function outcome(text: string, over: Partial<Ground> = {}): Wish | readonly string[] {
  const { packs } = exampleGround();
  const ground = exampleGround({ packs: new Map([...packs, ["ray", PACK]]), ...over });
  const resolution = resolve("ray", [], { text, generation: 1 }, ground);
  if (resolution?.state === "accepted") return resolution.wish;
  return (resolution?.problems ?? []).map((problem) => formatProblem(problem));
}

describe("SLOs", () => {
  test.for([
    ["slos: {availability: {target: 99}}"],
    ["slos: {availability: {target: 99.99}}"],
    ["slos: {availability: false}"],
    [
      "slos: {availability: {thresholds: [{timeframe: 7d, target: 99}, {timeframe: 30d, target: 99.5, warning: 99.7}]}}",
    ],
    ["slos: {up: {type: monitor, monitors: [noisy, other/thing, _monitors/x], target: 99}}"],
    ["slos: {up: {type: monitor, monitors: [ray/noisy], groups: ['host:a'], target: 99}}"],
    ["slos: {fast: {type: time-slice, query: 'avg:a{${scope}}', threshold: 2, comparator: <, target: 99}}"],
    [
      "slos: {fast: {type: time-slice, queries: {a: 'avg:a{*}', b: 'avg:b{*}'}, formula: 'abs(a) / b', threshold: 2, target: 99}}",
    ],
  ] as const)("may be %s", ([text]) => {
    expect(outcome(text)).toMatchObject({ service: "ray" });
  });

  test.for([
    [
      "slos: {availabilty: {target: 99}}",
      "ray:1:8: slos.availabilty is not in pack ray; did you mean availability? (an SLO of your own needs a type)",
    ],
    [
      "slos: {availabilty: false}",
      "ray:1:8: slos.availabilty is not in pack ray; did you mean availability?",
    ],
    [
      "slos: {availability: {numerator: x}}",
      "ray:1:23: slos.availability.numerator belongs to pack ray; give the SLO another name to define one of your own",
    ],
    [
      "slos: {availability: {target: 99, warning: 98}}",
      "ray:1:35: slos.availability.warning must be above the target, 99, not 98",
    ],
    [
      "slos: {availability: {threshold: 1}}",
      "ray:1:23: slos.availability.threshold is for SLOs of type time-slice; this one is of type metric",
    ],
    ["slos: {up: {type: monitor, target: 99}}", "ray:1:8: slos.up needs monitors, as it is of type monitor"],
    [
      "slos: {up: {type: monitor, monitors: [nosy], target: 99}}",
      "ray:1:39: slos.up.monitors.0: ray has no monitor nosy; did you mean noisy?",
    ],
    [
      "slos: {up: {type: monitor, monitors: [ray/nosy], target: 99}}",
      "ray:1:39: slos.up.monitors.0: ray has no monitor nosy; did you mean noisy?",
    ],
    [
      "monitors: {noisy: false}\nslos: {up: {type: monitor, monitors: [noisy], target: 99}}",
      "ray:2:39: slos.up.monitors.0: ray has no monitor noisy",
    ],
    [
      "slos: {up: {type: monitor, monitors: [noisy, a/b], groups: [x], target: 99}}",
      "ray:1:52: slos.up.groups needs exactly one monitor",
    ],
    [
      "slos: {a: {type: metric, numerator: x, target: 99}}",
      "ray:1:8: slos.a needs denominator, as it is of type metric",
    ],
    [
      "slos: {a: {type: metric, numerator: x, denominator: y}}",
      "ray:1:8: slos.a needs a target, such as target: 99.9",
    ],
    [
      "slos: {a: {type: metric, numerator: 'x{${scop}}', denominator: y, target: 99}}",
      "ray:1:26: slos.a.numerator: ${scop} stands for nothing; did you mean scope?",
    ],
    [
      "slos: {a: {type: metric, numerator: x, denominator: y, target: 99, thresholds: [{timeframe: 7d, target: 9}]}}",
      "ray:1:56: slos.a.target stands in thresholds already; leave one of the two out",
    ],
    [
      "slos: {a: {type: metric, numerator: x, denominator: y, thresholds: [{timeframe: 7d, target: 9}, {timeframe: 7d, target: 8}]}}",
      "ray:1:98: slos.a.thresholds.1.timeframe is 7d twice",
    ],
    [
      "slos: {a: {type: time-slice, queries: {hits: x}, formula: hit, threshold: 1, target: 99}}",
      "ray:1:50: slos.a.formula names hit, which is none of the queries; did you mean hits?",
    ],
    [
      "slos: {a: {type: time-slice, queries: {hits: x}, threshold: 1, target: 99}}",
      "ray:1:30: slos.a.queries needs a formula that puts them together, such as a / b",
    ],
    [
      "slos: {a: {type: time-slice, query: x, target: 99}}",
      "ray:1:8: slos.a needs threshold, as it is of type time-slice",
    ],
    [
      "slos: {a: {type: metrics}}",
      'ray:1:12: slos.a.type must be metric, monitor or time-slice, not "metrics"',
    ],
    ["slos: {a: {typ: metric}}", "ray:1:12: slos.a.typ is not a field; did you mean type?"],
  ] as const)("of %s it says %s", ([text, message]) => {
    expect(outcome(text)).toContain(message);
  });

  test("that _defaults tunes are left out where the pack hasn't them, and a slip in them is told", () => {
    const defaults = (text: string): Partial<Ground> => ({ defaults: readDefaults({ text, generation: 1 }) });
    const known = defaults("slos: {availability: {target: 99}}\n");

    expect(outcome("", known)).toMatchObject({ slos: { availability: { target: 99 } } });
    expect(outcome("pack: generic\n", known)).toMatchObject({ slos: {} });
    expect(outcome("", defaults("slos: {availabilty: false}\n"))).toEqual([
      "ray: observability/_defaults: slos.availabilty is in no pack; did you mean availability?",
    ]);
  });
});

const DASHBOARD =
  "{title: A, layout_type: ordered, widgets: [{definition: {type: slo, slo_id: '${slos:ray/availability}'}}]}";

describe("dashboards", () => {
  test("may be as their page exports them, with references", () => {
    expect(outcome(`dashboards: {a: {definition: ${DASHBOARD}}}`)).toMatchObject({
      dashboards: { a: { definition: { title: "A" } } },
    });
  });

  test.for([
    [
      "dashboards: {a: {drift: report}}",
      "ray:1:14: dashboards.a needs a definition, the JSON that the dashboard's page exports",
    ],
    [
      "dashboards: {a: {definition: {id: abc, title: A, layout_type: ordered, widgets: []}}}",
      "ray:1:31: dashboards.a.definition.id is set by Datadog; leave it out",
    ],
    [
      "dashboards: {a: {definition: {titel: A, title: A, layout_type: ordered, widgets: []}}}",
      "ray:1:31: dashboards.a.definition.titel is not a field; did you mean title?",
    ],
    [
      "dashboards: {a: {definition: {title: A, layout_type: ordered, widgets: [{definition: {}}]}}}",
      "ray:1:74: dashboards.a.definition.widgets.0.definition.type is missing; it must be a text",
    ],
    [
      "dashboards: {a: {definition: {title: A, layout_type: ordered, widgets: [], tags: ['env:a']}}}",
      'ray:1:83: dashboards.a.definition.tags.0 must be a tag team:<name>; Datadog takes no other on a dashboard, not "env:a"',
    ],
    [
      `dashboards: {a: {definition: ${DASHBOARD.replace("availability", "availabilty")}}}`,
      "ray:1:98: dashboards.a.definition.widgets.0.definition.slo_id: ${slos:ray/availabilty}: ray has none of that name under slos; did you mean availability?",
    ],
    [
      `dashboards: {a: {definition: ${DASHBOARD.replace("slos:", "slo:")}}}`,
      "ray:1:98: dashboards.a.definition.widgets.0.definition.slo_id: ${slo:ray/availability} names no kind; did you mean slos?",
    ],
    [
      `dashboards: {a: {definition: ${DASHBOARD.replace("title: A", "title: 'A ${servce}'")}}}`,
      "ray:1:31: dashboards.a.definition.title: ${servce} stands for nothing; did you mean service?",
    ],
  ] as const)("of %s it says %s", ([text, message]) => {
    expect(outcome(text)).toContain(message);
  });
});

describe("downtimes", () => {
  test.for([
    ["downtimes: {a: {end: 2027-01-02T00:00:00Z, monitors: [noisy]}}"],
    [
      "downtimes: {a: {recurrences: [{rrule: 'FREQ=WEEKLY;BYDAY=SA,SU', duration: 2h, start: '2026-12-20T22:00:00'}], timezone: Europe/Berlin}}",
    ],
  ] as const)("may be %s", ([text]) => {
    expect(outcome(text)).toMatchObject({ service: "ray" });
  });

  test.for([
    [
      "downtimes: {a: {end: tomorrow}}",
      'ray:1:17: downtimes.a.end must be a moment with its time zone, such as 2026-12-20T00:00:00Z, not "tomorrow"',
    ],
    [
      "downtimes: {a: {start: 2026-12-20T00:00:00Z, end: 2026-12-20T00:00:00+01:00}}",
      "ray:1:46: downtimes.a.end must be after the start, 2026-12-20T00:00:00Z",
    ],
    [
      "downtimes: {a: {start: 2026-12-20T00:00:00Z, recurrences: [{rrule: FREQ=DAILY, duration: 2h}]}}",
      "ray:1:17: downtimes.a.start can't stand beside recurrences, which have starts of their own",
    ],
    [
      "downtimes: {a: {recurrences: [{rrule: 'RRULE:FREQ=DAILY', duration: 2h}]}}",
      'ray:1:32: downtimes.a.recurrences.0.rrule must be a rule such as FREQ=WEEKLY;BYDAY=SA,SU (RFC 5545, without RRULE: before it), not "RRULE:FREQ=DAILY"',
    ],
    [
      "downtimes: {a: {timezone: Berlin}}",
      'ray:1:17: downtimes.a.timezone must be the name of a time zone, such as Europe/Berlin or UTC, not "Berlin"',
    ],
    [
      "downtimes: {a: {scope: staging}}",
      'ray:1:17: downtimes.a.scope must be * or a search over tags, such as env:staging AND host:db-1, not "staging"',
    ],
    [
      "downtimes: {a: {monitors: [nosy]}}",
      "ray:1:28: downtimes.a.monitors.0: ray has no monitor nosy; did you mean noisy?",
    ],
  ] as const)("of %s it says %s", ([text, message]) => {
    expect(outcome(text)).toContain(message);
  });
});

describe("metrics and the catalog", () => {
  test.for([
    ["metrics: {ray.a: {tags: [host]}, ray.b: {percentiles: true}}"],
    ["catalog: true\ndependencies: [consul, 'datastore:default/orders']"],
    ["catalog: {tier: '1', links: [{name: Code, type: repo, url: 'https://example.com'}]}"],
  ] as const)("may be %s", ([text]) => {
    expect(outcome(text)).toMatchObject({ service: "ray" });
  });

  test.for([
    ["metrics: {ray.a: {}}", "ray:1:11: metrics.ray.a needs tags, or percentiles: true"],
    [
      "metrics: {ray.a: {excludeTags: true, percentiles: true}}",
      "ray:1:19: metrics.ray.a.excludeTags needs tags",
    ],
    [
      "metrics: {ray.a: {percentiles: true, type: gauge}}",
      "ray:1:19: metrics.ray.a.percentiles is for distributions only, not for a gauge",
    ],
    [
      "metrics: {ray.a: {tags: ['env:prod']}}",
      'ray:1:26: metrics.ray.a.tags.0 must be the key of a tag alone, in lower case, such as host or kube_cluster_name, not "env:prod"',
    ],
    [
      "metrics: {'a b': {tags: [host]}}",
      "ray:1:11: metrics.a b: the name must be a metric's name as Datadog shows it: letters, digits, _ and dots, at most 200",
    ],
    ["dependencies: [consul, ray]", "ray:1:24: dependencies.1: a service can't depend on itself"],
    [
      "catalog: {links: [{name: x, type: doc, url: 'javascript:x'}]}",
      'ray:1:40: catalog.links.0.url must be a URL that begins with https:// or http://, not "javascript:x"',
    ],
  ] as const)("of %s it says %s", ([text, message]) => {
    expect(outcome(text)).toContain(message);
  });
});

describe("the policy", () => {
  test.for([
    [
      { maxSlos: 0 },
      "slos: {availability: true}",
      "ray:1:1: slos has 1 entries; the operator's policy allows 0",
    ],
    [
      { maxDashboards: 0 },
      `dashboards: {a: {definition: ${DASHBOARD}}}`,
      "ray:1:1: dashboards has 1 entries; the operator's policy allows 0",
    ],
    [
      { maxDowntimes: 0 },
      "downtimes: {a: {}}",
      "ray:1:1: downtimes has 1 entries; the operator's policy allows 0",
    ],
    [
      { maxMetrics: 0 },
      "metrics: {a: {tags: [b]}}",
      "ray:1:1: metrics has 1 entries; the operator's policy allows 0",
    ],
    [
      { catalog: false },
      "catalog: true",
      "ray:1:1: catalog: the Software Catalog is not allowed by the operator's policy (catalog)",
    ],
    [
      { handles: ["@ok"] },
      "downtimes: {a: {message: 'hi @other'}}",
      "ray:1:17: downtimes.a.message: @other may not be notified by the operator's policy; allowed: @ok",
    ],
    [
      { handles: ["@ok"] },
      `dashboards: {a: {definition: ${DASHBOARD.replace("{", "{notify_list: [a@example.com], ")}}}`,
      "ray:1:31: dashboards.a.definition.notify_list: @a@example.com may not be notified by the operator's policy; allowed: @ok",
    ],
  ] as const)("%o refuses %s", ([policy, text, message]) => {
    expect(outcome(text, { policy: policySchema.parse(policy) })).toEqual([message]);
  });
});
