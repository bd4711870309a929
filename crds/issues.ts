import { z } from "zod";

import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

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
  if (issue.code === "unrecognized_keys") {
    const known = namesAt(schema, path);
    return issue.keys.map((key) => ({
      owner,
      reason: "UnknownField",
      path: [...path, key].join("."),
      message: `${[...path, key].join(".")} is not a field${didYouMean(key, known)}`,
    }));
  }
  if (issue.code === "invalid_union") {
    const branch = bestBranch(issue.errors, valueAt(value, path));
    if (branch !== undefined) {
      return branch.flatMap((inner) =>
        explainIssue(
          owner,
          { ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue,
          schema,
          value,
        ),
      );
    }
  }
  if (issue.code === "invalid_key") {
    const first = issue.issues[0];
    return [
      {
        owner,
        reason: "InvalidName",
        path: path.join("."),
        message: `${path.join(".")}: the name ${first?.message ?? "is not allowed"}`,
      },
    ];
  }
  return [
    {
      owner,
      reason: "InvalidValue",
      path: path.join("."),
      message: `${path.length === 0 ? "the document" : path.join(".")} ${expectation(issue)}${found(valueAt(value, path))}`,
    },
  ];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${list(issue.values.map(String))}`;
    case "too_big":
      return `must be at most ${String(issue.maximum)}${ofWhat(issue.origin)}`;
    case "too_small":
      return `must be at least ${String(issue.minimum)}${ofWhat(issue.origin)}`;
    case "invalid_union":
      return "is of a kind that is not allowed here";
    default:
      return issue.message;
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
};

function ofWhat(origin: string): string {
  if (origin === "string") return " characters long";
  return origin === "array" ? " entries long" : "";
}

function list(values: readonly string[]): string {
  return values.length < 2 ? values.join("") : `${values.slice(0, -1).join(", ")} or ${values.at(-1)!}`;
}

function found(value: unknown): string {
  if (value === undefined) return "";
  const text = JSON.stringify(value);
  return `, not ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let inner = value;
  for (const name of path)
    inner =
      typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>)[name] : undefined;
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
  return typeof value === "object" ? ofThatKind[0] : undefined;
}

/** The names that a schema allows at a path. */
export function namesAt(schema: z.ZodType, path: readonly string[]): readonly string[] {
  let inner: z.ZodType | undefined = schema;
  for (const name of path) inner = inner === undefined ? undefined : child(inner, name);
  const object = inner === undefined ? undefined : asObject(inner);
  return object === undefined ? [] : Object.keys(object.shape);
}

function child(schema: z.ZodType, name: string): z.ZodType | undefined {
  const object = asObject(schema);
  if (object !== undefined) return object.shape[name] as z.ZodType | undefined;
  const inner = unwrap(schema);
  if (inner instanceof z.ZodRecord) return inner.valueType as z.ZodType;
  if (inner instanceof z.ZodArray) return inner.element as z.ZodType;
  return undefined;
}

function asObject(schema: z.ZodType): z.ZodObject | undefined {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return inner;
  if (inner instanceof z.ZodUnion)
    return inner.options
      .map((option) => asObject(option as z.ZodType))
      .find((option) => option !== undefined);
  return undefined;
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return unwrap(schema.unwrap() as z.ZodType);
  return schema;
}
