import { downtimeReader, downtimeWriter } from "../../clients/datadog-downtimes.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import { downtimeKind } from "./kind.ts";
import { compileDowntimes } from "./snapshot.ts";

/** The downtimes of services, and those of no service. */
export function downtimes(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, isDryRun } = deps;
  return registerKind(deps, {
    name: "downtimes",
    condition: "DowntimesSynced",
    noun: "downtime",
    compile: compileDowntimes(clusterId),
    kind: ({ transport }) =>
      downtimeKind({
        datadog: isDryRun ? downtimeReader(transport) : downtimeWriter(transport),
        clusterId,
      }),
  });
}
