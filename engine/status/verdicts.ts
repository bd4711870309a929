import type { Condition } from "./status.ts";

/**
 * What a look at the other side says of owners whose objects stand as wished. It takes the place of `Synced` in the
 * controller's own condition; what went wrong in a pass comes before it.
 */
export class Verdicts {
  readonly #byOwner = new Map<string, Condition>();
  /** Of whom a pass said last that all is as wished, and how. */
  readonly #synced = new Map<string, Condition>();

  /** What is to be told where a pass says this. */
  refine(owner: string, said: Condition): Condition {
    if (said.reason !== "Synced") {
      this.#synced.delete(owner);
      return said;
    }
    this.#synced.set(owner, said);
    return this.#byOwner.get(owner) ?? said;
  }

  /**
   * Takes the verdicts of a new look, in place of all that were there.
   *
   * @returns What is to be told now, by owner: of a verdict that went, what the pass said.
   */
  replace(found: ReadonlyMap<string, Condition>): ReadonlyMap<string, Condition> {
    const told = new Map<string, Condition>();
    for (const owner of this.#byOwner.keys()) {
      const said = this.#synced.get(owner);
      if (!found.has(owner) && said !== undefined) told.set(owner, said);
    }
    this.#byOwner.clear();
    for (const [owner, condition] of found) {
      this.#byOwner.set(owner, condition);
      if (this.#synced.has(owner)) told.set(owner, condition);
    }
    return told;
  }
}
