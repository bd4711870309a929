import { hashOf } from "../hash.ts";
import type { Memory } from "../plan/memory.ts";
import { isKeptDrift } from "../plan/drift.ts";
import { isSame, keyOf, type Desired } from "../plan/plan.ts";
import type { Board } from "../status/board.ts";
import type { ObservedCache } from "./observed.ts";
import type { Report } from "./report.ts";

export interface FoundOptions<Body> {
  readonly cache: ObservedCache<Body>;
  readonly memory: Memory | undefined;
  readonly board: Board;
}

/**
 * Remembers what stands there as it is wished, as if we had written it, whoever made it so: an adopted object, one
 * whose status was lost, or a wish that follows an edit. Otherwise the next edit of it could not be told from a new wish.
 * Edits that stay by the wish's own rules are no difference.
 */
export class Found<Body> {
  readonly #options: FoundOptions<Body>;
  /** A wish stays the same object from pass to pass. */
  readonly #hashes = new WeakMap<object, string>();

  constructor(options: FoundOptions<Body>) {
    this.#options = options;
  }

  note({ objects }: Desired<Body>, { withheld }: Pick<Report<Body>, "withheld">): void {
    const { cache, memory, board } = this.#options;
    if (memory === undefined) return;
    const standing = cache.objects();
    const edited = new Set(withheld.filter(isKeptDrift).map(({ action }) => keyOf(action)));
    for (const [key, { owner, body, wished = body }] of objects) {
      const found = standing.get(key);
      if (found === undefined) continue;
      const applied = this.#hashOf(wished);
      const before = memory.get(key);
      if (before?.ref === found.ref && before.applied === applied) continue;
      if (!edited.has(key) && !isSame(found.body, body)) continue;
      memory.set(key, { owner, ref: found.ref, applied });
      cache.set({ ...found, owner, applied });
      board.touch(owner);
    }
  }

  #hashOf(wished: Body): string {
    if (typeof wished !== "object" || wished === null) return hashOf(wished);
    let known = this.#hashes.get(wished);
    if (known === undefined) this.#hashes.set(wished, (known = hashOf(wished)));
    return known;
  }
}
