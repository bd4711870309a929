/** How a map was made of an earlier one. */
interface Origin {
  /** Held loosely, so that no chain of old maps stays in memory. */
  readonly before: WeakRef<ReadonlyMap<unknown, unknown>>;
  readonly keys: ReadonlySet<unknown>;
}

const origins = new WeakMap<ReadonlyMap<unknown, unknown>, Origin>();

/**
 * Copies a map with other values for some keys; undefined takes a key out.
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
  const after = new Map(before);
  for (const key of keys) {
    const value = changes.get(key);
    if (value === undefined) after.delete(key);
    else after.set(key, value);
  }
  origins.set(after, { before: new WeakRef(before), keys });
  return after;
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
