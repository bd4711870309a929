import type { DatadogKind, RawObject } from "./kind.ts";
import type { Mark } from "./mark.ts";
import type { MarkedObjectsOptions } from "./marked.ts";

/** An object with our mark. */
export interface MarkedObject {
  readonly mark: Mark;
  readonly raw: RawObject;
}

/** Objects by their keys, each at least one, in the order of the list. */
export type ByKey = ReadonlyMap<string, readonly MarkedObject[]>;

type Ground<Body> = Pick<MarkedObjectsOptions<Body>, "kind" | "memory">;

/** Those of a list that are ours. */
export function groupByKey<Body>(
  objects: readonly RawObject[],
  kind: Pick<DatadogKind<Body>, "markOf">,
): ByKey {
  const byKey = new Map<string, MarkedObject[]>();
  for (const raw of objects) {
    const mark = kind.markOf(raw);
    if (mark === undefined) continue;
    const same = byKey.get(mark.key);
    if (same === undefined) byKey.set(mark.key, [{ mark, raw }]);
    else same.push({ mark, raw });
  }
  return byKey;
}

/** True if a list shows something that we remember. */
export function holdsRemembered<Body>(byKey: ByKey, { kind, memory }: Ground<Body>): boolean {
  return byKey
    .entries()
    .some(([key, same]) => same.some(({ raw }) => kind.refOf(raw) === memory.get(key)?.ref));
}

/**
 * One object for each key. Whoever clones an object copies its mark: ours is the one that we
 * remember, else the oldest. What was once seen as a clone never becomes ours by itself.
 *
 * @param clones Refs of what was seen as a clone. Those of this list are added.
 */
export function pickOurs<Body>(
  byKey: ByKey,
  { kind, memory }: Ground<Body>,
  clones: Set<string>,
): { readonly ours: readonly MarkedObject[]; readonly duplicates: ReadonlyMap<string, readonly string[]> } {
  const duplicates = new Map<string, readonly string[]>();
  const picked: MarkedObject[] = [];
  for (const [key, same] of byKey) {
    const remembered = memory.get(key)?.ref;
    const ours =
      same.find(({ raw }) => kind.refOf(raw) === remembered) ??
      same.find(({ raw }) => !clones.has(kind.refOf(raw)));
    const others = same.filter((one) => one !== ours).map(({ raw }) => kind.refOf(raw));
    if (others.length > 0) duplicates.set(key, others);
    for (const ref of others) clones.add(ref);
    if (ours !== undefined) picked.push(ours);
  }
  return { ours: picked, duplicates };
}
