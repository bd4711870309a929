/** How a map was made of an earlier one. */
interface Origin {
  /** Held loosely, so that no chain of old maps stays in memory. */
  readonly before: WeakRef<ReadonlyMap<unknown, unknown>>;
  readonly keys: ReadonlySet<unknown>;
}

const origins = new WeakMap<ReadonlyMap<unknown, unknown>, Origin>();

/** A map of 10,000 takes 4 ms to copy, which is as long as all the rest of a change. */
const LARGE = 512;
/** A large map is copied once in so many changed keys. */
const MOST_OVER = 64;

/**
 * Makes a map with other values for some keys; undefined takes a key out.
 *
 * @returns `before` itself if nothing differs.
 */
export function patched<Key, Value extends {}>(
  before: ReadonlyMap<Key, Value>,
  changes: ReadonlyMap<Key, Value | undefined>,
): ReadonlyMap<Key, Value> {
  const keys = new Set<Key>();
  for (const [key, value] of changes) if (before.get(key) !== value) keys.add(key);
  if (keys.size === 0) return before;
  const after = changed(before, keys, changes);
  origins.set(after, { before: new WeakRef(before), keys });
  return after;
}

function changed<Key, Value extends {}>(
  before: ReadonlyMap<Key, Value>,
  keys: ReadonlySet<Key>,
  changes: ReadonlyMap<Key, Value | undefined>,
): ReadonlyMap<Key, Value> {
  if (before.size >= LARGE) {
    const [base, over] =
      before instanceof Overlay ? [before.base, new Map(before.over)] : [before, new Map()];
    for (const key of keys) over.set(key, changes.get(key));
    if (over.size <= MOST_OVER) return new Overlay<Key, Value>(base, over);
  }
  const after = new Map(before);
  for (const key of keys) {
    const value = changes.get(key);
    if (value === undefined) after.delete(key);
    else after.set(key, value);
  }
  return after;
}

/** A few changes that lie over a large map. */
class Overlay<Key, Value extends {}> implements ReadonlyMap<Key, Value> {
  readonly base: ReadonlyMap<Key, Value>;
  /** Undefined for what is gone. */
  readonly over: ReadonlyMap<Key, Value | undefined>;
  readonly size: number;

  constructor(base: ReadonlyMap<Key, Value>, over: ReadonlyMap<Key, Value | undefined>) {
    this.base = base;
    this.over = over;
    let size = base.size;
    for (const [key, value] of over) size += Number(value !== undefined) - Number(base.has(key));
    this.size = size;
  }

  get(key: Key): Value | undefined {
    return this.over.has(key) ? this.over.get(key) : this.base.get(key);
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[Key, Value]> {
    for (const entry of this.base) if (!this.over.has(entry[0])) yield entry;
    for (const [key, value] of this.over) if (value !== undefined) yield [key, value];
  }

  *keys(): MapIterator<Key> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<Value> {
    for (const [key, value] of this.base) if (!this.over.has(key)) yield value;
    for (const value of this.over.values()) if (value !== undefined) yield value;
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.entries();
  }

  forEach(visit: (value: Value, key: Key, map: ReadonlyMap<Key, Value>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }
}

/**
 * Finds the keys that may have other values in `after` than in `before`, those that came or went included.
 *
 * Costs what has changed if `after` was made of `before` by `patched`, in however many steps; else it looks at everything.
 */
export function changedKeys<Key, Value extends {}>(
  before: ReadonlyMap<Key, Value>,
  after: ReadonlyMap<Key, Value>,
): ReadonlySet<Key> {
  const keys = new Set<Key>();
  let map: ReadonlyMap<unknown, unknown> | undefined = after;
  while (map !== undefined) {
    if (map === before) return keys;
    const origin: Origin | undefined = origins.get(map);
    // The values of one map have one type of keys from the first to the last.
    for (const key of origin?.keys ?? []) keys.add(key as Key);
    map = origin?.before.deref();
  }
  return differentKeys(before, after);
}

function differentKeys<Key, Value extends {}>(
  before: ReadonlyMap<Key, Value>,
  after: ReadonlyMap<Key, Value>,
): ReadonlySet<Key> {
  const keys = new Set<Key>();
  for (const [key, value] of after) if (before.get(key) !== value) keys.add(key);
  for (const key of before.keys()) if (!after.has(key)) keys.add(key);
  return keys;
}
