import { datadogReader, datadogValidator, datadogWriter } from "../../clients/datadog.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { compilesOf } from "../compiles.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import { monitorKind } from "./kind.ts";

/** The Datadog monitors of every observed service. */
export function monitors(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, isDryRun } = deps;
  return registerKind(deps, {
    name: "monitors",
    condition: "MonitorsSynced",
    noun: "monitor",
    compile: compilesOf(deps).monitors,
    kind: ({ transport, validation, organisation }) =>
      monitorKind({
        datadog: isDryRun ? datadogReader(transport) : datadogWriter(transport),
        validator: datadogValidator(validation),
        clusterId,
        organisation,
      }),
  });
}
