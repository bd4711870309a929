import type { Problem } from "../../crds/problem.ts";
import type { DriftByKey } from "../plan/drift.ts";
import type { Action, FieldChange, Withheld } from "../plan/plan.ts";

/** What became of one action. */
export interface Outcome {
  readonly type: Action<unknown>["type"];
  readonly key: string;
  readonly owner: string;
  /** The object's name in the other system, once known. */
  readonly ref: string | undefined;
  readonly changes: readonly FieldChange[];
  /** True if a person had changed the object by hand. */
  readonly drifted: boolean;
  /** What was sent, so that the same isn't sent again where it was refused. Undefined for a delete. */
  readonly sent: unknown;
  readonly durationMs: number;
  readonly error?: Error;
}

/** What one pass saw and did. What did succeed is always in it. */
export interface Report<Body> {
  readonly problems: readonly Problem[];
  readonly outcomes: readonly Outcome[];
  readonly withheld: readonly Withheld<Body>[];
  readonly unchanged: number;
  /** What people changed by hand, as this pass saw it. */
  readonly drift: DriftByKey;
  /** How many actions were not begun, since the run stopped before. */
  readonly left: number;
  /** Owners of these actions. */
  readonly waiting: ReadonlySet<string>;
  /** What stopped the run. */
  readonly error?: Error;
}

/** Of a pass that came to nothing, since its wishes could not be worked out. */
export function reportOf<Body>(error: Error): Report<Body> {
  return {
    problems: [],
    outcomes: [],
    withheld: [],
    unchanged: 0,
    drift: new Map(),
    left: 0,
    waiting: new Set(),
    error,
  };
}
