import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { z } from "zod";

import { exampleGround, examplePack } from "../test/builders/packs.ts";
import { driftLayer, driftOf } from "./drift.ts";
import { GLOBAL_FOLDERS, globalDashboardLayer } from "./global.ts";
import { jsonSchemaOf, type JsonSchema } from "./json-schema.ts";
import { resolveReserved } from "./reserved.ts";
import { resolve, type Resolution } from "./resolve.ts";
import { wishLayer } from "./wish.ts";

/** A field that a document can have: its path, with `*` for a name, and values that its schema allows. */
interface Field {
  readonly path: readonly string[];
  readonly schema: JsonSchema;
}

/** Every field, and every field below it. A list is one field. */
function fieldsBelow(schema: JsonSchema, path: readonly string[] = []): readonly Field[] {
  const open = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  const inner = [
    ...Object.entries(schema.properties ?? {}),
    ...(open === undefined || Object.keys(open).length === 0 ? [] : [["*", open] as const]),
  ];
  const isAtom =
    path.at(-1) === "drift" || path.at(-1) === "definition" || path.at(-1) === "default_timeframe";
  const below = isAtom
    ? []
    : [
        ...inner.flatMap(([name, field]) => fieldsBelow(field, [...path, name])),
        ...(schema.anyOf ?? []).flatMap((branch) => fieldsBelow(branch, path)),
      ];
  const isLeaf = path.length > 0 && (isAtom || (inner.length === 0 && schema.anyOf === undefined));
  return isLeaf ? [{ path, schema }, ...below] : below;
}

const DEFINITION = { title: "A", layout_type: "ordered", widgets: [{ definition: { type: "note" } }] };

/** Fields that need more beside them than stands in any of the surroundings, or less. */
const NEVER_ALONE: Readonly<Record<string, readonly string[]>> = {
  // Under any name there is a formula that doesn't use it.
  ray: ["slos.*.queries.*"],
  "_slos/x": ["queries.*"],
  // Tunes a composed dashboard, which this one is not.
  "_dashboards/x": ["exclude"],
};

/** Values for fields whose form a JSON schema can't say. */
const VALUES: Readonly<Record<string, unknown>> = {
  drift: { tolerate: "4h" },
  definition: DEFINITION,
  start: "2026-12-20T00:00:00Z",
  end: "2027-01-02T00:00:00Z",
  recurrences: [{ rrule: "FREQ=DAILY", duration: "2h" }],
  timezone: "Europe/Berlin",
  scope: "env:staging",
  queries: { a: "avg:a{*}" },
  path: "/x",
  url: "https://example.com",
  serviceURL: "https://example.com",
  formula: "a",
  monitors: ["a/b"],
  triggerWindow: "last_15m",
  recoveryWindow: "last_15m",
  runbookUrl: "https://example.com/runbook",
  groupRetentionDuration: "2h",
  dayStarts: "04:00",
  variables: [{ data_source: "metrics", name: "query1", query: "avg:a{*}" }],
  messageTemplate: "${summary} ${handles}",
  outputSchema: { type: "object" },
};

/** Lists of handles, by the routes of `notify`. */
const HANDLES: ReadonlySet<string> = new Set(
  "notify all p1 p2 p3 p4 p5 alert warning recovery noData *".split(" "),
);

function sampleOf(schema: JsonSchema, name: string): unknown {
  // A monitor's schedule stands in a time zone; a downtime's stands beside one.
  if (name === "recurrences" && schema.items?.properties?.["timezone"] !== undefined)
    return [{ rrule: "FREQ=DAILY", timezone: "Europe/Berlin" }];
  if (Object.hasOwn(VALUES, name) && schema.enum === undefined) return VALUES[name];
  const examples = schema["examples"];
  if (Array.isArray(examples) && examples.length > 0) return examples[0] as unknown;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema["const"] !== undefined) return schema["const"];
  if (schema.anyOf !== undefined) return sampleOf(schema.anyOf[0]!, name);
  switch (schema.type ?? "string") {
    case "boolean":
      return true;
    case "integer":
    case "number":
      return Math.max(schema.minimum ?? 1, Number(schema["exclusiveMinimum"] ?? 0) + 1);
    case "array":
      return [name === "tags" ? "cost:1" : HANDLES.has(name) ? "@slack-x" : sampleOf(schema.items ?? {}, "")];
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([inner, field]) => [inner, sampleOf(field, inner)]),
      );
    default:
      return "sample";
  }
}

function put(path: readonly string[], value: unknown): unknown {
  return path.reduceRight((inner: unknown, name) => ({ [name]: inner }), value);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const name of path) {
    if (typeof inner !== "object" || inner === null) return undefined;
    inner = (inner as Readonly<Record<string, unknown>>)[name];
  }
  return inner;
}

/** What the wish has of a field that a document states; `drift` at the top is brought into one form. */
function arrived(
  resolution: Resolution,
  path: readonly string[],
  value: unknown,
): "arrived" | "refused" | "lost" {
  if (resolution.state === "held") return resolution.problems.length > 0 ? "refused" : "lost";
  const isDrift = path.length === 1 && path[0] === "drift";
  const expected = isDrift ? driftOf(driftLayer.parse(value)) : value;
  const places =
    resolution.state === "accepted"
      ? [resolution.wish]
      : [valueAt(resolution.wish, [resolution.kind]), resolution.wish];
  // `notify` with nothing but `all` is the list itself.
  const where = path.join(".") === "notify.all" ? ["notify"] : path;
  const found = places.map((place) => valueAt(place, where)).find((inner) => inner !== undefined);
  const isPack = path.length === 1 && path[0] === "pack";
  try {
    expect(isPack ? valueAt(found, ["name"]) : found).toEqual(expected);
    return "arrived";
  } catch {
    return "lost"; // `toEqual` is how two values are held against each other; the test tells which field it was.
  }
}

const ROUND = { type: "metric", numerator: "a", denominator: "b", target: 0.5 };
const SLICES = { type: "time-slice", query: "a", threshold: 1, target: 0.5 };
const UP = { type: "monitor", monitors: ["a/b"], target: 0.5 };
const MONITOR = { type: "query alert", query: "avg(last_5m):avg:a.b{*} > 1" };
const LISTED = { thresholds: [{ timeframe: "7d", target: 99 }] };

/** What must stand beside a field so that the document is whole. */
/** An evaluator that is complete. */
const JUDGED = {
  prompt: [{ role: "user", content: "?" }],
  outputSchema: { type: "object" },
  provider: "openai",
  model: "m",
};

const SURROUNDINGS: Readonly<Record<string, readonly object[]>> = {
  ray: [
    {},
    { slos: { own: ROUND } },
    { monitors: { own: MONITOR } },
    { metrics: { own: { tags: ["a"] } } },
    { instrumentation: { prices: { own: { input: 1, output: 2 } } } },
    { slos: { own: SLICES } },
    { slos: { own: { ...SLICES, query: undefined, formula: "a", queries: { a: "x" } } } },
    { slos: { own: { ...UP, monitors: ["a/b"] } } },
    { slos: { own: { ...ROUND, target: undefined, ...LISTED } } },
    { dashboards: { own: { definition: DEFINITION } } },
    { evaluators: { own: JUDGED } },
    { evaluators: { own: { ...JUDGED, provider: "amazon-bedrock" } } },
    { evaluators: { own: { ...JUDGED, provider: "vertex-ai" } } },
    { evaluators: { own: { provider: "openai", model: "m" } } },
    { catalog: { integrations: { opsgenie: { serviceURL: "https://example.com" } } } },
  ],
  "_monitors/x": [MONITOR],
  "_slos/x": [
    ROUND,
    SLICES,
    { ...SLICES, query: undefined, formula: "a", queries: { a: "x" } },
    UP,
    { ...ROUND, target: undefined, ...LISTED },
  ],
  "_dashboards/x": [{ definition: DEFINITION }],
  "_dashboards/overview": [{}],
  "_downtimes/x": [{}],
};

function merged(under: unknown, over: unknown): unknown {
  if (!isRecord(under) || !isRecord(over)) return over;
  const both = Object.keys(over).map((name): [string, unknown] => [
    name,
    Object.hasOwn(under, name) ? merged(under[name], over[name]) : over[name],
  ]);
  return { ...under, ...Object.fromEntries(both) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const { packs } = exampleGround();
const PACK = examplePack({
  slos: { noisy: { ...ROUND, name: "n", summary: "s" } },
  dashboards: {
    overview: { title: "Overview", section: "Ray", widgets: [{ definition: { type: "note" } }] },
  },
});
const GROUND = exampleGround({ packs: new Map([...packs, ["ray", PACK]]) });

const DOCUMENTS: readonly (readonly [name: string, schema: z.ZodType])[] = [
  ["ray", wishLayer],
  ...GLOBAL_FOLDERS.map(({ folder, layer }) => [`${folder}/x`, layer] as const),
  ["_dashboards/overview", globalDashboardLayer],
];

/** One name that the pack has, and one that it hasn't. */
function namesFor(path: readonly string[]): readonly string[] {
  if (!path.includes("*")) return [""];
  if (path[1] === "env") return ["DD_VERSION"];
  return path[0] === "agent" ? ["interval", "buckets"] : ["noisy", "own"];
}

function read(name: string, text: string): Resolution {
  const document = { text, generation: 1 };
  return name === "ray" ? resolve(name, [], document, GROUND)! : resolveReserved(name, document, GROUND);
}

test.for(DOCUMENTS)(
  "every field that the schema of %s allows arrives in the wish as it is stated, or the document is refused",
  ([document, schema]) => {
    const seen = { arrived: new Set<string>(), refused: new Set<string>(), lost: new Set<string>() };
    for (const { path, schema: field } of fieldsBelow(jsonSchemaOf(schema))) {
      for (const name of namesFor(path)) {
        const place = path.map((part) => (part === "*" ? name : part));
        const value = sampleOf(field, path.at(-1)!);
        for (const around of SURROUNDINGS[document]!) {
          // Another field's surroundings make no difference.
          if (document === "ray" && !Object.keys(around).every((part) => part === path[0])) continue;
          const resolution = read(document, stringify(merged(around, put(place, value))));
          seen[arrived(resolution, place, value)].add(path.join("."));
        }
      }
    }

    expect([...seen.lost]).toEqual([]);
    expect([...seen.refused.difference(seen.arrived)]).toEqual(NEVER_ALONE[document] ?? []);
    expect(seen.arrived.size).toBeGreaterThan(5);
  },
);
