import type { Problem } from "../../crds/problem.ts";

/** A problem of one monitor; the caller knows whose monitor it is and where it stands. `path` is inside the monitor. */
export type MonitorProblem = Omit<Problem, "owner" | "at">;

export function problem(reason: string, path: string, message: string): MonitorProblem {
  return { reason, path, message };
}

/** A query's last part: `… > 0.9`. */
export interface Comparison {
  readonly left: string;
  readonly operator: string;
  /** undefined for the word `threshold`, which stands for `thresholds.critical_query`. */
  readonly threshold: number | undefined;
}

const COMPARISON = /(>=|<=|==|!=|>|<)\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|threshold)\s*$/;

export function splitComparison(query: string): Comparison | undefined {
  const match = COMPARISON.exec(query);
  if (match?.[1] === undefined) return undefined;
  const threshold = match[2] === "threshold" ? undefined : Number(match[2]);
  return { left: query.slice(0, match.index).trim(), operator: match[1], threshold };
}
