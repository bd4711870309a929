import { isDeepStrictEqual } from "node:util";

import type { DriftedField } from "./drift.ts";
import type { Rewritten } from "./plan.ts";

/** What we know of an object that we wrote: enough to find it again and to tell a person's edit from a new wish. */
export interface Remembered {
  readonly owner: string;
  /** How the other system names it: a monitor's number, a file's path. */
  readonly ref: string;
  /** `hashOf` the wish that was written last. */
  readonly applied: string;
  /** Fields that the other system stored otherwise than they were written. */
  readonly rewritten?: readonly Rewritten[] | undefined;
  /** When it was created, in milliseconds as from `Date.now()`, until a list has shown it. */
  readonly createdAt?: number | undefined;
  /** Fields that a person changed since, as the last pass saw them. */
  readonly drift?: readonly DriftedField[] | undefined;
  /** True if its wish says that it stays. Only of objects that can't carry that themselves. */
  readonly retain?: boolean | undefined;
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

  /** Calls back with the owners of what was moved. */
  onMove: (owners: readonly string[]) => void = () => undefined;

  /** Notes that an object belongs to somebody else now, or is to be kept otherwise. */
  move(key: string, to: { readonly owner: string; readonly retain: boolean }): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    if (before.owner === to.owner && (before.retain ?? false) === to.retain) return;
    const { retain: _before, ...rest } = before;
    this.set(key, { ...rest, owner: to.owner, ...(to.retain ? { retain: true } : {}) });
    this.onMove([before.owner, to.owner]);
  }

  /** Notes which fields people changed since the last write. @returns False if that was known, or if the object isn't remembered. */
  setDrift(key: string, fields: readonly DriftedField[]): boolean {
    const object = this.#objects.get(key);
    if (object === undefined || isDeepStrictEqual(object.drift ?? [], fields)) return false;
    const { drift: _before, ...rest } = object;
    this.#objects.set(key, fields.length === 0 ? rest : { ...rest, drift: fields });
    return true;
  }

  /** Notes that a list has shown the object, so that it is gone when a list doesn't. */
  confirm(key: string): void {
    const object = this.#objects.get(key);
    if (object?.createdAt === undefined) return;
    const { createdAt: _createdAt, ...rest } = object;
    this.#objects.set(key, rest);
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
