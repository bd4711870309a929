import { ownerOf, type Action } from "../plan/plan.ts";
import type { Target } from "./controller.ts";

/** Creates that are written down at once before they are sent: what a successor must look for, if this process dies. */
const MOST_CREATES = 500;

/**
 * The order of a pass. Whoever's wish changed last comes first, with everything: a person waits for it, and
 * thousands of others may be under way.
 *
 * Among those that changed together: creates, then updates, then deletes, so that an object is gone only once
 * what replaces it is there. Deletes go by rank, so that what uses another object goes before it.
 *
 * @param urgent Owners whose wish changed lately; of a higher number later.
 */
export function batchesOf<Body>(
  actions: readonly Action<Body>[],
  urgent: ReadonlyMap<string, number>,
  target: Pick<Target<Body>, "deleteRank">,
): readonly (readonly Action<Body>[])[] {
  const turns = new Map<number, Map<number, Action<Body>[]>>();
  for (const action of actions) {
    const turn = urgent.get(ownerOf(action)) ?? -Infinity;
    let steps = turns.get(turn);
    if (steps === undefined) turns.set(turn, (steps = new Map()));
    const at = stepOf(action, target);
    const step = steps.get(at);
    if (step === undefined) steps.set(at, [action]);
    else step.push(action);
  }
  return [...turns]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .flatMap(([, steps]) => [...steps].sort(([a], [b]) => a - b))
    .flatMap(([, step]) => (step[0]?.type === "create" ? chunksOf(step) : [step]));
}

function stepOf<Body>(action: Action<Body>, target: Pick<Target<Body>, "deleteRank">): number {
  if (action.type === "create") return 0;
  if (action.type === "update") return 1;
  return 2 + (target.deleteRank?.(action.observed.body) ?? 0);
}

function chunksOf<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / MOST_CREATES) }, (_, n) =>
    items.slice(n * MOST_CREATES, (n + 1) * MOST_CREATES),
  );
}
