import { z } from "zod";

import type { Problem } from "./problem.ts";
import { childSchema, fieldsOf, unwrap, whyRefused } from "./schema-walk.ts";
import { didYouMean } from "./suggest.ts";
import { shorten } from "./yaml-text.ts";

/**
 * Says in words what zod found, with the path, what was expected, what stands there,
 * and the nearest right name for one that is unknown.
 */
export function explainIssue(
  owner: string,
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  value: unknown,
): readonly Problem[] {
  const path = issue.path.map(String);
  const place = path.map((name) => shorten(name)).join(".");
  if (issue.code === "unrecognized_keys") {
    const here = schemaAt(schema, path);
    const known = namesAt(schema, path);
    return issue.keys.map((key) => {
      const why = here === undefined ? undefined : whyRefused(here, key);
      const name = `${place === "" ? "" : `${place}.`}${shorten(key)}`;
      return {
        owner,
        reason: why === undefined ? "UnknownField" : "NotAllowed",
        path: [...path, key].join("."),
        message: `${name} ${why ?? `is not a field${didYouMean(key, known) || placeOfField(here, key)}`}`,
      };
    });
  }
  const found = valueAt(value, path);
  if (issue.code === "invalid_union") {
    const branch = bestBranch(issue.errors, found);
    if (branch !== undefined) {
      const [word] = branch;
      if (branch.length === 1 && word?.code === "invalid_value" && word.path.length === 0) {
        const names = namesAt(schema, path);
        const kinds = [anyOf(word.values.map(String)), ...kindWords(issue.errors)].map((kind) =>
          kind === TYPE_WORDS["object"] && names.length > 0 && names.length <= MOST_NAMES
            ? `a mapping with ${anyOf(names)}`
            : kind,
        );
        const message = `${place} must be ${kinds.join(", or ")}, not ${show(found)}`;
        return [{ owner, reason: "InvalidValue", path: path.join("."), message }];
      }
      return branch.flatMap((inner) =>
        explainIssue(owner, { ...inner, path: [...path, ...inner.path] }, schema, value),
      );
    }
  }
  if (issue.code === "invalid_key") {
    const why = issue.issues[0]?.message ?? "is not allowed";
    return [{ owner, reason: "InvalidName", path: path.join("."), message: `${place}: the name ${why}` }];
  }
  const subject = path.length === 0 ? "the document" : place;
  const message =
    found === undefined && path.length > 0
      ? `${subject} is missing; it ${expectation(issue)}`
      : `${subject} ${expectation(issue)}, not ${show(found)}`;
  return [
    { owner, reason: found === undefined ? "MissingField" : "InvalidValue", path: path.join("."), message },
  ];
}

/** More fields than these are for `explain`. */
const MOST_NAMES = 4;

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "custom":
    case "invalid_element":
    case "invalid_key":
    case "not_multiple_of":
    case "unrecognized_keys":
      return issue.message;
    case "invalid_type":
      return `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${anyOf(issue.values.map(String))}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}${ofWhat(issue.origin)}`;
    case "too_small":
      return `must be at least ${String(issue.minimum)}${ofWhat(issue.origin)}`;
    case "invalid_union":
      return `must be ${kindsOf(issue.errors)}`;
    case "invalid_format":
      return issue.message.startsWith("Invalid") ? "has a form that is not allowed" : issue.message;
    default:
      return issue satisfies never;
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  object: "a mapping of names to values",
  record: "a mapping of names to values",
  null: "empty",
};

function ofWhat(origin: string): string {
  if (origin === "string") return " characters long";
  return origin === "array" ? " entries long" : "";
}

/** What each branch of a union takes, in words. */
function kindsOf(branches: readonly (readonly z.core.$ZodIssue[])[]): string {
  const words = kindWords(branches);
  return words.length === 0 ? "of another kind" : words.join(", or ");
}

function kindWords(branches: readonly (readonly z.core.$ZodIssue[])[]): readonly string[] {
  const kinds = branches.map((issues) => issues[0]).filter((issue) => issue?.code === "invalid_type");
  return [...new Set(kinds.map((issue) => TYPE_WORDS[issue.expected] ?? issue.expected))];
}

function anyOf(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(", ")} or ${words.at(-1)!}`;
}

function show(value: unknown): string {
  if (value === null) return "empty";
  if (typeof value === "number") return String(value);
  if (value instanceof Uint8Array) return "bytes";
  return shorten(JSON.stringify(value) ?? typeof value);
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const name of path) {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, name)) return undefined;
    inner = (inner as Record<string, unknown>)[name];
  }
  return inner;
}

/** Of a union's branches, the one that a person meant: that of the value's own kind. */
function bestBranch(
  branches: readonly (readonly z.core.$ZodIssue[])[],
  value: unknown,
): readonly z.core.$ZodIssue[] | undefined {
  const ofThatKind = branches.filter(
    (issues) => !issues.some((issue) => issue.code === "invalid_type" && issue.path.length === 0),
  );
  if (typeof value === "object" && value !== null) {
    // A word that is asked for is never a mapping.
    return ofThatKind.find(
      (issues) => !issues.some(({ code, path }) => code === "invalid_value" && path.length === 0),
    );
  }
  // A text that is too long, say, for the only branch that takes texts.
  return ofThatKind.length === 1 ? ofThatKind[0] : undefined;
}

/** `port` stands inside `endpoint`. Only where a single mapping has the name: else it would be a guess. */
function placeOfField(here: z.ZodType | undefined, key: string): string {
  const above = Object.entries((here === undefined ? undefined : fieldsOf(here)) ?? {}).filter(
    ([, field]) => {
      const inner = unwrap(field);
      return inner instanceof z.ZodObject && Object.hasOwn(inner.shape, key);
    },
  );
  return above.length === 1 ? `; did you mean ${above[0]![0]}.${key}?` : "";
}

/** The names that a schema allows at a path. */
export function namesAt(schema: z.ZodType, path: readonly string[]): readonly string[] {
  const inner = schemaAt(schema, path);
  return inner === undefined ? [] : Object.keys(fieldsOf(inner) ?? {});
}

function schemaAt(schema: z.ZodType, path: readonly string[]): z.ZodType | undefined {
  let inner: z.ZodType | undefined = schema;
  for (const name of path) inner = inner === undefined ? undefined : childSchema(unwrap(inner), name);
  return inner;
}
