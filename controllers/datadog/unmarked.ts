import { MANAGED_BY } from "./mark.ts";
import type { RawObject } from "./kind.ts";
import { withoutMark } from "./text-mark.ts";

/**
 * An object without the mark of any dd-observe, whatever its kind: marks stand among its tags, or as a
 * line of the text that people read of it.
 */
export function unmarked(raw: RawObject): RawObject {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(raw)) result[name] = withoutMarkIn(name, value);
  return result;
}

/** Where a downtime and an entity of the catalog have their fields. */
const ENVELOPES: ReadonlySet<string> = new Set(["attributes", "metadata"]);

function withoutMarkIn(name: string, value: unknown): unknown {
  if (name === "tags" && Array.isArray(value)) {
    return value.filter((tag) => tag !== MANAGED_BY && !String(tag).startsWith("dd-observe-"));
  }
  if ((name === "description" || name === "message") && typeof value === "string") return withoutMark(value);
  if (ENVELOPES.has(name) && typeof value === "object" && value !== null && !Array.isArray(value))
    return unmarked(value as RawObject);
  return value;
}
