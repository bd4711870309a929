import { z } from "zod";

import { globalMonitorLayer } from "./global-monitor.ts";
import { globalDashboardLayer, globalDowntimeLayer, globalSloLayer } from "./global.ts";
import { monitorLayer, type PackMonitor } from "./monitor.ts";
import { nomadLayer } from "./nomad.ts";
import {
  packConf,
  packDashboards,
  packManifest,
  packMetrics,
  packMonitors,
  packSlos,
  type Pack,
  type PackOption,
} from "./pack.ts";
import { settableOptions } from "./pack-option.ts";
import { policySchema } from "./policy.ts";
import { FIXED_SLO_FIELDS, sloLayer, type PackSlo } from "./slo.ts";
import { variableNames } from "./variable-schema.ts";
import { defaultsLayer, wishLayer } from "./wish.ts";

/** A JSON Schema, as far as it is used here. Draft 7: what editors' YAML support reads. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

type Packs = ReadonlyMap<string, Pack>;

/** The schemas for editors, by file name. What they can't say (rules between fields, the policy) `validate` says. */
export function editorSchemas(packs: Packs): ReadonlyMap<string, JsonSchema> {
  return new Map([
    ["wish.json", titled("observability/<service>", withPacks(jsonSchemaOf(wishLayer), packs))],
    ["defaults.json", titled("observability/_defaults", withNames(jsonSchemaOf(defaultsLayer), packs))],
    ["global-monitor.json", titled("observability/_monitors/<name>", jsonSchemaOf(globalMonitorLayer))],
    ["global-slo.json", titled("observability/_slos/<name>", jsonSchemaOf(globalSloLayer))],
    ["global-dashboard.json", titled("observability/_dashboards/<name>", jsonSchemaOf(globalDashboardLayer))],
    ["global-downtime.json", titled("observability/_downtimes/<name>", jsonSchemaOf(globalDowntimeLayer))],
    ["nomad.json", titled("observability/_nomad", jsonSchemaOf(nomadLayer))],
    ["policy.json", titled("The operator's policy file", jsonSchemaOf(policySchema))],
    ["pack.json", titled("packs/<name>/pack.yaml", jsonSchemaOf(packManifest))],
    ["conf.json", titled("packs/<name>/conf.yaml", jsonSchemaOf(packConf))],
    ["monitors.json", titled("packs/<name>/monitors.yaml", jsonSchemaOf(packMonitors))],
    ["slos.json", titled("packs/<name>/slos.yaml", jsonSchemaOf(packSlos))],
    ["dashboards.json", titled("packs/<name>/dashboards.yaml", jsonSchemaOf(packDashboards))],
    ["metrics.json", titled("packs/<name>/metrics.yaml", jsonSchemaOf(packMetrics))],
  ]);
}

/** The schema of what a person writes, before defaults are filled in. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-7",
    reused: "inline",
    // Classes such as \p{L} are JavaScript's alone; an editor in another language would refuse the whole schema.
    override: ({ jsonSchema }) => {
      if (/\\p\{/i.test(jsonSchema.pattern ?? "")) delete jsonSchema.pattern;
    },
  });
  return rest as JsonSchema;
}

/** What a wish may give to one option. */
export function optionSchema(option: PackOption): JsonSchema {
  const text = option.pattern === undefined ? {} : { pattern: `^(?:${option.pattern})$` };
  const range = {
    ...(option.min === undefined ? {} : { minimum: option.min }),
    ...(option.max === undefined ? {} : { maximum: option.max }),
  };
  const about = {
    description: option.description,
    ...(option.default === undefined ? {} : { default: option.default }),
  };
  switch (option.type) {
    case "boolean":
      return { type: "boolean", ...about };
    case "integer":
    case "number":
      return { type: option.type, ...range, ...about };
    case "choice":
      return { type: "string", enum: option.values ?? [], ...about };
    case "text":
      return { type: "string", ...text, ...about };
    case "texts":
      return { type: "array", items: { type: "string", ...text }, ...about };
    case "regexes":
      return { type: "array", items: { type: "string", format: "regex", ...text }, ...about };
    default:
      return option.type satisfies never;
  }
}

/** What a wish may say of one of a pack's monitors: everything but its type and query. */
export function tunedMonitorSchema(monitor: PackMonitor): JsonSchema {
  return tunedSchema(monitor, jsonSchemaOf(monitorLayer), ["type", "query"]);
}

/** What a wish may say of one of a pack's SLOs: everything but what is measured. */
export function tunedSloSchema(slo: PackSlo): JsonSchema {
  return tunedSchema(slo, jsonSchemaOf(sloLayer), FIXED_SLO_FIELDS);
}

function tunedSchema(
  known: { readonly [field: string]: unknown; readonly summary: string },
  layer: JsonSchema,
  fixed: readonly string[],
): JsonSchema {
  const fields = Object.entries(layer.properties ?? {}).filter(([name]) => !fixed.includes(name));
  const properties = fields.map(([name, field]): [string, JsonSchema] => [
    name,
    known[name] === undefined ? field : { ...field, default: known[name] },
  ]);
  return {
    description: known.summary,
    anyOf: [
      { type: "boolean" },
      { type: "object", properties: Object.fromEntries(properties), additionalProperties: false },
    ],
  };
}

function titled(title: string, schema: JsonSchema): JsonSchema {
  return { $schema: "http://json-schema.org/draft-07/schema#", title, ...schema };
}

/** Completes names of every pack, and narrows them to one pack's where the document names it. */
function withPacks(wish: JsonSchema, packs: Packs): JsonSchema {
  const named = [...packs.values()].map((pack) => ({
    if: { properties: { pack: { const: pack.name } }, required: ["pack"] },
    // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own keyword
    then: {
      properties: {
        agent: { properties: agentOptions([pack]), additionalProperties: false },
        monitors: {
          properties: packMonitorsOf([pack]),
          additionalProperties: { $ref: "#/definitions/ownMonitor" },
        },
        slos: {
          properties: packSlosOf([pack]),
          additionalProperties: { $ref: "#/definitions/ownSlo" },
        },
      },
    },
  }));
  const inner = withNames(wish, packs);
  const pack = { ...inner.properties?.["pack"], examples: [...packs.keys()] };
  return { ...inner, properties: { ...inner.properties, pack }, allOf: named };
}

function withNames(schema: JsonSchema, packs: Packs): JsonSchema {
  const all = [...packs.values()];
  const { agent, monitors, slos, instrumentation } = schema.properties ?? {};
  const variables = variableNames();
  const layer = jsonSchemaOf(monitorLayer);
  const slo = jsonSchemaOf(sloLayer);
  return {
    ...schema,
    properties: {
      ...schema.properties,
      agent: {
        description: agent?.description ?? "",
        type: "object",
        properties: agentOptions(all),
        additionalProperties: false,
      },
      monitors: {
        ...monitors,
        properties: packMonitorsOf(all),
        additionalProperties: { anyOf: [{ type: "boolean" }, { $ref: "#/definitions/ownMonitor" }] },
      },
      slos: {
        ...slos,
        properties: packSlosOf(all),
        additionalProperties: { anyOf: [{ type: "boolean" }, { $ref: "#/definitions/ownSlo" }] },
      },
      instrumentation: {
        ...instrumentation,
        properties: {
          ...instrumentation?.properties,
          env: {
            description: instrumentation?.properties?.["env"]?.description ?? "",
            type: "object",
            properties: variables.properties,
            additionalProperties: false,
          },
        },
      },
    },
    definitions: {
      tunedMonitor: tunable(layer, ["type", "query"]),
      ownMonitor: { ...layer, required: ["type", "query"] },
      tunedSlo: tunable(slo, FIXED_SLO_FIELDS),
      ownSlo: { ...slo, required: ["type"] },
      ...variables.definitions,
    },
  };
}

function tunable({ properties = {} }: JsonSchema, fixed: readonly string[]): JsonSchema {
  const left = Object.entries(properties).filter(([name]) => !fixed.includes(name));
  const tuned = { type: "object", properties: Object.fromEntries(left), additionalProperties: false };
  return { anyOf: [{ type: "boolean" }, tuned] };
}

function agentOptions(packs: readonly Pack[]): Readonly<Record<string, JsonSchema>> {
  return merged(
    packs.map((pack) =>
      settableOptions(pack).map(([name, option]): [string, JsonSchema] => [name, optionSchema(option)]),
    ),
  );
}

function packMonitorsOf(packs: readonly Pack[]): Readonly<Record<string, JsonSchema>> {
  return summaries(packs, ({ monitors }) => monitors, "#/definitions/tunedMonitor");
}

function packSlosOf(packs: readonly Pack[]): Readonly<Record<string, JsonSchema>> {
  return summaries(packs, ({ slos }) => slos, "#/definitions/tunedSlo");
}

function summaries(
  packs: readonly Pack[],
  objectsOf: (pack: Pack) => Readonly<Record<string, { readonly summary: string }>>,
  $ref: string,
): Readonly<Record<string, JsonSchema>> {
  return merged(
    packs.map((pack) =>
      Object.entries(objectsOf(pack)).map(([name, { summary }]): [string, JsonSchema] => [
        name,
        { description: summary, allOf: [{ $ref }] },
      ]),
    ),
  );
}

/** Two packs may know one name differently: then either is right. */
function merged(
  perPack: readonly (readonly (readonly [string, JsonSchema])[])[],
): Readonly<Record<string, JsonSchema>> {
  const byName = new Map<string, JsonSchema[]>();
  for (const [name, schema] of perPack.flat()) {
    const known = byName.get(name) ?? [];
    if (!known.some((other) => JSON.stringify(other) === JSON.stringify(schema))) known.push(schema);
    byName.set(name, known);
  }
  return Object.fromEntries(
    [...byName].map(([name, [first, ...others]]): [string, JsonSchema] => [
      name,
      others.length === 0 ? first! : { description: first!.description ?? "", anyOf: [first!, ...others] },
    ]),
  );
}
