import type { DriftedField } from "../plan/drift.ts";
import type { Memory } from "../plan/memory.ts";
import { keyOf } from "../plan/plan.ts";
import type { Board } from "../status/board.ts";
import type { Report } from "./report.ts";

/** Remembers what people changed by hand and since when, from one pass to the next and for the next process. */
export class DriftNotes {
  readonly #memory: Memory;
  readonly #board: Pick<Board, "touch">;
  /** Keys of objects that have such a note. Undefined before the first pass: then an earlier process may have left some. */
  #noted: ReadonlySet<string> | undefined;

  constructor(memory: Memory, board: Pick<Board, "touch">) {
    this.#memory = memory;
    this.#board = board;
  }

  /** Takes over what a pass saw. What was set right, by us or by whoever did it, is no longer noted. */
  note({ drift, outcomes, withheld, error }: Report<unknown>): void {
    // Such a pass may have seen nothing at all.
    if (error !== undefined && drift.size === 0) return;
    const mended = new Set(outcomes.filter((outcome) => outcome.error === undefined).map(({ key }) => key));
    // Whether these were changed was not looked at, as in a pause: the time of an edit goes on.
    const unseen = new Set(withheld.map(({ action }) => keyOf(action)));
    const noted = new Set<string>();
    for (const [key, fields] of drift) {
      const left = mended.has(key) ? fields.filter(({ until }) => until !== undefined) : fields;
      if (left.length > 0) noted.add(key);
      this.#set(key, left);
    }
    for (const key of this.#noted ?? this.#inherited()) {
      if (drift.has(key)) continue;
      if (unseen.has(key)) noted.add(key);
      else this.#set(key, []);
    }
    this.#noted = noted;
  }

  #set(key: string, fields: readonly DriftedField[]): void {
    if (this.#memory.setDrift(key, fields)) this.#board.touch(this.#memory.get(key)!.owner);
  }

  #inherited(): readonly string[] {
    return [...this.#memory.entries()].flatMap(([key, { drift = [] }]) => (drift.length > 0 ? [key] : []));
  }
}
