import { dashboardReader, dashboardWriter } from "../../clients/datadog-dashboards.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { compilesOf } from "../compiles.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import { dashboardKind } from "./kind.ts";

/** The Datadog dashboards that documents define, and those that packs compose. */
export function dashboards(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, isDryRun } = deps;
  return registerKind(deps, {
    name: "dashboards",
    condition: "DashboardsSynced",
    noun: "dashboard",
    compile: compilesOf(deps).dashboards,
    kind: ({ transport }) =>
      dashboardKind({
        dashboards: isDryRun ? dashboardReader(transport) : dashboardWriter(transport),
        clusterId,
      }),
  });
}
