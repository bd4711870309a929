import { expect, test } from "vitest";
import { stringify } from "yaml";

import { catalogLayer } from "../../crds/catalog.ts";
import { dashboardDefinition } from "../../crds/dashboard.ts";
import { downtimeLayer } from "../../crds/downtime.ts";
import { metricTagsLayer } from "../../crds/metric-tags.ts";
import { sloLayer } from "../../crds/slo.ts";
import { startCommandWorld, type CommandWorld } from "../builders/command-world.ts";
import type { FakeKind } from "../fakes/datadog.ts";
import { fieldsOf, type Fields } from "../fakes/datadog-api.ts";

/** A field as a document states it, what must stand beside it, and where Datadog has it. */
interface Case {
  readonly value: unknown;
  readonly around: Fields;
  /** The part of the object that says it. */
  readonly arrives: unknown;
}

const MONITOR = { type: "query alert", query: "avg(last_5m):avg:a.load{*} > 4", critical: 4 };
const METRIC = {
  type: "metric",
  numerator: "sum:a.ok{*}.as_count()",
  denominator: "sum:a.all{*}.as_count()",
  target: 99,
};
const COUNT = "sum:b{*}.as_count()";
const MONITORS = { type: "monitor", monitors: ["load"], target: 99 };
const SLICE = { type: "time-slice", query: "avg:a.lag{*}", threshold: 2, target: 99 };
const FORMULA = { ...SLICE, query: undefined, queries: { a: "avg:a.lag{*}" }, formula: "a" };
const slice = (part: Fields): Fields => ({ sli_specification: { time_slice: part } });
const sliceQuery = (query: string, name: string): Fields =>
  slice({ query: { queries: [{ data_source: "metrics", name, query }] } });

const SLO: Readonly<Record<string, Case>> = {
  type: { value: "time-slice", around: SLICE, arrives: { type: "time_slice" } },
  name: { value: "Other", around: METRIC, arrives: { name: expect.stringMatching(/ Other$/) } },
  description: { value: "Why.", around: METRIC, arrives: { description: expect.stringMatching(/^Why\./) } },
  target: { value: 98, around: METRIC, arrives: { thresholds: [{ target: 98 }] } },
  warning: { value: 99.5, around: METRIC, arrives: { thresholds: [{ warning: 99.5 }] } },
  timeframe: { value: "90d", around: METRIC, arrives: { thresholds: [{ timeframe: "90d" }] } },
  thresholds: {
    value: [
      { timeframe: "7d", target: 97, warning: 98 },
      { timeframe: "30d", target: 96 },
    ],
    around: { ...METRIC, target: undefined },
    arrives: {
      thresholds: [
        { timeframe: "7d", target: 97, warning: 98 },
        { timeframe: "30d", target: 96 },
      ],
    },
  },
  numerator: { value: COUNT, around: METRIC, arrives: { query: { numerator: COUNT } } },
  denominator: { value: COUNT, around: METRIC, arrives: { query: { denominator: COUNT } } },
  monitors: { value: ["load"], around: MONITORS, arrives: { monitor_ids: [expect.any(Number)] } },
  groups: { value: ["env:x"], around: MONITORS, arrives: { groups: ["env:x"] } },
  query: { value: "avg:b{*}", around: SLICE, arrives: sliceQuery("avg:b{*}", "query1") },
  queries: { value: { a: "avg:b{*}" }, around: FORMULA, arrives: sliceQuery("avg:b{*}", "a") },
  formula: {
    value: "a * 2",
    around: FORMULA,
    arrives: slice({ query: { formulas: [{ formula: "a * 2" }] } }),
  },
  comparator: { value: "<=", around: SLICE, arrives: slice({ comparator: "<=" }) },
  threshold: { value: 7, around: SLICE, arrives: slice({ threshold: 7 }) },
  queryIntervalSeconds: { value: 60, around: SLICE, arrives: slice({ query_interval_seconds: 60 }) },
  tags: { value: ["cost:1"], around: METRIC, arrives: { tags: expect.arrayContaining(["cost:1"]) } },
};

const AGAIN = { recurrences: [{ rrule: "FREQ=DAILY", duration: "2h" }] };
const attributes = (part: Fields): Fields => ({ attributes: part });

const DOWNTIME: Readonly<Record<string, Case>> = {
  scope: { value: "env:x", around: {}, arrives: attributes({ scope: "env:x" }) },
  start: {
    value: "2098-12-20T00:00:00Z",
    around: {},
    arrives: attributes({ schedule: { start: expect.stringMatching(/^2098-12-20T00:00:00/) } }),
  },
  end: {
    value: "2099-01-02T00:00:00Z",
    around: {},
    arrives: attributes({ schedule: { end: expect.stringMatching(/^2099-01-02T00:00:00/) } }),
  },
  recurrences: {
    value: [{ rrule: "FREQ=WEEKLY;BYDAY=SA", duration: "3h", start: "2098-12-20T22:00:00" }],
    around: {},
    arrives: attributes({
      schedule: {
        recurrences: [{ rrule: "FREQ=WEEKLY;BYDAY=SA", duration: "3h", start: "2098-12-20T22:00:00" }],
      },
    }),
  },
  timezone: {
    value: "Europe/Berlin",
    around: AGAIN,
    arrives: attributes({ display_timezone: "Europe/Berlin", schedule: { timezone: "Europe/Berlin" } }),
  },
  message: { value: "Why.", around: {}, arrives: attributes({ message: expect.stringMatching(/^Why\./) }) },
  monitors: {
    value: ["load"],
    around: {},
    arrives: attributes({ monitor_identifier: { monitor_id: expect.any(Number) } }),
  },
  muteFirstRecovery: {
    value: true,
    around: {},
    arrives: attributes({ mute_first_recovery_notification: true }),
  },
  notifyEndStates: { value: ["alert"], around: {}, arrives: attributes({ notify_end_states: ["alert"] }) },
  notifyEndTypes: {
    value: ["canceled"],
    around: {},
    arrives: attributes({ notify_end_types: ["canceled"] }),
  },
};

const METRIC_TAGS: Readonly<Record<string, Case>> = {
  tags: { value: ["host"], around: {}, arrives: attributes({ tags: ["host"] }) },
  excludeTags: {
    value: true,
    around: { tags: ["pod"] },
    arrives: attributes({ exclude_tags_mode: true, tags: ["pod"] }),
  },
  percentiles: {
    value: true,
    around: { type: "distribution", tags: ["env"] },
    arrives: attributes({ include_percentiles: true }),
  },
  type: { value: "count", around: { tags: ["env"] }, arrives: attributes({ metric_type: "count" }) },
};

const LINK = { name: "Wiki", type: "doc", url: "https://wiki.example.com" };
const CONTACT = { name: "Us", type: "email", contact: "us@example.com" };
const ON_CALL = { pagerduty: { serviceURL: "https://p.example" } };

const CATALOG: Readonly<Record<string, Case>> = {
  displayName: { value: "Shop", around: {}, arrives: { metadata: { displayName: "Shop" } } },
  description: { value: "Sells.", around: {}, arrives: { metadata: { description: "Sells." } } },
  tier: { value: "1", around: {}, arrives: { spec: { tier: "1" } } },
  lifecycle: { value: "old", around: {}, arrives: { spec: { lifecycle: "old" } } },
  type: { value: "grpc", around: {}, arrives: { spec: { type: "grpc" } } },
  languages: { value: ["go"], around: {}, arrives: { spec: { languages: ["go"] } } },
  links: { value: [LINK], around: {}, arrives: { metadata: { links: expect.arrayContaining([LINK]) } } },
  contacts: { value: [CONTACT], around: {}, arrives: { metadata: { contacts: [CONTACT] } } },
  integrations: { value: ON_CALL, around: {}, arrives: { integrations: ON_CALL } },
};

const WIDGET = { definition: { type: "note", content: "Look here.", unheardOf: { deep: [1, "two"] } } };
const BOARD = {
  title: "A",
  layout_type: "ordered",
  widgets: [{ definition: { type: "note", content: "x" } }],
};
const VARIABLE = { name: "env", prefix: "env", defaults: ["prod"], available_values: ["prod", "dev"] };
const PRESET = { name: "p", template_variables: [{ name: "env", values: ["dev"] }] };
const ROLE = "00000000-0000-0000-0000-000000000001";

const DASHBOARD: Readonly<Record<string, Case>> = {
  title: { value: "B", around: BOARD, arrives: { title: "B" } },
  description: { value: "Why.", around: BOARD, arrives: { description: expect.stringMatching(/^Why\./) } },
  layout_type: { value: "free", around: { ...BOARD, widgets: [] }, arrives: { layout_type: "free" } },
  reflow_type: { value: "auto", around: BOARD, arrives: { reflow_type: "auto" } },
  widgets: { value: [WIDGET], around: BOARD, arrives: { widgets: [WIDGET] } },
  template_variables: { value: [VARIABLE], around: BOARD, arrives: { template_variables: [VARIABLE] } },
  template_variable_presets: {
    value: [PRESET],
    around: { ...BOARD, template_variables: [VARIABLE] },
    arrives: { template_variable_presets: [PRESET] },
  },
  notify_list: { value: ["a@example.com"], around: BOARD, arrives: { notify_list: ["a@example.com"] } },
  tags: { value: ["team:x"], around: BOARD, arrives: { tags: ["team:x"] } },
  tabs: {
    value: [{ name: "First", widget_ids: ["@1"] }],
    around: BOARD,
    arrives: { tabs: [{ name: "First", widget_ids: [expect.anything()] }] },
  },
  default_timeframe: {
    value: { type: "live", unit: "hour", value: 4 },
    around: BOARD,
    arrives: { default_timeframe: { type: "live", unit: "hour", value: 4 } },
  },
  restricted_roles: { value: [ROLE], around: BOARD, arrives: { restricted_roles: [ROLE] } },
};

interface Kind {
  readonly kind: FakeKind;
  readonly cases: Readonly<Record<string, Case>>;
  readonly fields: readonly string[];
  /** The document of a service that wishes just this. */
  readonly document: (layer: Fields, service: string) => object;
  /** Whether an object is the one of this service. */
  readonly isOf: (object: Fields, service: string) => boolean;
}

const hasTag = (tags: unknown, service: string): boolean =>
  Array.isArray(tags) && tags.includes(`service:${service}`);
const hasMark = (text: unknown, service: string): boolean => String(text).includes(`key=${service}/x`);
const metricOf = (service: string): string => `m.${service.replaceAll("-", "_")}`;

const KINDS: readonly Kind[] = [
  {
    kind: "slos",
    cases: SLO,
    fields: Object.keys(sloLayer.shape),
    document: (layer) => ({ monitors: { load: MONITOR }, slos: { x: layer } }),
    isOf: ({ tags }, service) => hasTag(tags, service),
  },
  {
    kind: "downtimes",
    cases: DOWNTIME,
    fields: Object.keys(downtimeLayer.shape),
    document: (layer) => ({ monitors: { load: MONITOR }, downtimes: { x: layer } }),
    isOf: (object, service) => hasMark(fieldsOf(object["attributes"])["message"], service),
  },
  {
    kind: "metric-tags",
    cases: METRIC_TAGS,
    fields: Object.keys(metricTagsLayer.shape),
    document: (layer, service) => ({ metrics: { [metricOf(service)]: layer } }),
    isOf: ({ id }, service) => id === metricOf(service),
  },
  {
    kind: "catalog",
    cases: CATALOG,
    fields: Object.keys(catalogLayer.shape),
    document: (layer) => ({ catalog: layer }),
    isOf: (object, service) => fieldsOf(object["metadata"])["name"] === service,
  },
  {
    kind: "dashboards",
    cases: DASHBOARD,
    fields: Object.keys(dashboardDefinition.shape),
    document: (definition) => ({ dashboards: { x: { definition } } }),
    isOf: ({ description }, service) => hasMark(description, service),
  },
];

/** What becomes of an object; it is not sent. */
const NOT_SENT: ReadonlySet<string> = new Set(["drift"]);

function serviceOf(field: string): string {
  return `s-${field.toLowerCase().replaceAll("_", "-")}`;
}

async function applied({ kind, cases, document }: Kind): Promise<CommandWorld> {
  const world = await startCommandWorld();
  for (const [field, { value, around }] of Object.entries(cases)) {
    const service = serviceOf(field);
    if (kind === "metric-tags")
      world.datadog.metrics.set(metricOf(service), [{ at: Date.now() / 1_000, value: 1, tags: ["env:x"] }]);
    const stated = { ...around, [field]: value };
    world.consul.put(`observability/${service}`, stringify(document(stated, service)));
  }
  // Files need an instance on this machine.
  const { exit, out, err } = await world.run("apply --role controller");
  expect({ exit, out, err }).toMatchObject({ exit: 0 });
  return world;
}

test.for(KINDS)("every field of a document arrives at Datadog: $kind", async (of) => {
  const { kind, cases, fields, isOf } = of;

  await using world = await applied(of);

  expect(Object.keys(cases).toSorted()).toEqual(fields.filter((one) => !NOT_SENT.has(one)).toSorted());
  for (const [field, { arrives }] of Object.entries(cases)) {
    const objects = world.datadog.objects(kind).filter((object) => isOf(object, serviceOf(field)));
    expect([field, objects]).toMatchObject([field, [arrives]]);
  }
});
