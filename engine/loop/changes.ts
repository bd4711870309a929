import type { Memory } from "../plan/memory.ts";
import type { FieldChange } from "../plan/plan.ts";
import type { Outcome, Report } from "./report.ts";

/**
 * Why something was changed. `first`: a service's first objects of a kind. `wish`: the wish is another one.
 * `drift`: a person changed or deleted the object by hand. `gone`: nobody wishes it any more.
 */
export type Why = "first" | "wish" | "drift" | "gone";

/** One change that was made in the other system. */
export interface Change {
  readonly type: Outcome["type"];
  readonly key: string;
  /** How the other system names the object, if it still stands there. */
  readonly ref: string | undefined;
  readonly why: Why;
  readonly changes: readonly FieldChange[];
  /** Whoever had changed it by hand, if the other system says so. */
  readonly by: string | undefined;
}

/** What one pass changed of one owner. */
export interface OwnerChanges {
  readonly owner: string;
  readonly changes: readonly Change[];
}

/** Tells what a pass changed, by owner. Only what did succeed. */
export function changesIn(
  { outcomes, drift }: Pick<Report<unknown>, "outcomes" | "drift">,
  memory: Pick<Memory, "ofOwner"> | undefined,
): readonly OwnerChanges[] {
  const byOwner = Map.groupBy(
    outcomes.filter(({ error }) => error === undefined),
    ({ owner }) => owner,
  );
  return [...byOwner].map(([owner, done]) => {
    const created = new Set(done.filter(({ type }) => type === "create").map(({ key }) => key));
    const isFirst =
      created.size === done.length && memory?.ofOwner(owner).every(([key]) => created.has(key)) === true;
    const changes = done.map(({ type, key, ref, changes: fields, drifted }): Change => {
      const byHand = drift.get(key) ?? [];
      const isDrift = drifted || (type === "create" && byHand.some(({ path }) => path === ""));
      const why = type === "delete" ? "gone" : isDrift ? "drift" : isFirst ? "first" : "wish";
      const by = isDrift ? byHand.find((field) => field.by !== undefined)?.by : undefined;
      return { type, key, ref: type === "delete" ? undefined : ref, why, changes: fields, by };
    });
    return { owner, changes };
  });
}
