import { hash } from "node:crypto";

/**
 * SHA-256 of a value's canonical JSON (keys sorted at every level), 16 hex digits: enough to tell versions of one
 * object apart. What is absent counts as null.
 */
export function hashOf(value: unknown): string {
  return hash("sha256", canonicalJson(value ?? null)).slice(0, 16);
}

/** JSON with the keys of every object sorted, so that equal values give equal text. Undefined fields are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
