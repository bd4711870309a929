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

  get(key: string): Remembered | undefined {
    return this.#objects.get(key);
  }

  set(key: string, object: Remembered): void {
    this.#objects.set(key, object);
  }

  delete(key: string): void {
    this.#objects.delete(key);
  }

  get size(): number {
    return this.#objects.size;
  }

  entries(): IterableIterator<[string, Remembered]> {
    return this.#objects.entries();
  }
}
