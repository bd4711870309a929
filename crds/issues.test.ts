import { expect, test } from "vitest";

import { readDocument } from "./document.ts";
import { packManifest, packMonitors } from "./pack.ts";
import { policySchema } from "./policy.ts";
import { defaultsLayer, wishLayer } from "./wish.ts";

const SCHEMAS = {
  wish: wishLayer,
  _defaults: defaultsLayer,
  policy: policySchema,
  pack: packManifest,
  monitors: packMonitors,
};

test.for([
  ["wish", "pack: 5", "pack must be a text, not 5"],
  ["wish", "pack:", "pack must be a text, not empty"],
  [
    "wish",
    "pack: '../x'",
    'pack must be a name of letters, digits, dots, dashes and underscores, at most 100, that begins with a letter or digit, not "../x"',
  ],
  [
    "wish",
    "env: Production",
    'env must be a tag value that Datadog keeps as it is: lower-case letters, digits, and _ - : . / after the first, not "Production"',
  ],
  ["wish", "tags: cost-center:42", 'tags must be a list, not "cost-center:42"'],
  [
    "wish",
    "tags: [cost center]",
    'tags.0 must be a tag of the form key:value without blanks or commas, such as cost-center:42, not "cost center"',
  ],
  [
    "wish",
    "tags: ['Env:prod']",
    'tags.0 must not be one of the tags that dd-observe or the Agent sets itself (service, env, team, cluster, managed-by, host, dd-observe-…); env and team are fields of their own, not "Env:prod"',
  ],
  ["wish", "port: 80", "port is not a field; did you mean endpoint.port?"],
  ["wish", "query: x", "query is not a field"],
  [
    "wish",
    "dashboards: {x: {title: X, definition: {title: X, layout_type: ordered, widgets: []}}}",
    "dashboards.x.title is not a field; did you mean definition.title?",
  ],
  ["wish", "endpoint: {port: http}", 'endpoint.port must be a number, not "http"'],
  ["wish", "endpoint: {port: 0}", "endpoint.port must be at least 1, not 0"],
  ["wish", "endpoint: {port: 99999}", "endpoint.port must be at most 65535, not 99999"],
  [
    "wish",
    "endpoint: {port: 99999999999999999999}",
    "endpoint.port must be at most 65535, not 100000000000000000000",
  ],
  ["wish", "endpoint: {port: 1.5}", "endpoint.port must be a whole number, not 1.5"],
  ["wish", "endpoint: {port: .nan}", "endpoint.port must be a number, not NaN"],
  [
    "wish",
    "endpoint: {path: metrics}",
    'endpoint.path must begin with one / and hold no blanks, backslashes or #, not "metrics"',
  ],
  [
    "wish",
    "endpoint: {path: //evil.example/x}",
    'endpoint.path must begin with one / and hold no blanks, backslashes or #, not "//evil.example/x"',
  ],
  ["wish", "endpoint: {path: /a/../b}", 'endpoint.path must not contain .. as a part, not "/a/../b"'],
  ["wish", "endpoint: {scheme: ftp}", 'endpoint.scheme must be http or https, not "ftp"'],
  ["wish", "endpoint: {host: 10.0.0.1}", "endpoint.host is not a field; did you mean port?"],
  [
    "wish",
    "notify: [slack]",
    'notify.0 must be a handle that Datadog notifies, such as @slack-ml, @pagerduty-infra or @someone@example.com, not "slack"',
  ],
  ["wish", "notify: '@x'", 'notify must be a list, or a mapping of names to values, not "@x"'],
  [
    "wish",
    "drift: maybe",
    'drift must be correct or report, or a mapping with tolerate, rule or fields, not "maybe"',
  ],
  [
    "wish",
    "monitors: {x: {criticalRecovery: high}}",
    'monitors.x.criticalRecovery must be false, or a number, not "high"',
  ],
  ["wish", "paused: 'no'", 'paused must be true or false, not "no"'],
  ["wish", "agent: 5", "agent must be a mapping of names to values, not 5"],
  [
    "wish",
    "agent: {x: {y: 1}}",
    'agent.x must be true or false, or a number, or a text, or a list, not {"y":1}',
  ],
  ["wish", "agent: {x: [[1]]}", "agent.x.0 must be a text, or a number, not [1]"],
  [
    "wish",
    `agent: {x: ${"a".repeat(1001)}}`,
    `agent.x must be at most 1000 characters long, not "${"a".repeat(58)}…`,
  ],
  [
    "wish",
    "monitors: {x: 'no'}",
    'monitors.x must be true or false, or a mapping of names to values, not "no"',
  ],
  [
    "wish",
    "monitors: {a b: false}",
    "monitors.a b: the name must be a name of letters, digits, dots, dashes and underscores, at most 100, that begins with a letter or digit",
  ],
  ["wish", "monitors: {x: {priority: 9}}", "monitors.x.priority must be at most 5, not 9"],
  [
    "wish",
    "monitors: {x: {type: alert}}",
    'monitors.x.type must be query alert, metric alert, service check, event-v2 alert, event alert, log alert, process alert, trace-analytics alert, rum alert, error-tracking alert, slo alert, composite, audit alert, ci-pipelines alert, ci-tests alert, cost alert, data-jobs alert, data-quality alert, database-monitoring alert, llm-observability alert, network-path alert or network-performance alert, not "alert"',
  ],
  ["_defaults", "pack: ray", "pack is not a field"],
  ["policy", "maxMonitors: -1", "maxMonitors must be at least 0, not -1"],
  ["policy", "handle: []", "handle is not a field; did you mean handles?"],
  [
    "monitors",
    "x: {name: X, type: query alert, query: q, summary: s, runbook: [a, b]}",
    "x.critical is missing; it must be a number",
  ],
  [
    "monitors",
    "x: {name: X, type: query alert, query: q, critical: 1, summary: s, runbook: [a, b]}",
    'x.runbook must be at least 3 entries long, not ["a","b"]',
  ],
] as const)("says of a %s with %s what is wrong", ([kind, text, message]) => {
  const result = readDocument("x", text, SCHEMAS[kind]);

  expect(result.ok ? [] : result.problems.map((problem) => problem.message)).toContain(message);
});

test("never speaks as the schema library does", () => {
  const wrong = [5, "x y", true, null, [[]], [5], { a: { b: 1 } }, -1, 1.5, "", "%%env_X%%"];
  const texts = Object.values(SCHEMAS).flatMap((schema) =>
    Object.keys(schema instanceof Object && "shape" in schema ? schema.shape : {}).flatMap((field) =>
      wrong.map((value) => ({ schema, text: JSON.stringify({ [field]: value }) })),
    ),
  );

  const messages = texts.flatMap(({ schema, text }) => {
    const result = readDocument("x", text, schema);
    return result.ok ? [] : result.problems.map((problem) => problem.message);
  });

  expect(messages.length).toBeGreaterThan(100);
  expect(
    messages.filter((message) => /Invalid|expected|received|Unrecognized|undefined|pattern/.test(message)),
  ).toEqual([]);
});
