import type { ObservedObject } from "../plan/plan.ts";

/**
 * What we know to stand in the other system: what it listed last, and our own writes since.
 *
 * Between two resyncs nobody else is assumed to write, so that a change costs one write and no list. But whoever
 * writes a wish may have adopted its objects a moment before: what is new in it is looked for first.
 * After any failure, and at every resync, the system is read afresh.
 */
export class ObservedCache<Body> {
  #objects = new Map<string, ObservedObject<Body>>();
  /** How many objects each owner has. */
  #counts = new Map<string, number>();
  #changedRefs = new Map<string, string | undefined>();
  #stale = true;
  /** Owners whose wish is another one than when the system was listed last. */
  readonly #changedOwners = new Set<string>();

  get isStale(): boolean {
    return this.#stale;
  }

  get size(): number {
    return this.#objects.size;
  }

  objects(): ReadonlyMap<string, ObservedObject<Body>> {
    return this.#objects;
  }

  /** True if anything of this owner stands there, as far as we know. */
  owns(owner: string): boolean {
    return this.#counts.has(owner);
  }

  /** To be called with those whose wish is another one, before anything is made of it. */
  noteChangedWishes(owners: Iterable<string>): void {
    for (const owner of owners) this.#changedOwners.add(owner);
  }

  /** True if what stands there of this owner was listed before its wish came. */
  isOlderThanWish(owner: string): boolean {
    return this.#changedOwners.has(owner);
  }

  replace(objects: readonly ObservedObject<Body>[]): void {
    const before = this.#objects;
    this.#changedOwners.clear();
    this.#objects = new Map();
    this.#counts = new Map();
    for (const object of objects) this.#put(object);
    for (const key of before.keys()) if (!this.#objects.has(key)) this.#changedRefs.set(key, undefined);
    for (const [key, { ref }] of this.#objects)
      if (before.get(key)?.ref !== ref) this.#changedRefs.set(key, ref);
    this.#stale = false;
  }

  set(object: ObservedObject<Body>): void {
    const { key, ref } = object;
    if (this.#objects.get(key)?.ref !== ref) this.#changedRefs.set(key, ref);
    this.#put(object);
  }

  delete(key: string): void {
    if (this.#objects.has(key)) this.#changedRefs.set(key, undefined);
    this.#remove(key);
  }

  /** Hands out how the other system names what is new or has another name since the last call; undefined for what is gone. */
  takeChangedRefs(): ReadonlyMap<string, string | undefined> {
    const changed = this.#changedRefs;
    this.#changedRefs = new Map();
    return changed;
  }

  #put(object: ObservedObject<Body>): void {
    this.#remove(object.key);
    this.#objects.set(object.key, object);
    this.#counts.set(object.owner, (this.#counts.get(object.owner) ?? 0) + 1);
  }

  #remove(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    const left = (this.#counts.get(before.owner) ?? 1) - 1;
    if (left === 0) this.#counts.delete(before.owner);
    else this.#counts.set(before.owner, left);
  }

  markStale(): void {
    this.#stale = true;
  }
}
