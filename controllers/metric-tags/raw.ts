import { isObject } from "../monitors/canonical.ts";
import type { RawObject } from "../datadog/kind.ts";

/** When a configuration was made, in milliseconds as from `Date.now()`. Undefined if Datadog doesn't say. */
export function createdAt(raw: RawObject): number | undefined {
  const text = textIn(raw, "created_at");
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

export function modifiedAt(raw: RawObject): number | undefined {
  const text = textIn(raw, "modified_at");
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** The metric's type, as its configuration has it. */
export function typeOf(raw: RawObject): string | undefined {
  return textIn(raw, "metric_type");
}

function textIn({ attributes }: RawObject, name: string): string | undefined {
  const value = isObject(attributes) ? attributes[name] : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}
