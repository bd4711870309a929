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

/** So many are looked for one by one; if more are missing from a list, it says something else. */
const MAX_LOOKED_UP = 10;

/**
 * Adds objects that we remember where a list shows only others with their mark: clones that a person made, while the
 * list lags behind the original.
 *
 * @param read Gives an object by its ref if it is there and has this key's mark.
 */
export async function withOriginals<Body>(
  byKey: ByKey,
  { kind, memory }: Ground<Body>,
  read: (ref: string, key: string) => Promise<MarkedObject | undefined>,
): Promise<ByKey> {
  const missing = [...byKey].flatMap(([key, same]) => {
    const ref = memory.get(key)?.ref;
    return ref === undefined || same.some(({ raw }) => kind.refOf(raw) === ref) ? [] : [{ key, ref, same }];
  });
  if (missing.length === 0 || missing.length > MAX_LOOKED_UP) return byKey;
  const whole = new Map(byKey);
  for (const { key, ref, same } of missing) {
    const original = await read(ref, key);
    if (original !== undefined) whole.set(key, [original, ...same]);
  }
  return whole;
}

/**
 * One object for each key. Whoever clones an object copies its mark: ours is the one that we
 * remember, else the oldest. What was once seen as a clone never becomes ours by itself, and what stands beside
 * one that was made moments ago is its clone even if that isn't shown yet.
 *
 * @param clones Refs of what was seen as a clone. Those of this list are added.
 * @param isRecent True if what we remember of a key was made moments ago.
 */
export function pickOurs<Body>(
  byKey: ByKey,
  { kind, memory }: Ground<Body>,
  { clones, isRecent }: { readonly clones: Set<string>; readonly isRecent: (key: string) => boolean },
): { readonly ours: readonly MarkedObject[]; readonly duplicates: ReadonlyMap<string, readonly string[]> } {
  const duplicates = new Map<string, readonly string[]>();
  const picked: MarkedObject[] = [];
  for (const [key, same] of byKey) {
    const remembered = memory.get(key)?.ref;
    const ours =
      same.find(({ raw }) => kind.refOf(raw) === remembered) ??
      (remembered !== undefined && isRecent(key)
        ? undefined
        : same.find(({ raw }) => !clones.has(kind.refOf(raw))));
    const others = same.filter((one) => one !== ours).map(({ raw }) => kind.refOf(raw));
    if (others.length > 0) duplicates.set(key, others);
    for (const ref of others) clones.add(ref);
    if (ours !== undefined) picked.push(ours);
  }
  return { ours: picked, duplicates };
}
