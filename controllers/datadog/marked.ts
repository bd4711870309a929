import type { Target } from "../../engine/loop/controller.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import type { ObservedObject } from "../../engine/plan/plan.ts";
import type { CreateTiming } from "./create.ts";
import type { DatadogKind } from "./kind.ts";
import type { Approval, Organisation } from "./organisation.ts";

/** Why an object's text is kept: it is about to be deleted, a person's edit is set right, or the wish is another one. */
export type BackupReason = "delete" | "drift" | "update";

export interface MarkedObjectsOptions<Body> extends CreateTiming {
  readonly kind: DatadogKind<Body>;
  readonly memory: Memory;
  readonly organisation: Organisation;
  /** What was wished last, by key: what Datadog sets by itself counts only if the wish sets it. */
  readonly wanted?: ((key: string) => Body | undefined) | undefined;
  /** True if anything is wished. Without it every look is made, even where there can be nothing to see. */
  readonly hasWishes?: (() => boolean) | undefined;
  /** True if nothing is there that isn't remembered, so that a look without a wish needs not be made even once. */
  readonly needsNoFirstLook?: boolean | undefined;
  /** True if a person has approved exactly this. */
  readonly isApproved?: Approval | undefined;
  /** Called with the full JSON of what is about to be deleted or overwritten, and waited for. */
  readonly onBackup?: ((reason: BackupReason, key: string, json: string) => Promise<void> | void) | undefined;
  readonly log?: { warn(fields: object, message: string): void } | undefined;
}

export interface MarkedTarget<Body> extends Target<Body> {
  /** Objects that carry the mark of another one of ours, by key: clones that a person made. Never touched. */
  readonly duplicates: ReadonlyMap<string, readonly string[]>;
  /**
   * Makes an existing object ours by giving it our mark. Nothing else of it changes.
   *
   * @throws {ApiError} `conflict` if somebody keeps it already, or if it can't be kept.
   */
  adopt(ref: string, key: string, signal: AbortSignal): Promise<ObservedObject<Body>>;
}
