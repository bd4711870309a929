import type { Desired } from "../engine/plan/plan.ts";
import type { Snapshot } from "../engine/sources/snapshot.ts";
import { applicationUrl } from "./application-url.ts";
import type { DashboardBody } from "./dashboards/canonical.ts";
import { compileDashboards } from "./dashboards/compile.ts";
import type { ClusterDeps } from "./deps.ts";
import type { MonitorBody } from "./monitors/canonical.ts";
import { compileMonitors } from "./monitors/compile.ts";
import type { SloBody } from "./slos/canonical.ts";
import { compileSlos } from "./slos/compile.ts";

/** What the wishes come to, for every controller that needs it: its own, and those that look at its objects' queries. */
export interface Compiles {
  readonly monitors: (snapshot: Snapshot) => Desired<MonitorBody>;
  readonly dashboards: (snapshot: Snapshot) => Desired<DashboardBody>;
  readonly slos: (snapshot: Snapshot) => Desired<SloBody>;
}

const shared = new WeakMap<ClusterDeps, Compiles>();

/** Compiles for whoever has no deps, such as a command. */
export function compilesFor(clusterId: string, appUrl: string): Compiles {
  return {
    monitors: compileMonitors(clusterId, { appUrl }),
    dashboards: compileDashboards(clusterId),
    slos: compileSlos(clusterId),
  };
}

/** The compiles of these deps. Each remembers its last result, so that it is worked out and kept once. */
export function compilesOf(deps: ClusterDeps): Compiles {
  let compiles = shared.get(deps);
  if (compiles === undefined) {
    compiles = compilesFor(deps.clusterId, applicationUrl(deps.datadog.url));
    shared.set(deps, compiles);
  }
  return compiles;
}
