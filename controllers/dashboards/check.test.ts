import { expect, test } from "vitest";

import { hasRecordings, recordings } from "../../test/recordings.ts";
import type { Json } from "../monitors/canonical.ts";
import { checkDashboard } from "./check.ts";

function dashboard(fields: Json): Json {
  return { title: "Ray", layout_type: "ordered", widgets: [], ...fields };
}

function graph(...requests: readonly Json[]): Json {
  return { definition: { type: "timeseries", title: "Load", requests } };
}

function byQuery(query: string): Json {
  return dashboard({
    widgets: [
      graph({ queries: [{ data_source: "metrics", name: "a", query }], formulas: [{ formula: "a" }] }),
    ],
  });
}

test.for<[query: string]>([
  ["avg:system.load.1{*}"],
  ["system.load.1{$host} by {host}"],
  ["sum:a.b{$env,$service} by {$group}.as_count().rollup(sum, 60)"],
  ["sum:a.b{$env.value AND !status:$status} / sum:a.c{env:$env.value}"],
  ["histogram:trace.load{*}"],
  ["p95:a.b{x:y}, p50:a.b{x:y}"],
  ["top(avg:a.b{*} by {service,app}, 10, 'sum', 'desc')"],
  ["anomalies(default_zero(avg:a.b{*}), 'agile', 2, direction='both')"],
])("accepts the query %s", ([query]) => {
  expect(checkDashboard(byQuery(query))).toEqual([]);
  expect(checkDashboard(dashboard({ widgets: [graph({ q: query })] }))).toEqual([]);
});

test.for<[query: string, message: RegExp]>([
  ["", /^Widget "Load": The query is empty/],
  ["avg:a.b", /metric a\.b has no scope; write a\.b\{\*\}/],
  ["avg:a.b{$env", /"\{" is never closed/],
  ["avg(last_5m):avg:a.b{*}", /sums up no time; leave "avg\(last_5m\):" out/],
  ["avg:a.b{*} > 1", /compares nothing; end it after "avg:a\.b\{\*\}"/],
  ["mean:a.b{*}", /"mean" is no way to sum up space/],
  ["avg:my-app.hits{*}", /no hyphen/],
  ["avg:{*}", /names no metric/],
  ["avg:a.b{*} * .5", /write the zero: 0\.5/],
])("refuses the query %s, wherever it stands", ([query, message]) => {
  const group = { definition: { type: "group", layout_type: "ordered", widgets: [graph({ q: query })] } };

  expect(checkDashboard(byQuery(query))).toEqual([
    {
      reason: "InvalidQuery",
      path: "widgets.0.definition.requests.0.queries.0.query",
      message: expect.stringMatching(message),
    },
  ]);
  expect(checkDashboard(dashboard({ widgets: [group] }))).toMatchObject([
    { path: "widgets.0.definition.widgets.0.definition.requests.0.q" },
  ]);
});

test("leaves searches among events and queries of other data to Datadog", () => {
  const widgets = [
    {
      definition: {
        type: "timeseries",
        events: [{ q: "env:prod AND (" }],
        requests: [{ queries: [{ data_source: "logs", name: "a", search: { query: "x > 1" } }] }],
      },
    },
  ];

  expect(checkDashboard(dashboard({ widgets }))).toEqual([]);
});

test.for<[formula: string, message: RegExp | undefined]>([
  ["query1 / (query2 + 1e3) * 100", undefined],
  ["calendar_shift(query1, '-1w', 'UTC') - query2", undefined],
  ["anomalies(query1, 'basic', 2, direction='above', flag=true)", undefined],
  ["query3", /names query3, which is no query beside it; did you mean query[12]\?/],
  ["default_zero(qeury1)", /names qeury1, .*did you mean query1\?/],
  [" ", /formula is empty/],
])("judges the formula %s", ([formula, message]) => {
  const queries = ["query1", "query2"].map((name) => ({ data_source: "metrics", name, query: "avg:a.b{*}" }));

  const found = checkDashboard(dashboard({ widgets: [graph({ queries, formulas: [{ formula }] })] }));

  expect(found.map((one) => one.message)).toEqual(
    message === undefined ? [] : [expect.stringMatching(message)],
  );
});

const env = { name: "env", prefix: "env" };

test.for<[fields: Json, path: string, message: RegExp]>([
  [{ title: " " }, "title", /no title/],
  [{ tags: ["team:a", "env:prod"] }, "tags.1", /only team: on a dashboard, not "env:prod"/],
  [{ tags: ["a", "b", "c", "d", "e", "f"].map((team) => `team:${team}`) }, "tags", /at most 5 tags, not 6/],
  [
    { template_variables: [{ ...env, default: "a", defaults: ["a"] }] },
    "template_variables.0",
    /env has both default and defaults/,
  ],
  [{ template_variables: [{ ...env, defaults: [""] }] }, "template_variables.0.defaults", /empty default/],
  [{ template_variables: [{ prefix: "env" }] }, "template_variables.0.name", /has no name/],
  [
    {
      template_variables: [env],
      template_variable_presets: [{ name: "EU", template_variables: [{ name: "emv", value: "eu" }] }],
    },
    "template_variable_presets.0.template_variables.0",
    /"EU" sets emv, which is no template variable; did you mean env\?/,
  ],
  [
    {
      template_variables: [env],
      template_variable_presets: [
        { name: "EU", template_variables: [{ name: "env", value: "a", values: ["a"] }] },
      ],
    },
    "template_variable_presets.0.template_variables.0",
    /both value and values/,
  ],
  [
    {
      template_variables: [env],
      template_variable_presets: [{ name: "EU", template_variables: [{ name: "env", values: [] }] }],
    },
    "template_variable_presets.0.template_variables.0.values",
    /empty list of values/,
  ],
  [
    { reflow_type: "fixed", widgets: [{ definition: { type: "note" } }] },
    "widgets.0.layout",
    /Widget 1 has no layout; reflow_type is fixed/,
  ],
  [
    { layout_type: "free", widgets: [{ definition: { type: "note", title: "Hi" } }] },
    "widgets.0.layout",
    /Widget "Hi" has no layout; layout_type is free/,
  ],
  [
    { widgets: [{ definition: { type: "time_series" } }] },
    "widgets.0.definition.type",
    /no widget type is named "time_series"; did you mean timeseries\?/,
  ],
  [
    { widgets: [{ definition: {} }] },
    "widgets.0.definition.type",
    /Widget 1 has no type\. Types: alert_graph/,
  ],
  [{ widgets: [{ id: 1 }] }, "widgets.0.definition", /has no definition/],
  [
    {
      widgets: [{ definition: { type: "note" } }],
      tabs: [{ name: "All", widget_ids: ["@1", "@2"] }],
    },
    "tabs.0.widget_ids.1",
    /tab "All" shows widget @2; there are 1, the first is @1/,
  ],
])("finds what is wrong with %j", ([fields, path, message]) => {
  expect(checkDashboard(dashboard(fields))).toEqual([
    { reason: expect.any(String), path, message: expect.stringMatching(message) },
  ]);
});

/** Problems of dashboards that Datadog was recorded to take nevertheless; what they say is lost without a word. */
const TAKEN: readonly RegExp[] = [
  // A formula that names a query which isn't there: four recordings.
  /^Widget 1: The formula "my_query_1 \+ my_query_2" names my_query_2, which is no query beside it/,
  // A saved view that sets a variable which isn't there: two recordings, one of them without a title as well.
  /^The saved view ".*" sets \S+, which is no template variable/,
  // An empty title: three recordings.
  /^The dashboard has no title/,
];

test.skipIf(!hasRecordings)("accepts every dashboard that Datadog was recorded to accept", () => {
  const accepted = recordings(/^\/api\/v1\/dashboard(\/[a-z0-9]{3}-[a-z0-9]{3}-[a-z0-9]{3})?$/).filter(
    (one) => one.status === 200 && (one.method === "POST" || one.method === "PUT"),
  );

  const refused = accepted
    .map((one) => checkDashboard(one.body).map((found) => found.message))
    .filter((messages) => messages.length > 0);

  expect(refused.flat().filter((message) => !TAKEN.some((known) => known.test(message)))).toEqual([]);
  expect(refused).toHaveLength(8);
  expect(accepted.length).toBeGreaterThan(400);
});

test.skipIf(!hasRecordings)("refuses every dashboard that Datadog was recorded to refuse", () => {
  const refused = recordings(/^\/api\/v1\/dashboard$/).filter(
    (one) => one.status === 400 && one.method === "POST",
  );

  expect(refused.filter((one) => checkDashboard({ ...one.body, title: "x" }).length === 0)).toEqual([]);
  expect(refused).toHaveLength(5);
});
