import { typeInWords } from "./field-words.ts";
import type { JsonSchema } from "./json-schema.ts";

export interface ExplainedChild {
  readonly name: string;
  readonly type: string;
  readonly description: string;
}

/** What only some fields have, such as a pack's query. */
export type Facts = readonly { readonly name: string; readonly value: string }[];

/** One place of the wish: its schema, and what stands below. */
export interface Node {
  readonly schema: JsonSchema;
  readonly facts: Facts;
  child(name: string): Node | undefined;
  children(): readonly ExplainedChild[];
  /** Why a name can't be there, where there is more to say than that it isn't known. The sentence goes on after the name. */
  refusal?(name: string): string | undefined;
}

export function schemaNode(schema: JsonSchema, facts: Facts = []): Node {
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

export function asChild(name: string, schema: JsonSchema): ExplainedChild {
  return { name, type: typeInWords(schema), description: schema.description ?? "" };
}

/** The fields of a mapping, of a union's branch that is one, or of a list's entries. */
export function fieldsIn(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  const branch = [schema, ...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])];
  return branch.find(({ properties }) => properties !== undefined)?.properties ?? {};
}

export function openFieldIn(schema: JsonSchema): JsonSchema | undefined {
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}
