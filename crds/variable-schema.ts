import type { JsonSchema } from "./json-schema.ts";
import { readersOf, TRACER_VARIABLES, type TracerVariable, type VariableType } from "./tracer-variables.ts";

/** What a type is for a person, and what its text is where that isn't plain. */
const TYPES: Readonly<Record<VariableType, { readonly type: string; readonly text?: string }>> = {
  string: { type: "string" },
  boolean: { type: "boolean" },
  int: { type: "integer" },
  decimal: { type: "number" },
  array: { type: "string", text: "A list, joined by commas." },
  map: { type: "string", text: "Pairs name:value, joined by commas." },
  json: { type: "string", text: "JSON." },
};

/** One variable of the tracers, as it is explained. Undefined for a name that can't be wished. */
export function variableSchema(name: string): JsonSchema | undefined {
  const known = TRACER_VARIABLES.get(name);
  return known === undefined
    ? undefined
    : { type: TYPES[known.type].type, description: described(name, known) };
}

function described(name: string, { type }: TracerVariable): string {
  const readers = `Read by ${readersOf(name).join(" and ")}.`;
  const { text } = TYPES[type];
  return text === undefined ? readers : `${text} ${readers}`;
}

/** Texts and plain values alike, since a variable is a text in the end. As `wrongVariable` has it, as far as a schema can say. */
const VALUES: Readonly<Record<VariableType, JsonSchema>> = {
  boolean: { enum: [true, false, "true", "false", 1, 0, "1", "0"] },
  int: { anyOf: [{ type: "integer" }, { type: "string", pattern: "^-?[0-9]{1,15}$" }] },
  decimal: { anyOf: [{ type: "number" }, { type: "string", pattern: "^-?[0-9]{1,15}([.][0-9]{1,15})?$" }] },
  json: { anyOf: [{ type: "string" }, { type: "number" }, { type: "boolean" }] },
  string: { anyOf: [{ type: "string" }, { type: "number" }, { type: "boolean" }] },
  array: { anyOf: [{ type: "string" }, { type: "number" }, { type: "boolean" }] },
  map: { anyOf: [{ type: "string" }, { type: "number" }, { type: "boolean" }] },
};

/** The names for editors. Hundreds of them share a few definitions. */
export function variableNames(): Readonly<
  Record<"properties" | "definitions", Readonly<Record<string, JsonSchema>>>
> {
  const properties: Record<string, JsonSchema> = {};
  const definitions: Record<string, JsonSchema> = {};
  for (const [name, known] of TRACER_VARIABLES) {
    const { type, languages } = known;
    const shared = ["variable", name.split("_", 1)[0]!.toLowerCase(), type, ...languages].join("-");
    definitions[shared] ??= { description: described(name, known), ...VALUES[type] };
    properties[name] = { $ref: `#/definitions/${shared}` };
  }
  return { properties, definitions };
}
