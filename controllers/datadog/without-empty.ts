import { isObject } from "../monitors/canonical.ts";

/**
 * What is left without nulls, empty texts, lists and objects: Datadog drops some of them, and
 * fills in empty texts where fields are missing (recorded).
 *
 * @param whole Names of fields in whose objects what is empty has a meaning: they stay as they are.
 */
export function withoutEmpty(value: unknown, whole: ReadonlySet<string> = new Set()): unknown {
  if (value === null || value === "") return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutEmpty(item, whole)).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (!isObject(value)) return value;
  const fields = Object.entries(value)
    .map(([name, field]) => {
      return [name, whole.has(name) && isObject(field) ? field : withoutEmpty(field, whole)] as const;
    })
    .filter(([, field]) => field !== undefined);
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}
