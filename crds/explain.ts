import { GLOBAL_FOLDERS } from "./global.ts";
import {
  jsonSchemaOf,
  optionSchema,
  tunedMonitorSchema,
  tunedSloSchema,
  type JsonSchema,
} from "./json-schema.ts";
import type { Pack } from "./pack.ts";
import { didYouMean } from "./suggest.ts";
import { wishLayer } from "./wish.ts";

/** What there is to know of one field of a wish. */
export interface Explanation {
  /** As asked; empty for the whole wish. */
  readonly path: string;
  /** In words: `whole number`, `list of texts`. */
  readonly type: string;
  readonly description: string;
  /** Limits in words: `from 1 to 65535`, `at most 20 entries`. */
  readonly limits: readonly string[];
  readonly default?: unknown;
  readonly examples: readonly unknown[];
  readonly children: readonly ExplainedChild[];
  /** What only some fields have, such as a pack's query. */
  readonly facts: readonly { readonly name: string; readonly value: string }[];
}

export interface ExplainedChild {
  readonly name: string;
  readonly type: string;
  readonly description: string;
}

export type Explained =
  | { readonly ok: true; readonly value: Explanation }
  /** The sentence says what is unknown and the nearest right name. */
  | { readonly ok: false; readonly message: string };

/**
 * Explains a field of the wish as `kubectl explain` does: `endpoint.port`, `monitors.object-store-pressure.critical`,
 * or one of a document of no service: `_monitors.query`, `_slos.target`.
 *
 * @param path Parts joined by dots; empty for the whole wish.
 * @param pack Whose Agent options and monitors are meant. Without it, those of every pack.
 */
export function explainField(
  path: string,
  packs: ReadonlyMap<string, Pack>,
  { pack }: { readonly pack?: string | undefined } = {},
): Explained {
  if (pack !== undefined && !packs.has(pack)) {
    const names = [...packs.keys()];
    return {
      ok: false,
      message: `no pack is named ${pack}${didYouMean(pack, names) || `; there are ${names.join(", ")}`}`,
    };
  }
  const meant = pack === undefined ? [...packs.values()] : [packs.get(pack)!];
  const names = path === "" ? [] : path.split(".");
  let node = rootNode(meant);
  for (const [depth, name] of names.entries()) {
    const next = node.child(name);
    if (next === undefined) {
      const above = names.slice(0, depth).join(".");
      const where = above === "" ? "a wish" : above;
      const known = node.children().map((child) => child.name);
      const hint = didYouMean(name, known) || (known.length === 0 ? "" : `; there are ${known.join(", ")}`);
      return { ok: false, message: `${where} has no field ${name}${hint}` };
    }
    node = next;
  }
  return {
    ok: true,
    value: { path, ...describe(node.schema), children: node.children(), facts: node.facts },
  };
}

/** One place of the wish: its schema, and what stands below. */
interface Node {
  readonly schema: JsonSchema;
  readonly facts: Explanation["facts"];
  child(name: string): Node | undefined;
  children(): readonly ExplainedChild[];
}

function rootNode(packs: readonly Pack[]): Node {
  const schema = jsonSchemaOf(wishLayer);
  const plain = schemaNode(schema);
  return {
    ...plain,
    child: (name) => {
      const global = GLOBAL_FOLDERS.find(({ folder }) => folder === name);
      if (global !== undefined) return schemaNode(jsonSchemaOf(global.layer));
      const inner = plain.child(name);
      if (inner === undefined) return undefined;
      if (name === "agent") return agentNode(inner, packs);
      if (name === "slos") return slosNode(inner, packs);
      return name === "monitors" ? monitorsNode(inner, packs) : inner;
    },
  };
}

function schemaNode(schema: JsonSchema, facts: Explanation["facts"] = []): Node {
  const fields = fieldsIn(schema);
  return {
    schema,
    facts,
    child: (name) => {
      const inner = fields[name] ?? openFieldIn(schema);
      return inner === undefined ? undefined : schemaNode(inner);
    },
    children: () => Object.entries(fields).map(([name, field]) => asChild(name, field)),
  };
}

function agentNode(plain: Node, packs: readonly Pack[]): Node {
  return namedNode(plain, packs, (pack) =>
    Object.entries(pack.options).map(([name, option]) => ({
      name,
      schema: optionSchema(option),
      facts: [
        { name: "pack", value: pack.name },
        { name: "in the Agent's file", value: option.option },
      ],
    })),
  );
}

function monitorsNode(plain: Node, packs: readonly Pack[]): Node {
  return openNode(plain, packs, (pack) =>
    Object.entries(pack.monitors).map(([name, monitor]) => ({
      name,
      schema: tunedMonitorSchema(monitor),
      facts: [
        ...commonFacts(pack, monitor),
        { name: "query", value: monitor.query },
        ...conditionFacts(monitor),
      ],
    })),
  );
}

function slosNode(plain: Node, packs: readonly Pack[]): Node {
  return openNode(plain, packs, (pack) =>
    Object.entries(pack.slos).map(([name, slo]) => ({
      name,
      schema: tunedSloSchema(slo),
      facts: [
        ...commonFacts(pack, slo),
        ...(["numerator", "denominator", "query", "formula"] as const).flatMap((field) => {
          const value = slo[field];
          return value === undefined ? [] : [{ name: field, value }];
        }),
        ...conditionFacts(slo),
      ],
    })),
  );
}

function commonFacts(
  pack: Pack,
  object: { readonly name: string; readonly type: string },
): Explanation["facts"] {
  return [
    { name: "pack", value: pack.name },
    { name: "title", value: object.name },
    { name: "type", value: object.type },
  ];
}

function conditionFacts(object: {
  readonly needs?: string | undefined;
  readonly default?: boolean | undefined;
}): Explanation["facts"] {
  return [
    ...(object.needs === undefined ? [] : [{ name: "needs", value: `agent.${object.needs}: true` }]),
    ...(object.default === false ? [{ name: "made", value: "only when a document names it" }] : []),
  ];
}

/** Any other name is one of one's own, unless it is a slip. */
function openNode(plain: Node, packs: readonly Pack[], list: Listing): Node {
  const named = namedNode(plain, packs, list);
  return {
    ...named,
    child: (name) => {
      const known = named.child(name);
      if (known !== undefined) return known;
      const names = named.children().map((child) => child.name);
      return didYouMean(name, names) === "" ? plain.child(name) : undefined;
    },
  };
}

/** What one pack brings under a field. */
type Listing = (pack: Pack) => readonly {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly facts: Explanation["facts"];
}[];

function namedNode(plain: Node, packs: readonly Pack[], list: Listing): Node {
  const all = packs.flatMap((pack) => list(pack).map((entry) => ({ ...entry, pack: pack.name })));
  const names = [...new Set(all.map((entry) => entry.name))];
  return {
    schema: plain.schema,
    facts: plain.facts,
    child: (name) => {
      const entry = all.find((candidate) => candidate.name === name);
      return entry === undefined ? undefined : schemaNode(entry.schema, entry.facts);
    },
    children: () =>
      names.map((name) => {
        const entries = all.filter((entry) => entry.name === name);
        const child = asChild(name, entries[0]!.schema);
        const whose = packs.length === 1 ? "" : ` (${entries.map((entry) => entry.pack).join(", ")})`;
        return { ...child, description: `${child.description}${whose}` };
      }),
  };
}

function asChild(name: string, schema: JsonSchema): ExplainedChild {
  return { name, type: typeInWords(schema), description: schema.description ?? "" };
}

function describe(schema: JsonSchema): Omit<Explanation, "path" | "children" | "facts"> {
  const examples = Array.isArray(schema["examples"]) ? (schema["examples"] as readonly unknown[]) : [];
  return {
    type: typeInWords(schema),
    description: schema.description ?? "",
    limits: limitsOf(schema),
    ...(schema.default === undefined ? {} : { default: schema.default }),
    examples,
  };
}

/** The fields of a mapping, of a union's branch that is one, or of a list's entries. */
function fieldsIn(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const branch = [schema, ...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])];
  return branch.find(({ properties }) => properties !== undefined)?.properties ?? {};
}

function openFieldIn(schema: JsonSchema): JsonSchema | undefined {
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

const TYPE_WORDS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["text", "texts"],
  boolean: ["true or false", "true or false"],
  integer: ["whole number", "whole numbers"],
  number: ["number", "numbers"],
  object: ["mapping", "mappings"],
  null: ["empty", "empty"],
};

/** `whole number`, `list of texts`, `correct or report`, `true or false, or mapping`. */
export function typeInWords(schema: JsonSchema): string {
  if (schema.enum !== undefined)
    return schema.enum.map(String).join(schema.enum.length === 2 ? " or " : ", ");
  if (schema["const"] !== undefined) return JSON.stringify(schema["const"]);
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeInWords))].join(", or ");
  if (schema.type === "array") {
    const items = schema.items ?? {};
    return `list of ${items["format"] === "regex" ? "regular expressions" : (TYPE_WORDS[items.type ?? ""]?.[1] ?? typeInWords(items))}`;
  }
  return TYPE_WORDS[schema.type ?? ""]?.[0] ?? "anything";
}

/** The limits of a value, in words. */
export function limitsOf(schema: JsonSchema): readonly string[] {
  const { minimum, maximum, maxLength, maxItems, pattern } = schema;
  const limits: string[] = [];
  const isSafeInteger = maximum === Number.MAX_SAFE_INTEGER;
  if (minimum !== undefined && maximum !== undefined && !isSafeInteger)
    limits.push(`from ${minimum} to ${maximum}`);
  else if (minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER) limits.push(`at least ${minimum}`);
  else if (maximum !== undefined && !isSafeInteger) limits.push(`at most ${maximum}`);
  if (maxLength !== undefined) limits.push(`at most ${maxLength} characters`);
  if (maxItems !== undefined) limits.push(`at most ${maxItems} entries`);
  if (typeof pattern === "string") limits.push(`must match ${pattern}`);
  return schema.items === undefined
    ? limits
    : [...limits, ...limitsOf(schema.items).map((limit) => `each ${limit}`)];
}
