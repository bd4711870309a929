import { conditionsInWords, type Needs } from "./condition.ts";
import {
  asChild,
  fieldsIn,
  openFieldIn,
  schemaNode,
  type ExplainedChild,
  type Facts,
  type Node,
} from "./explain-node.ts";
import { limitsOf, typeInWords } from "./field-words.ts";
import { GLOBAL_FOLDERS } from "./global.ts";
import {
  jsonSchemaOf,
  optionSchema,
  tunedMonitorSchema,
  tunedSloSchema,
  type JsonSchema,
} from "./json-schema.ts";
import { NOMAD_DOCUMENT, nomadLayer } from "./nomad.ts";
import type { Pack } from "./pack.ts";
import { settableOptions } from "./pack-option.ts";
import { didYouMean } from "./suggest.ts";
import { refusedVariable, TRACER_VARIABLES } from "./tracer-variables.ts";
import { variableSchema } from "./variable-schema.ts";
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
  readonly facts: Facts;
}

export type Explained =
  | { readonly ok: true; readonly value: Explanation }
  /** The sentence says what is unknown and the nearest right name. */
  | { readonly ok: false; readonly message: string };

/**
 * Explains a field of the wish as `kubectl explain` does: `endpoint.port`, `monitors.object-store-pressure.critical`,
 * or one of a document of no service: `_monitors.query`, `_nomad.telemetry.datadogAddress`.
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
      const refused = node.refusal?.(name);
      if (refused !== undefined) return { ok: false, message: `${where}.${name} ${refused}` };
      const known = node.children().map((child) => child.name);
      const all = known.length === 0 || known.length > MOST_NAMED ? "" : `; there are ${known.join(", ")}`;
      return { ok: false, message: `${where} has no field ${name}${didYouMean(name, known) || all}` };
    }
    node = next;
  }
  return {
    ok: true,
    value: { path, ...describe(node.schema), children: node.children(), facts: node.facts },
  };
}

/** More names than that help nobody in an error. */
const MOST_NAMED = 50;

function rootNode(packs: readonly Pack[]): Node {
  const schema = jsonSchemaOf(wishLayer);
  const plain = schemaNode(schema);
  return {
    ...plain,
    child: (name) => {
      const global = GLOBAL_FOLDERS.find(({ folder }) => folder === name);
      if (global !== undefined) return schemaNode(jsonSchemaOf(global.layer));
      if (name === NOMAD_DOCUMENT) return schemaNode(jsonSchemaOf(nomadLayer));
      const inner = plain.child(name);
      if (inner === undefined) return undefined;
      if (name === "agent") return agentNode(inner, packs);
      if (name === "instrumentation") return instrumentationNode(inner);
      if (name === "slos") return entriesNode(name, slosNode(inner, packs));
      return entriesNode(name, name === "monitors" ? monitorsNode(inner, packs) : inner);
    },
  };
}

/** What stands by name: `monitors.query` asks for the field of any monitor, as few would name one so. */
function entriesNode(field: string, named: Node): Node {
  const entry = openFieldIn(named.schema);
  const fields = entry === undefined ? {} : fieldsIn(entry);
  const [first] = Object.keys(fields);
  if (entry === undefined || first === undefined) return named;
  return {
    ...named,
    child: (name) => {
      const inner = fields[name];
      const isPacks = named.children().some((child) => child.name === name);
      return inner === undefined || isPacks ? named.child(name) : schemaNode(inner);
    },
    children: () => [
      ...named.children(),
      {
        name: "<name>",
        type: typeInWords(entry),
        description: `One of your own. Its fields: dd-observe explain ${field}.mine, or one of them: ${field}.${first}.`,
      },
    ],
  };
}

function instrumentationNode(plain: Node): Node {
  return {
    ...plain,
    child: (name) => {
      const inner = plain.child(name);
      return name === "env" && inner !== undefined ? variablesNode(inner) : inner;
    },
  };
}

/** Names that the tracers' registries have, and no other. */
function variablesNode(plain: Node): Node {
  return {
    ...plain,
    child: (name) => {
      const schema = variableSchema(name);
      const languages = TRACER_VARIABLES.get(name)?.languages.join(", ") ?? "";
      return schema && schemaNode(schema, [{ name: "languages", value: languages }]);
    },
    children: () => [...TRACER_VARIABLES.keys()].map((name) => asChild(name, variableSchema(name) ?? {})),
    refusal: (name) => {
      const why = refusedVariable(name);
      return why === "unknown" ? undefined : why;
    },
  };
}

function agentNode(plain: Node, packs: readonly Pack[]): Node {
  return namedNode(plain, packs, (pack) =>
    settableOptions(pack).map(([name, option]) => ({
      name,
      schema: optionSchema(option),
      facts: [
        { name: "pack", value: pack.name },
        ...(option.option === undefined ? [] : [{ name: "in the Agent's file", value: option.option }]),
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
        ...conditionFacts(pack, monitor),
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
        ...conditionFacts(pack, slo),
      ],
    })),
  );
}

function commonFacts(pack: Pack, object: { readonly name: string; readonly type: string }): Facts {
  return [
    { name: "pack", value: pack.name },
    { name: "title", value: object.name },
    { name: "type", value: object.type },
  ];
}

function conditionFacts(
  pack: Pack,
  object: { readonly needs?: Needs | undefined; readonly default?: boolean | undefined },
): Facts {
  const needed = conditionsInWords(object.needs, pack.options);
  return [
    ...(needed.length === 0 ? [] : [{ name: "needs", value: needed.join(", and ") }]),
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
  readonly facts: Facts;
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
