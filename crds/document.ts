import type { z } from "zod";

import { explainIssue } from "./issues.ts";
import type { Problem } from "./problem.ts";
import { finderIn, readYaml, type TextLimits, type YamlText } from "./yaml-text.ts";

export { DOCUMENT_LIMITS, PACK_FILE_LIMITS } from "./yaml-text.ts";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** A text can be wrong in thousands of places; more than this helps nobody. */
const MAX_PROBLEMS = 20;

/**
 * Reads a YAML or JSON document and holds it against a schema. An empty one is `{}`.
 *
 * Never throws: everything that is wrong becomes a problem with its line and column.
 */
export function readDocument<Schema extends z.ZodType>(
  owner: string,
  text: string,
  schema: Schema,
  limits?: TextLimits,
): Parsed<z.output<Schema>> {
  const yaml = readYaml(owner, text, limits);
  if ("reason" in yaml) return { ok: false, problems: [yaml] };

  const result = schema.safeParse(yaml.value);
  if (result.success) return { ok: true, value: result.data };
  const problems = explained(owner, result.error.issues, schema, yaml.value);
  return { ok: false, problems: problems.map((problem) => locate(problem, yaml.find)) };
}

/** What a schema found, in words, and no more of it than helps. */
export function explained(
  owner: string,
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  value: unknown,
): readonly Problem[] {
  return capped(
    owner,
    issues.flatMap((issue) => explainIssue(owner, issue, schema, value)),
  );
}

/** Adds the place of a problem's path to problems that were found after the schema, such as by a pack. */
export function locateProblems(text: string, problems: readonly Problem[]): readonly Problem[] {
  const find = finderIn(text);
  return problems.map((problem) => locate(problem, find));
}

function capped(owner: string, problems: readonly Problem[]): readonly Problem[] {
  // Two rules may say the same of one value.
  const byPlace = new Map(problems.map((problem) => [`${problem.path}\0${problem.reason}`, problem]));
  const distinct = [...byPlace.values()];
  if (distinct.length <= MAX_PROBLEMS) return distinct;
  const message = `${distinct.length - MAX_PROBLEMS} more problems are not shown`;
  return [...distinct.slice(0, MAX_PROBLEMS), { owner, reason: "TooManyProblems", message }];
}

function locate(problem: Problem, find: YamlText["find"]): Problem {
  if (problem.path === undefined || problem.at !== undefined) return problem;
  const at = find(problem.path);
  return at === undefined ? problem : { ...problem, at };
}
