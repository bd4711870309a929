import type { z } from "zod";

import { catalogLayer } from "../crds/catalog.ts";
import { dashboardLayer } from "../crds/dashboard.ts";
import { downtimeLayer } from "../crds/downtime.ts";
import { limitsOf, typeInWords } from "../crds/field-words.ts";
import { globalMonitorLayer } from "../crds/global-monitor.ts";
import { globalDashboardLayer, globalDowntimeLayer, globalSloLayer } from "../crds/global.ts";
import { jsonSchemaOf, type JsonSchema } from "../crds/json-schema.ts";
import { metricTagsLayer } from "../crds/metric-tags.ts";
import { monitorLayer } from "../crds/monitor.ts";
import { nomadLayer } from "../crds/nomad.ts";
import { policySchema, STRICT_POLICY } from "../crds/policy.ts";
import { sloLayer } from "../crds/slo.ts";
import { TAG_OF_FIELD } from "../crds/tags.ts";
import { wishLayer } from "../crds/wish.ts";
import { DOCUMENT_LIMITS } from "../crds/yaml-text.ts";
import { code, table } from "./markdown.ts";

/** `docs/reference/wish.md`: every field of a wish, by tag and by document. */
export function wishReference(): string {
  return `<!-- Made by docs/generate.ts from crds/. Don't edit. -->

# The wish

A service is observed if it has the tag \`dd-observe\` in Consul's catalog, or a document at \`observability/<service>\` in Consul's KV store, YAML or JSON. An empty document means: all defaults.

\`\`\`yaml
pack: ray
env: production
team: ml-platform
tags: [cost-center:42]
endpoint: { port: 8080, path: /metrics }
agent: { minCollectionInterval: 30, excludeMetrics: ["^python_gc_"] }
notify: ["@slack-ml"]
monitors:
  object-store-pressure: { critical: 0.85, warning: 0.75, criticalRecovery: 0.8, warningRecovery: 0.7 } # tune one of the pack's
  node-cpu: false # switch one off
  queue-too-long: # one of your own
    type: query alert
    query: avg(last_5m):sum:ray.tasks{\${scope},state:pending*} > \${critical}
    critical: 1000
  stuck: # a composite joins others by their names
    type: composite
    query: \${monitor:queue-too-long} && !\${monitor:no-active-nodes}
slos:
  requests: # one of your own
    type: metric
    numerator: sum:ray.serve.num_http_requests{\${scope}}.as_count() - sum:ray.serve.num_http_error_requests{\${scope}}.as_count()
    denominator: sum:ray.serve.num_http_requests{\${scope}}.as_count()
    target: 99.5
dashboards:
  overview:
    definition: # as Datadog exports it
      title: Ray at a glance
      layout_type: ordered
      widgets:
        - definition:
            type: timeseries
            title: Waiting tasks
            requests: [{ q: "sum:ray.tasks{\${scope},state:pending*}", display_type: line }]
        - definition: { type: slo, slo_id: "\${slo:requests}", view_type: detail, time_windows: [30d], view_mode: overall }
downtimes:
  nightly-batch: { recurrences: [{ rrule: "FREQ=DAILY", duration: 2h }], timezone: Europe/Berlin, monitors: [queue-too-long] }
metrics:
  ray.serve.http_request_latency_ms: { tags: [service, env, deployment], percentiles: true }
catalog: { tier: "2", languages: [python] }
dependencies: [consul]
drift: correct
freeze: [{ days: [sat, sun], from: "00:00", to: "24:00", timezone: Europe/Berlin }]
deletion: delete
\`\`\`

Inside \`{…}\` and \`[…]\` a text with braces, brackets or commas needs quotes; so does one with a colon and a blank, or with \`@\`, \`!\` or \`*\` at its beginning.

\`dd-observe validate FILE\` checks a document offline, \`dd-observe explain FIELD\` says what is written here, and \`crds/schemas/wish.json\` completes names in an editor:

\`\`\`yaml
# yaml-language-server: $schema=crds/schemas/wish.json
\`\`\`

## Fields

${fieldsTable(jsonSchemaOf(wishLayer))}

A tag that takes a list separates its entries by commas: \`dd-observe.tags=cost-center:42,tier:1\`. Other fields can't be set by tag. Without the bare tag \`dd-observe\` the others don't make a service observed.

Which options stand under \`agent\` and which monitors come along is up to the pack: [packs.md](packs.md).

## A monitor's fields

Under \`monitors.<name>\` stands \`false\` (off), \`true\` (on, as the pack has it or as inherited), or a mapping of these. \`type\` and \`query\` only for a monitor of your own, which needs both.

${fieldsTable(jsonSchemaOf(monitorLayer), "")}

In \`query\`, \`message\`, \`escalationMessage\` and \`name\`: \`\${scope}\` stands for the service's own tags (\`service:ray,env:production,cluster:dc1\`), \`\${scopeAnyCluster}\` for the same without the cluster, which metrics that Datadog makes of traces don't carry, \`\${scopeTags}\` for all of them in quotes, as \`.over(…)\` wants it, \`\${service}\`, \`\${env}\`, \`\${critical}\` and \`\${warning}\` for what they are called, and \`\${option.<name>}\` for an option of the Agent's check.

## An SLO's fields

Under \`slos.<name>\` stands \`false\` (off), \`true\` (on, as the pack has it or as inherited), or a mapping of these. An SLO of your own needs \`type\`, a target (\`target\`, or \`thresholds\`), and what is measured. Of a pack's SLO what is measured can't be changed.

${fieldsTable(jsonSchemaOf(sloLayer), "")}

## A dashboard's fields

Under \`dashboards.<name>\`. A definition inherited from \`_defaults\` is replaced as a whole.

${fieldsTable(jsonSchemaOf(dashboardLayer), "")}

What Datadog sets itself (\`id\`, \`url\`, author and times) is left out. In its texts \`\${scope}\`, \`\${service}\`, \`\${env}\`, \`\${team}\`, \`\${cluster}\` and \`\${option.<name>}\` are filled in; any other \`\${name}\` is a mistake. \`\${slos:<service>/<name>}\`, \`\${monitors:…}\` and \`\${dashboards:…}\` stand for the id of another object of dd-observe's (of the same service \`\${slo:<name>}\`, \`\${monitor:<name>}\`, \`\${dashboard:<name>}\` do); until that exists the dashboard waits, unless there is a text to take instead: \`\${dashboards:_dashboards/x|lists}\`.

## A downtime's fields

Under \`downtimes.<name>\`. Either \`start\` and \`end\`, or \`recurrences\`.

${fieldsTable(jsonSchemaOf(downtimeLayer), "")}

## A metric's fields

Under \`metrics.<metric>\`: its tags that can be asked for.

${fieldsTable(jsonSchemaOf(metricTagsLayer), "")}

## The catalog's fields

Under \`catalog\`, instead of \`true\`.

${fieldsTable(jsonSchemaOf(catalogLayer), "")}

## How it is put together

1. \`observability/_defaults\`, what every service inherits. It takes every field but \`pack\` and \`endpoint\`. What it says of an option or monitor that a service's pack doesn't have is left out there; a name that no pack has is a mistake.
2. The service's tags.
3. The service's document.

What comes later wins, field by field. Mappings (\`endpoint\`, \`agent\`, \`monitors\` and each monitor, \`slos\` and each SLO, and so on) are joined key by key. \`tags\` are joined by the key before the colon, \`notify\` route by route ([alert-routing.md](../alert-routing.md)). Other lists, such as \`freeze\`, are replaced, and so are \`drift\`, a dashboard's \`definition\` and an SLO's \`queries\`. All instances of a service share one wish, so two values for one field among their tags are a mistake.

The pack is the one that the wish names; without one, the pack with the service's name, else \`generic\`.

If anything is wrong, by a slip, a forbidden value, or a broken \`_defaults\`, the service is *held*: what stands in the Agent and in Datadog stays as it is until the wish is right.

## drift, freeze, deletion, paused

- \`drift: correct\` sets right what a person changed in Datadog or on disk. \`drift: report\` only shows it. \`drift: {tolerate: 4h}\` lets it stand for a while. Fields may have rules of their own, by the path that differences show: \`drift: {rule: correct, fields: {"options.thresholds.critical": {tolerate: 4h}, message: report}}\`. A single object may say otherwise (\`monitors.<name>.drift\`). As a tag: \`dd-observe.drift=tolerate:4h\`. Mutes, and downtimes that people make, are always theirs.
- \`freeze\` lists times in which nothing is written or deleted: between two moments, or on days between two times of day, also over midnight. Where clocks are put forward or back, what the clock shows decides. Windows that meet count as one.
- \`deletion: delete\` removes the objects of a service that is gone, after the grace period. \`deletion: retain\` leaves them where they are, with their mark: nobody corrects or deletes them any more, and they are taken up again if the service comes back. It holds as it was when the object was last written, since a wish that is gone can't be asked.
- \`paused: true\` writes and deletes nothing of the service until it is \`false\` again.

## Limits

- A document has at most ${DOCUMENT_LIMITS.bytes / 1024} KiB, ${DOCUMENT_LIMITS.depth} levels and ${DOCUMENT_LIMITS.aliases} aliases. A key stands once. Only one document per text.
- An unknown field is a mistake, never ignored.
- A regular expression has at most 200 characters, and only what JavaScript and Python read alike; what could take for ever is refused.
- No text that reaches the Agent holds \`%%\`, \`ENC[\`, \`\${\` or control characters: the Agent would fill in secrets of its own.
- The host is always the instance's own address. Credentials, certificates, headers and proxies can't be wished.

## Reserved names

Keys that begin with \`_\` are no services: \`observability/_defaults\` is what every service inherits, \`observability/_monitors/<name>\`, \`_slos/<name>\`, \`_dashboards/<name>\` and \`_downtimes/<name>\` are objects of no service. \`observability/.keep\` is put there by dd-observe itself. \`observability/_nomad\` is the telemetry of Nomad's agents. Any other name with \`_\` is a mistake, shown under that name by \`dd-observe get\` and \`dd-observe describe\`; it stops nothing else.

## A monitor of no service

\`observability/_monitors/<name>\` defines one monitor that belongs to no service:

\`\`\`yaml
# yaml-language-server: $schema=crds/schemas/global-monitor.json
name: Disk is nearly full on {{host.name}}
type: metric alert
query: max(last_10m):max:system.disk.in_use{*} by {host,device} > \${critical}
critical: 0.9
message: Make room, or the node goes down.
notify: ["@slack-infra"]
\`\`\`

Its name everywhere is \`_monitors/<name>\`: \`dd-observe describe _monitors/disk-full\`, \`dd-observe pause _monitors/disk-full\`. It inherits \`env\`, \`team\`, \`tags\`, \`notify\`, \`messageTemplate\`, \`drift\`, \`freeze\`, \`deletion\` and \`paused\` from \`_defaults\`. It carries these as tags and \`cluster:<id>\`, but no \`service:\`; its title is \`name\` as given. It is held, corrected and deleted by the same rules as a service's.

\`type\` and \`query\` are required.

${fieldsTable(jsonSchemaOf(globalMonitorLayer), "")}

In its texts \`\${scope}\` stands for the environment and the cluster (\`env:production,cluster:dc1\`), \`\${scopeTags}\` for the same in quotes, \`\${env}\`, \`\${critical}\` and \`\${warning}\` for what they are called.

## An SLO, a dashboard, a downtime of no service

The same holds for \`observability/_slos/<name>\`, \`_dashboards/<name>\` and \`_downtimes/<name>\`; they inherit all of that but \`notify\`. Monitors are named \`<service>/<name>\` or \`_monitors/<name>\` in them.

\`\`\`yaml
# yaml-language-server: $schema=crds/schemas/global-slo.json
type: monitor
monitors: [ray/endpoint-down, _monitors/disk-full]
target: 99.5
\`\`\`

An SLO has the fields of a service's SLO, and these; \`type\` is required:

${fieldsTable(only(globalSloLayer, sloLayer), "")}

A document \`_dashboards/<name>\` with a \`definition\` is a dashboard of its own. Without one it tunes the dashboard of that name which is composed of the packs' sections: \`exclude: [Ray]\` leaves a section out.

${fieldsTable(only(globalDashboardLayer, dashboardLayer), "")}

A downtime has the fields of a service's downtime, and these:

${fieldsTable(only(globalDowntimeLayer, downtimeLayer), "")}

## The telemetry of Nomad

\`observability/_nomad\` puts a file \`zz-dd-observe.hcl\` into the configuration folder of every machine's Nomad (\`DD_OBSERVE_NOMAD_CONFIG_DIR\`). An empty value means the defaults.

\`\`\`yaml
# yaml-language-server: $schema=crds/schemas/nomad.json
telemetry:
  collectionInterval: 10s
  prefixFilter: ["-nomad.raft"]
  disableDispatchedJobSummaryMetrics: true
\`\`\`

Each machine's file holds only what its own version of Nomad reads: Nomad does not start with a key that it doesn't know. What is left out is told (\`NotInThisVersion\`). \`env\`, \`team\` and \`tags\` are inherited from \`_defaults\` and become \`datadog_tags\` where \`datadogAddress\` is set. Nomad reads telemetry when it starts, and at no reload: until then the condition \`TelemetryActive\` says \`RestartRequired\`, with what differs.

${fieldsTable(jsonSchemaOf(nomadLayer), "")}

## The policy

What people may wish is a file of the operator's own (\`DD_OBSERVE_POLICY_FILE\`), never in the KV store.

${table(
  ["field", "type", "default", "what it means"],
  Object.entries(jsonSchemaOf(policySchema).properties ?? {}).map(([name, schema]) => {
    const value = (STRICT_POLICY as Readonly<Record<string, unknown>>)[name];
    return [
      code(name),
      typeInWords(schema),
      value === undefined ? "" : code(JSON.stringify(value)),
      schema.description ?? "",
    ];
  }),
)}
`;
}

/** The fields of a document that aren't its object's own. */
function only(document: z.ZodObject, object: z.ZodObject): JsonSchema {
  const { properties = {}, ...schema } = jsonSchemaOf(document);
  const own = new Set(Object.keys(object.shape).filter((name) => name !== "tags" && name !== "drift"));
  const left = Object.entries(properties).filter(([name]) => !own.has(name));
  return { ...schema, properties: Object.fromEntries(left) };
}

function fieldsTable(schema: JsonSchema, tagHead = "as a tag"): string {
  const isTagged = tagHead !== "";
  // A service's table has the fields of a freeze; all others need them no more than once.
  const all = fieldRows(schema).filter(([path]) => isTagged || !path.startsWith("freeze[]"));
  const rows = all.map(([path, type, byDefault, description]) => {
    const tag = TAG_OF_FIELD.get(path);
    const tagCell = tag === undefined ? "" : code(`dd-observe.${tag}=…`);
    return [code(path), type, byDefault, description, ...(isTagged ? [tagCell] : [])];
  });
  return table(["field", "type", "default", "what it means", ...(isTagged ? [tagHead] : [])], rows);
}

function fieldRows(schema: JsonSchema, prefix = ""): readonly (readonly [string, string, string, string])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const limits = limitsOf(field).filter((limit) => !limit.includes("must match"));
    const examples = (Array.isArray(field["examples"]) ? field["examples"] : []) as readonly unknown[];
    const shown = examples.map((example) =>
      code(typeof example === "string" ? example : JSON.stringify(example)),
    );
    const description = `${field.description ?? ""}${shown.length === 0 ? "" : ` Such as ${shown.join(", ")}.`}`;
    const byDefault = field.default === undefined ? "" : code(JSON.stringify(field.default));
    const row = [path, [typeInWords(field), ...limits].join(", "), byDefault, description] as const;
    return [row, ...fieldRows(field, `${path}.`), ...entryRows(field, path)];
  });
}

/** Fields of a list's entries; those that are Datadog's own words are left to Datadog's pages. */
function entryRows({ items }: JsonSchema, path: string): ReturnType<typeof fieldRows> {
  const isOurs = Object.values(items?.properties ?? {}).every(({ description = "" }) => description !== "");
  return items === undefined || !isOurs ? [] : fieldRows(items, `${path}[].`);
}
