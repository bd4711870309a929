import { matches, type Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";

/** A handle, and where in a document it stands. */
export interface Mention {
  readonly path: string;
  readonly handle: string;
}

const IN_TEXT = /(?<![\p{L}\p{N}._-])@[\p{L}\p{N}_](?:[\p{L}\p{N}_.@-]*[\p{L}\p{N}_-])?/gu;

/** The handles inside a text: Datadog notifies those as well. */
export function handlesIn(text: string): readonly string[] {
  return [...text.matchAll(IN_TEXT)].map(([handle]) => handle);
}

/** Handles that the operator's policy doesn't allow. */
export function checkHandles(
  owner: string,
  mentioned: Iterable<Mention>,
  { handles }: Policy,
): readonly Problem[] {
  if (handles === undefined) return [];
  return [...mentioned]
    .filter(({ handle }) => !handles.some((pattern) => matches(pattern, handle)))
    .map(({ path, handle }) => ({
      owner,
      reason: "NotAllowed",
      path,
      message: `${path}: ${handle} may not be notified by the operator's policy; allowed: ${handles.join(", ")}`,
    }));
}
