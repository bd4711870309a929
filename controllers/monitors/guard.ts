import { hashOf } from "../../engine/hash.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import { compareText } from "../../engine/plan/plan.ts";
import { RefusedError, type RefusalReason } from "../../engine/plan/refused.ts";

/** True if a person has approved this situation by its hash. */
export type Approval = (reason: RefusalReason, hash: string) => boolean;

/** So few objects are looked up one by one rather than asking a person. */
const MAX_LOOKED_UP = 10;

/** Stops everything if the keys suddenly open another organisation: all our objects would seem to be gone. */
export function expectOrganisation(
  remembered: number | undefined,
  found: number,
  isApproved: Approval = () => false,
): void {
  if (remembered === undefined || remembered === found) return;
  const hash = hashOf({ reason: "OtherOrganisation", remembered, found });
  if (isApproved("OtherOrganisation", hash)) return;
  throw new RefusedError(
    "OtherOrganisation",
    hash,
    `The Datadog keys belong to organisation ${found}; until now they belonged to ${remembered}. Nothing is written.`,
  );
}

/** How to tell whether a remembered object is really missing. */
export interface Missing {
  /** True if there is no such object. Asks for it by its id. */
  readonly isGone: (id: number) => Promise<boolean>;
  /** True if it was written so short a time ago that a list may not show it yet. */
  readonly isRecent: (key: string) => boolean;
}

/**
 * Called where the list of our objects is empty though we remember some. A list call was seen to
 * answer with nothing and thereby to have everything created again (barkdog#15).
 *
 * @throws {RefusedError} unless all of them are really gone, or a person has approved it.
 */
export async function expectSomething(
  memory: Memory,
  { isGone, isRecent }: Missing,
  isApproved: Approval = () => false,
): Promise<void> {
  const entries = [...memory.entries()].filter(([key]) => !isRecent(key));
  if (entries.length === 0) return;
  const keys = entries.map(([key]) => key).sort(compareText);
  const hash = hashOf({ reason: "SuspiciouslyEmpty", keys });
  const ids = entries.map(([, { ref }]) => Number(ref));
  const isTrue = entries.length <= MAX_LOOKED_UP && (await allGone(ids, isGone));
  if (!isTrue && !isApproved("SuspiciouslyEmpty", hash)) {
    const message = `Datadog lists no monitor of ours, yet ${entries.length} are remembered, such as ${keys[0]}. Nothing is written.`;
    throw new RefusedError("SuspiciouslyEmpty", hash, message);
  }
  for (const key of keys) memory.delete(key);
}

async function allGone(ids: readonly number[], isGone: (id: number) => Promise<boolean>): Promise<boolean> {
  for (const id of ids) if (!(await isGone(id))) return false;
  return true;
}
