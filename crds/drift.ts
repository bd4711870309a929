/** What happens to a difference that a person made by hand: set right at once, only shown, or set right after a while. */
export type DriftRule = "correct" | "report" | { readonly tolerateMs: number };

/** How edits of one object are treated, field by field. */
export interface Drift {
  readonly rule: DriftRule;
  /** By the field's path (`options.thresholds.critical`), or by one above it (`options`). */
  readonly fields: Readonly<Record<string, DriftRule>>;
}

/** What a wish says of drift, in its full form. */
export function driftOf(drift: Drift | "correct" | "report"): Drift {
  return typeof drift === "string" ? { rule: drift, fields: {} } : drift;
}
