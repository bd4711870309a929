import type { OptionType } from "./tables.ts";

/** One class of a check's `config_models`: pydantic, in the spelling of version 1 or 2. */
export interface Model {
  readonly fields: Readonly<Record<string, OptionType>>;
  readonly required: readonly string[];
}

const CLASS = /^class (\w+)\(BaseModel\):/;
const FIELD = /^ {4}(\w+): (.+?)(?: = (?:None|Field\(.*\)))?$/;
const OPEN = /extra\s*=\s*(?:'allow'|Extra\.allow)/;

/** Reads the classes of a file by name. A class may name those before it. */
export function readModels(python: string): ReadonlyMap<string, Model> {
  const models = new Map<string, Model>();
  const types = new Map<string, OptionType>();
  for (const block of python.split(/^(?=class )/m)) {
    const name = CLASS.exec(block)?.[1];
    if (name === undefined) continue;
    const fields: Record<string, OptionType> = {};
    const required: string[] = [];
    for (const line of block.split("\n")) {
      const field = FIELD.exec(line);
      if (field === null) continue;
      const [, option = "", annotation = ""] = field;
      fields[option] = typeOf(annotation, types);
      if (!annotation.startsWith("Optional[")) required.push(option);
    }
    models.set(name, { fields, required });
    types.set(name, OPEN.test(block) ? { fields, isOpen: true } : { fields });
  }
  return models;
}

const PLAIN: Readonly<Record<string, OptionType>> = {
  Any: "any",
  bool: "boolean",
  int: "integer",
  float: "number",
  str: "text",
};

/** @throws {Error} on an annotation that no model had so far, so that nothing is taken for what it isn't. */
function typeOf(annotation: string, classes: ReadonlyMap<string, OptionType>): OptionType {
  const plain = PLAIN[annotation] ?? classes.get(annotation);
  if (plain !== undefined) return plain;
  const [, outer = "", inner = ""] = /^(\w+)\[(.*)\]$/.exec(annotation) ?? [];
  const parts = split(inner);
  const [first = "", second = ""] = parts;
  switch (outer) {
    case "Optional":
      return typeOf(inner, classes);
    case "Union":
      return { either: parts.map((part) => typeOf(part, classes)) };
    case "Sequence":
    case "tuple":
      return { list: typeOf(first, classes) };
    case "Mapping":
    case "MappingProxyType":
      return { map: typeOf(second, classes) };
    case "Literal":
      return { values: parts.map((part) => part.replaceAll("'", "")) };
    default:
      throw new Error(`${annotation} is no type that is known here`);
  }
}

/** Splits at the commas that stand in no bracket. */
function split(text: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const char of text) {
    if (char === "[") depth++;
    if (char === "]") depth--;
    if (char === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += char;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}
