import type { ObservedObject } from "../plan/plan.ts";

/**
 * What we know to stand in the other system: what it listed last, and our own writes since.
 *
 * Between two resyncs nobody else is assumed to write, so that a change costs one write and no list.
 * After any failure, and at every resync, the system is read afresh.
 */
export class ObservedCache<Body> {
  #objects = new Map<string, ObservedObject<Body>>();
  /** How many objects each owner has. */
  #counts = new Map<string, number>();
  #stale = true;

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

  replace(objects: readonly ObservedObject<Body>[]): void {
    this.#objects = new Map();
    this.#counts = new Map();
    for (const object of objects) this.set(object);
    this.#stale = false;
  }

  set(object: ObservedObject<Body>): void {
    this.delete(object.key);
    this.#objects.set(object.key, object);
    this.#counts.set(object.owner, (this.#counts.get(object.owner) ?? 0) + 1);
  }

  delete(key: string): void {
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
