/** A place in a document that a person can jump to. Both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Something a person has to put right. Not an exception: it becomes a condition of
 * the service that it concerns, and the other services go on.
 */
export interface Problem {
  /** The service (or the reserved document, such as `_defaults`) that the problem belongs to. */
  readonly owner: string;
  /** CamelCase, stable, for programs: `UnknownField`, `UnknownPack`, `NotAllowed`, … */
  readonly reason: string;
  /** A sentence for people: what is wrong, where, and what would be right. Never a secret. */
  readonly message: string;
  /** Path inside the document, such as `monitors.object-store-pressure.critical`. */
  readonly path?: string;
  readonly at?: Position;
}

/** Prints a problem on one line, with its place where it is known: `ray:3:5: …`. */
export function formatProblem(problem: Problem, source = problem.owner): string {
  const place = problem.at === undefined ? source : `${source}:${problem.at.line}:${problem.at.column}`;
  return `${place}: ${problem.message}`;
}
