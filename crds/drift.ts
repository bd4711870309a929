import { z } from "zod";

import { duration, formatDuration, parseDuration } from "./duration.ts";

/** What happens when a person changes something by hand: set right at once, only shown, or set right after a while. */
export type DriftRule = "correct" | "report" | { readonly tolerateMs: number };

/** The rule of an object, and of single fields of it. */
export interface Drift {
  readonly rule: DriftRule;
  /** By the field's path in the other system's names (`options.thresholds.critical`), or by one above it (`options`). */
  readonly fields: Readonly<Record<string, DriftRule>>;
}

/** What holds where nobody says anything. */
export const CORRECT: Drift = { rule: "correct", fields: {} };

const mode = z.enum(["correct", "report"]);
const tolerate = duration.meta({
  description: "How long a change by hand may stand until it is set right.",
  examples: ["4h"],
});
const rule = z.union([mode, z.strictObject({ tolerate })]);

/** A field's path as differences are shown: `options.thresholds.critical`, `message`. */
const fieldPath = z.string().regex(/^[A-Za-z_][\w-]*(?:\.[\w-]+)*$/, {
  error: "must be the path of a field as differences show it, such as options.thresholds.critical",
});

const ruled = z
  .strictObject({
    tolerate,
    rule: rule.meta({
      description: "What holds for the fields that are not named. `correct` unless it is given.",
    }),
    fields: z.record(fieldPath, rule).meta({
      description: "Rules of single fields, by their path in the object.",
      examples: [{ "options.thresholds.critical": { tolerate: "4h" }, message: "report" }],
    }),
  })
  .partial()
  .refine(
    (drift) => (drift.tolerate === undefined) !== (drift.rule === undefined && drift.fields === undefined),
    {
      error: "must be either {tolerate: 4h}, or {rule: …, fields: {…}}",
      // What else is wrong comes first.
      when: ({ issues }) => issues.length === 0,
    },
  );

/** The field `drift` wherever it stands. A later layer replaces it whole. */
export const driftLayer = z.union([mode, ruled]).meta({
  description:
    "What happens when a person changes one of the objects by hand: set right (correct), only shown (report), or set right after a while ({tolerate: 4h}). Single fields may have rules of their own: {rule: correct, fields: {message: report}}.",
  default: "correct",
  examples: ["report", { tolerate: "4h" }],
});
export type DriftLayer = z.infer<typeof driftLayer>;

/** Brings what a document says into one form; what is in that form stays as it is. Where it says nothing, what is inherited holds. */
export function driftOf(layer: DriftLayer | Drift | undefined, inherited: Drift = CORRECT): Drift {
  if (layer === undefined) return inherited;
  if (typeof layer === "string") return { rule: layer, fields: {} };
  if ("tolerate" in layer && layer.tolerate !== undefined)
    return { rule: ruleOf({ tolerate: layer.tolerate }), fields: {} };
  const fields = Object.entries(layer.fields ?? {}).map(([path, text]) => [path, ruleOf(text)] as const);
  return {
    rule: layer.rule === undefined ? "correct" : ruleOf(layer.rule),
    fields: Object.fromEntries(fields),
  };
}

function ruleOf(from: z.infer<typeof rule> | DriftRule): DriftRule {
  if (typeof from === "string" || "tolerateMs" in from) return from;
  // The schema has refused every text that is no duration.
  return { tolerateMs: parseDuration(from.tolerate) ?? 0 };
}

/** The shortest way to write a rule in a document, for people to read. */
export function writtenDrift({ rule: common, fields }: Drift): DriftLayer {
  const own = Object.entries(fields).map(([path, inner]) => [path, writtenRule(inner)] as const);
  return own.length === 0
    ? writtenRule(common)
    : { rule: writtenRule(common), fields: Object.fromEntries(own) };
}

function writtenRule(from: DriftRule): z.infer<typeof rule> {
  return typeof from === "string" ? from : { tolerate: formatDuration(from.tolerateMs) };
}
