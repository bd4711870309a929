import { ApiError, toError } from "../../clients/errors.ts";
import { driftOf } from "../../crds/drift.ts";
import { hashOf } from "../../engine/hash.ts";
import type { DesiredObject, ObservedObject } from "../../engine/plan/plan.ts";
import type { RawObject } from "./kind.ts";
import type { BackupReason, MarkedObjectsOptions } from "./marked.ts";

/**
 * @returns True if others use the object and a person has approved that it goes all the same.
 * @throws {ApiError} `inUse` if nobody has.
 */
export async function mustForce<Body>(
  { kind, isApproved }: Pick<MarkedObjectsOptions<Body>, "kind" | "isApproved">,
  {
    tried,
    observed: { key, ref },
    signal,
  }: {
    readonly tried: string;
    readonly observed: Pick<ObservedObject<Body>, "key" | "ref">;
    readonly signal: AbortSignal;
  },
): Promise<boolean> {
  const users = (await kind.hindrances?.(ref, { signal })) ?? [];
  if (users.length === 0) return false;
  const hash = hashOf({ force: key, ref, users }).slice(0, 12);
  if (isApproved?.("InUse", hash) === true) return true;
  throw new ApiError(tried, users.join("; "), {
    failure: "inUse",
    hint: `It goes by itself when nothing uses it any more. To delete it all the same: dd-observe approve ${hash}`,
  });
}

/** What can't be kept is neither deleted nor overwritten. */
export async function keepBackup(
  { onBackup }: Pick<MarkedObjectsOptions<never>, "onBackup">,
  {
    tried,
    reason,
    key,
    raw,
  }: {
    readonly tried: string;
    readonly reason: BackupReason;
    readonly key: string;
    readonly raw: RawObject;
  },
): Promise<void> {
  try {
    await onBackup?.(reason, key, JSON.stringify(raw));
  } catch (error) {
    throw new ApiError(tried, `its backup could not be stored (${toError(error).message})`, {
      failure: "unavailable",
      cause: error,
      hint: "Nothing is deleted or overwritten without one. Check Consul and the token's rights below backups/.",
    });
  }
}

/** A person did something to an object since it was looked at, and may have meant it to stay. */
export function changedMeanwhile(tried: string): ApiError {
  return new ApiError(tried, "somebody changed it a moment ago; it is looked at again", {
    failure: "ambiguous",
  });
}

/** True if an edit of some field may be one to keep. */
export function mayKeepDrift(drift: DesiredObject<unknown>["drift"]): boolean {
  const { rule, fields } = driftOf(drift);
  return rule !== "correct" || Object.values(fields).some((one) => one !== "correct");
}
