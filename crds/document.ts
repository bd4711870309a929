import { LineCounter, isMap, isScalar, parseDocument, type Document, type ParsedNode } from "yaml";
import type { z } from "zod";

import { explainIssue } from "./issues.ts";
import type { Position, Problem } from "./problem.ts";

/** Limits of every text that comes from outside. */
export const DOCUMENT_LIMITS = { bytes: 64 * 1024, depth: 12, aliases: 20 } as const;

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads a YAML or JSON document and holds it against a schema. An empty one is `{}`.
 *
 * Never throws: everything that is wrong becomes a problem with its line and column.
 */
export function readDocument<Schema extends z.ZodType>(
  owner: string,
  text: string,
  schema: Schema,
): Parsed<z.output<Schema>> {
  const size = Buffer.byteLength(text);
  if (size > DOCUMENT_LIMITS.bytes) {
    return fail({
      owner,
      reason: "TooLarge",
      message: `the document has ${size} bytes; at most ${DOCUMENT_LIMITS.bytes} are read`,
    });
  }

  const lines = new LineCounter();
  let document: Document.Parsed<ParsedNode>;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const broken = document.errors[0] ?? document.warnings[0];
    if (broken !== undefined) {
      return fail({
        owner,
        reason: "InvalidYaml",
        message: firstLine(broken.message),
        at: position(lines, broken.pos[0]),
      });
    }
    value = document.toJS({ maxAliasCount: DOCUMENT_LIMITS.aliases }) ?? {};
  } catch (error) {
    return fail(unreadable(owner, error));
  }
  if (depthOf(value) > DOCUMENT_LIMITS.depth) {
    return fail({
      owner,
      reason: "TooDeep",
      message: `the document is nested deeper than ${DOCUMENT_LIMITS.depth} levels`,
    });
  }

  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return {
    ok: false,
    problems: result.error.issues
      .flatMap((issue) => explainIssue(owner, issue, schema, value))
      .map((problem) => locate(problem, document, lines)),
  };
}

/** Adds the place of a problem's path to problems that were found after the schema, such as by a pack. */
export function locateProblems(text: string, problems: readonly Problem[]): readonly Problem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  return problems.map((problem) => locate(problem, document, lines));
}

function fail(problem: Problem): { readonly ok: false; readonly problems: readonly Problem[] } {
  return { ok: false, problems: [problem] };
}

function unreadable(owner: string, error: unknown): Problem {
  if (error instanceof ReferenceError) {
    return {
      owner,
      reason: "TooManyAliases",
      message: `the document uses more than ${DOCUMENT_LIMITS.aliases} aliases, or one that is not defined`,
    };
  }
  if (error instanceof RangeError) {
    return {
      owner,
      reason: "TooDeep",
      message: `the document is nested deeper than ${DOCUMENT_LIMITS.depth} levels`,
    };
  }
  return {
    owner,
    reason: "InvalidYaml",
    message: firstLine(error instanceof Error ? error.message : String(error)),
  };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]!;
}

function depthOf(value: unknown, limit: number = DOCUMENT_LIMITS.depth + 1): number {
  if (typeof value !== "object" || value === null) return 0;
  if (limit === 0) return 1;
  let deepest = 0;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depthOf(inner, limit - 1));
  return deepest + 1;
}

function locate(problem: Problem, document: Document.Parsed<ParsedNode>, lines: LineCounter): Problem {
  if (problem.path === undefined || problem.at !== undefined) return problem;
  const offset = offsetOf(document, problem.path.split("."));
  return offset === undefined ? problem : { ...problem, at: position(lines, offset) };
}

/** Where the key of a path stands. Names may hold dots, so the longest match is tried first. */
function offsetOf(document: Document.Parsed<ParsedNode>, path: readonly string[]): number | undefined {
  let node: unknown = document.contents;
  let found: number | undefined;
  for (let at = 0; at < path.length;) {
    let step: { next: unknown; offset: number | undefined; used: number } | undefined;
    for (let used = path.length - at; used > 0 && step === undefined; used--)
      step = stepInto(node, path.slice(at, at + used).join("."), used);
    if (step === undefined) break;
    found = step.offset ?? found;
    node = step.next;
    at += step.used;
  }
  return found;
}

function stepInto(
  node: unknown,
  name: string,
  used: number,
): { next: unknown; offset: number | undefined; used: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === name);
    if (pair === undefined || !isScalar(pair.key)) return undefined;
    return { next: pair.value, offset: pair.key.range?.[0], used };
  }
  if (typeof node === "object" && node !== null && "items" in node && Array.isArray(node.items)) {
    const item: unknown = node.items[Number(name)];
    if (item === undefined) return undefined;
    const range =
      typeof item === "object" && item !== null && "range" in item && Array.isArray(item.range)
        ? item.range
        : undefined;
    return { next: item, offset: range === undefined ? undefined : Number(range[0]), used };
  }
  return undefined;
}

function position(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}
