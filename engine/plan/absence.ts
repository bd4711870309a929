import { ownerOf, type Plan } from "./plan.ts";

/**
 * Knows since when the owners of existing objects have had no wish. The clock of the grace period:
 * an owner that comes back starts anew. One for all controllers of a role.
 */
export class Absence {
  readonly #since: Map<string, number>;

  /** @param since What an earlier process knew, in milliseconds as from `Date.now()`. */
  constructor(since: Iterable<readonly [string, number]> = []) {
    this.#since = new Map(since);
  }

  get since(): ReadonlyMap<string, number> {
    return this.#since;
  }

  /** Notes which owners of objects that would be deleted are without a wish now. */
  note(plan: Plan<unknown>, hasWish: (owner: string) => boolean, now: number): void {
    const absent = new Set<string>();
    for (const action of plan.actions) {
      if (action.type === "delete" && !hasWish(ownerOf(action))) absent.add(ownerOf(action));
    }
    this.welcomeBack(hasWish);
    for (const owner of absent) {
      if (!this.#since.has(owner)) this.#since.set(owner, now);
    }
  }

  /**
   * Forgets the absence of owners that have a wish again. To be told of every snapshot, not only of those
   * that a pass comes to see: a service may come and go while the other system is down.
   *
   * @returns Those owners.
   */
  welcomeBack(hasWish: (owner: string) => boolean): readonly string[] {
    const back = [...this.#since.keys()].filter(hasWish);
    for (const owner of back) this.#since.delete(owner);
    return back;
  }

  /** Forgets an owner whose last object is gone. */
  forget(owner: string): void {
    this.#since.delete(owner);
  }

  /** When the next grace period ends, in milliseconds as from `Date.now()`. */
  nextEnd(graceMs: number, now: number): number | undefined {
    let next: number | undefined;
    for (const since of this.#since.values()) {
      const end = since + graceMs;
      if (end > now && (next === undefined || end < next)) next = end;
    }
    return next;
  }
}
