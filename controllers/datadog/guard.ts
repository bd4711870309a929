import { hashOf } from "../../engine/hash.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import { compareText } from "../../engine/plan/plan.ts";
import { RefusedError } from "../../engine/plan/refused.ts";
import type { Approval } from "./organisation.ts";

/** So few objects are looked up one by one rather than asking a person. */
const MAX_LOOKED_UP = 10;

export interface EmptyList {
  readonly noun: string;
  readonly memory: Memory;
  /** True if there is no such object. Asks for it by its id. */
  readonly isGone: (ref: string) => Promise<boolean>;
  /** True if it was written so short a time ago that a list may not show it yet. */
  readonly isRecent: (key: string) => boolean;
  /** True if somebody still wishes it, so that it is made again rather than forgotten. */
  readonly isWished: (key: string) => boolean;
  readonly isApproved: Approval;
}

/**
 * Called where the list of our objects is empty though we remember some. A list call was seen to
 * answer with nothing and thereby to have everything created again (barkdog#15).
 *
 * @throws {RefusedError} unless all of them are really gone, or a person has approved it.
 */
export async function expectSomething(empty: EmptyList): Promise<void> {
  const { noun, memory, isGone, isRecent, isWished, isApproved } = empty;
  const entries = [...memory.entries()].filter(
    // What somebody deleted by hand, and is known to be gone, is looked up once.
    ([key, { drift = [] }]) => !isRecent(key) && !drift.some(({ path }) => path === ""),
  );
  if (entries.length === 0) return;
  const keys = entries.map(([key]) => key).sort(compareText);
  const hash = hashOf({ reason: "SuspiciouslyEmpty", keys });
  const refs = entries.map(([, { ref }]) => ref);
  const isTrue = entries.length <= MAX_LOOKED_UP && (await allGone(refs, isGone));
  if (!isTrue && !isApproved("SuspiciouslyEmpty", hash)) {
    const message = `Datadog lists no ${noun} of ours, yet ${entries.length} are remembered, such as ${keys[0]}. Nothing is written.`;
    throw new RefusedError("SuspiciouslyEmpty", hash, message);
  }
  for (const key of keys) if (!isWished(key)) memory.delete(key);
}

async function allGone(refs: readonly string[], isGone: (ref: string) => Promise<boolean>): Promise<boolean> {
  for (const ref of refs) if (!(await isGone(ref))) return false;
  return true;
}
