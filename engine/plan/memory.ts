/** What we know of an object that we wrote: enough to find it again and to tell a person's edit from a new wish. */
export interface Remembered {
  readonly owner: string;
  /** How the other system names it: a monitor's number, a file's path. */
  readonly ref: string;
  /** `hashOf` the body that was written last. */
  readonly applied: string;
}

/**
 * The objects of one controller that we remember, by key. A hint, never the truth:
 * the marks on the objects decide whose they are. Kept in the status of each service.
 */
export class Memory {
  readonly #objects = new Map<string, Remembered>();
  readonly #keysOf = new Map<string, Set<string>>();

  get(key: string): Remembered | undefined {
    return this.#objects.get(key);
  }

  set(key: string, object: Remembered): void {
    this.delete(key);
    this.#objects.set(key, object);
    const keys = this.#keysOf.get(object.owner);
    if (keys === undefined) this.#keysOf.set(object.owner, new Set([key]));
    else keys.add(key);
  }

  delete(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    const keys = this.#keysOf.get(before.owner);
    keys?.delete(key);
    if (keys?.size === 0) this.#keysOf.delete(before.owner);
  }

  /** The objects of one owner, without a look at the others. */
  ofOwner(owner: string): readonly (readonly [string, Remembered])[] {
    return [...(this.#keysOf.get(owner) ?? [])].map((key) => [key, this.#objects.get(key)!] as const);
  }

  get size(): number {
    return this.#objects.size;
  }

  entries(): IterableIterator<[string, Remembered]> {
    return this.#objects.entries();
  }
}
