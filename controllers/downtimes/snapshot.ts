import { driftOf } from "../../crds/drift.ts";
import type { GlobalWish } from "../../crds/global.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember } from "../../engine/plan/compile.ts";
import type { Desired, DesiredObject } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { DowntimeBody } from "./canonical.ts";
import { downtimeOfNoService, downtimesOf } from "./compile.ts";

/** Works out every downtime that the services of a cluster want, and those of no service. Pure; one changed document costs one compile. */
export function compileDowntimes(clusterId: string): (snapshot: Snapshot) => Desired<DowntimeBody> {
  const compileOne = remember((wish: Wish) => {
    const { service, deletion } = wish;
    const downtimes = Object.fromEntries(
      Object.entries(wish.downtimes).map(([name, downtime]) => [
        name,
        { ...downtime, drift: ownDrift(downtime.drift, wish.drift) },
      ]),
    );
    return downtimesOf({ service, downtimes, drift: staysCanceled(wish.drift), deletion }, clusterId);
  });
  const compileGlobal = remember((wish: GlobalWish) => {
    if (wish.kind !== "downtime") return undefined;
    const { key, downtime, drift, deletion } = wish;
    return downtimeOfNoService({ key, downtime, drift: staysCanceled(drift), deletion }, clusterId);
  });
  return compileEach({ compileOne, compileGlobal });
}

type DriftOf = DesiredObject<DowntimeBody>["drift"];

/** A downtime that states its own rule is made again as that says. */
function ownDrift(own: Parameters<typeof driftOf>[0] | undefined, inherited: Wish["drift"]): DriftOf {
  return own === undefined ? staysCanceled(inherited) : driftOf(own, inherited);
}

/**
 * Whoever cancels a downtime by hand wants to be alerted again: it stays canceled until the wish changes.
 * Only its edits are set right.
 */
function staysCanceled(drift: Wish["drift"]): DriftOf {
  return drift.rule === "correct" ? { ...drift, fields: { "": "report", ...drift.fields } } : drift;
}
