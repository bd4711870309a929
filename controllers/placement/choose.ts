import { hashOf } from "../../engine/hash.ts";
import { compareText } from "../../engine/plan/plan.ts";

/** Where one service's work for one machine is done, and since when that machine can't do it. */
export interface Place {
  readonly node: string;
  /** When the node was first found to be no candidate any more, ms. Undefined while it is one. */
  readonly lostAtMs?: number | undefined;
}

/**
 * How long a chosen node must be gone until another is chosen. By then the old one has stopped: a service that has left
 * a machine loses its file there after a minute of grace, and an Agent that polls its files forgets it a minute later.
 */
export const HAND_OVER_MS = 180_000;

/**
 * Chooses one of the nodes that can do a service's work. Sticky: whoever is chosen stays it while they can, and for a
 * while longer. Pure: the same candidates give the same choice, and a candidate that comes or goes moves no other choice.
 *
 * @param before What was chosen last. Undefined if nobody is.
 * @param candidates Names of nodes.
 * @returns undefined while there is nobody to choose.
 */
export function choose(
  service: string,
  before: Place | undefined,
  candidates: ReadonlySet<string>,
  nowMs: number,
): Place | undefined {
  if (before !== undefined) {
    if (candidates.has(before.node)) return { node: before.node };
    const lostAtMs = before.lostAtMs ?? nowMs;
    if (nowMs - lostAtMs < HAND_OVER_MS) return { node: before.node, lostAtMs };
  }
  const node = firstOf(service, candidates);
  if (node !== undefined) return { node };
  // Nobody else can: it may come back, and until then it does no harm.
  return before;
}

/** Spreads services over the nodes: each has its own order of them. */
function firstOf(service: string, candidates: ReadonlySet<string>): string | undefined {
  const ranked = [...candidates].map((node) => ({ node, rank: hashOf({ service, node }) }));
  return ranked.sort((a, b) => compareText(a.rank, b.rank) || compareText(a.node, b.node))[0]?.node;
}
