import type { JsonSchema } from "./json-schema.ts";

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
