import { sloReader, sloWriter } from "../../clients/datadog-slos.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { compilesOf } from "../compiles.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import { sloKind } from "./kind.ts";

/** The Datadog SLOs of every observed service. */
export function slos(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, isDryRun } = deps;
  return registerKind(deps, {
    name: "slos",
    condition: "SLOsSynced",
    noun: "SLO",
    compile: compilesOf(deps).slos,
    kind: ({ transport }) =>
      sloKind({ slos: isDryRun ? sloReader(transport) : sloWriter(transport), clusterId }),
  });
}
