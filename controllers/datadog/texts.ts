import { compareText } from "../../engine/plan/plan.ts";

/** What Datadog's JSON holds where a text belongs: nothing and null are the empty text. Ends are trimmed. */
export function trimmed(value: unknown): string {
  return typeof value === "string" ? value.trim() : typeof value === "number" ? String(value) : "";
}

/** A list whose order carries no meaning: trimmed, sorted and unique, without empty texts. */
export function textSet(values: unknown): readonly string[] {
  if (!Array.isArray(values)) return [];
  return [...new Set(values.map(trimmed))].filter((value) => value !== "").sort(compareText);
}
