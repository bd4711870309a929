import type { ObservedObject } from "./plan.ts";

/**
 * What we know to stand in the other system: what it listed last, and our own writes since.
 *
 * Between two resyncs nobody else is assumed to write, so that a change costs one write and no list.
 * After any failure, and at every resync, the system is read afresh.
 */
export class ObservedCache<Body> {
  #objects = new Map<string, ObservedObject<Body>>();
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

  replace(objects: readonly ObservedObject<Body>[]): void {
    this.#objects = new Map(objects.map((object) => [object.key, object]));
    this.#stale = false;
  }

  set(object: ObservedObject<Body>): void {
    this.#objects.set(object.key, object);
  }

  delete(key: string): void {
    this.#objects.delete(key);
  }

  markStale(): void {
    this.#stale = true;
  }
}
