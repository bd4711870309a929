/** One field of a JSON value changed, and everything else as it was. */
export interface FieldEdit {
  /** From the root to the changed field; for an element that was added or taken away, to its list. */
  readonly path: readonly (string | number)[];
  readonly before: unknown;
  readonly after: unknown;
  /** The whole value with the change in it. */
  readonly edited: unknown;
}

/**
 * Changes one field at a time: every leaf becomes another value of its kind, every list loses
 * its last element and gains one. A null is left alone, since its kind is not known.
 */
export function* fieldEdits(value: unknown): Generator<FieldEdit> {
  for (const { path, before, after } of edits(value, [])) {
    yield { path, before, after, edited: replaced(value, path, after) };
  }
}

/** A path as differences name it: a list is compared as a whole, so the path ends there. */
export function differencePath(path: readonly (string | number)[]): string {
  const list = path.findIndex((part) => typeof part === "number");
  return path.slice(0, list === -1 ? undefined : list).join(".");
}

/** The same path for every element of a list: `widgets.*.definition.title`. */
export function patternOf(path: readonly (string | number)[]): string {
  return path.map((part) => (typeof part === "number" ? "*" : part)).join(".");
}

function* edits(value: unknown, path: readonly (string | number)[]): Generator<Omit<FieldEdit, "edited">> {
  if (Array.isArray(value)) {
    if (value.length > 0) yield { path, before: value, after: value.slice(0, -1) };
    yield { path, before: value, after: [...value, another(value.at(-1))] };
    for (const [at, inner] of value.entries()) yield* edits(inner, [...path, at]);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) yield* edits(inner, [...path, name]);
  } else if (path.length > 0 && value !== null) yield { path, before: value, after: another(value) };
}

/** Another value of the same kind. */
function another(value: unknown): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return `${value}x`;
  if (Array.isArray(value)) return [...value, another(value.at(-1))];
  if (typeof value === "object" && value !== null) {
    const [name, inner] = Object.entries(value).find(([field]) => field !== "id") ?? ["added", "x"];
    return { ...value, [name]: another(inner) };
  }
  return "x";
}

function replaced(value: unknown, path: readonly (string | number)[], after: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return after;
  if (Array.isArray(value)) return value.with(Number(part), replaced(value[Number(part)], rest, after));
  const record = value as Readonly<Record<string, unknown>>;
  return { ...record, [part]: replaced(record[part], rest, after) };
}
