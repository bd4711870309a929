/** A body in which one thing differs, and the path at which `fieldChanges` has to say so. */
export interface SingleChange<Body> {
  readonly path: string;
  readonly what: string;
  readonly body: Body;
}

/**
 * Every way to change one thing of a body: a value into another of its kind, a list by one
 * element more, one less, or one that differs. The path of a list stands for all within.
 */
export function singleChanges<Body extends object>(body: Body): readonly SingleChange<Body>[] {
  return changesOf(body, "").map(({ path, what, value }) => ({ path, what, body: value as Body }));
}

interface Change {
  readonly path: string;
  readonly what: string;
  readonly value: unknown;
}

function changesOf(value: unknown, path: string): readonly Change[] {
  if (Array.isArray(value)) return listChanges(value, path);
  if (typeof value !== "object" || value === null) {
    return [{ path, what: "another value", value: otherThan(value) }];
  }
  return Object.entries(value).flatMap(([name, field]) =>
    changesOf(field, path === "" ? name : `${path}.${name}`).map((change) => ({
      ...change,
      value: { ...value, [name]: change.value },
    })),
  );
}

/** The last element of a list is left, since some lists are absent when empty. */
function listChanges(list: readonly unknown[], path: string): readonly Change[] {
  const added = [...list, list.length === 0 ? "zz:added" : firstOther(list[0])];
  const changed = list.flatMap((item, at) =>
    changesOf(item, path).map(({ value }) => ({ what: "another element", value: list.with(at, value) })),
  );
  const removed = list.length < 2 ? [] : [{ what: "an element less", value: list.slice(1) }];
  return [{ what: "an element more", value: added }, ...changed, ...removed].map((change) => ({
    path,
    ...change,
  }));
}

function firstOther(item: unknown): unknown {
  return changesOf(item, "")[0]?.value;
}

function otherThan(value: unknown): unknown {
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") return value + 1;
  if (value === null) return "2099-01-01T00:00:00Z";
  if (typeof value !== "string") throw new TypeError(`a ${typeof value} stands in a body`);
  // A later millennium: a start that is past would be another case.
  if (/^\d{4}-\d{2}-\d{2}T/.test(value)) return value.replace(/^\d/, (digit) => String(Number(digit) + 1));
  return /^\d+$/.test(value) ? `${value}1` : `${value}zz`;
}
