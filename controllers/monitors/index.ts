import { datadogReader, datadogValidator, datadogWriter } from "../../clients/datadog.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { applicationUrl } from "../application-url.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import { compileMonitors } from "./compile.ts";
import { monitorKind } from "./kind.ts";

/** The Datadog monitors of every observed service. */
export function monitors(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, isDryRun } = deps;
  return registerKind(deps, {
    name: "monitors",
    condition: "MonitorsSynced",
    noun: "monitor",
    compile: compileMonitors(clusterId, { appUrl: applicationUrl(deps.datadog.url) }),
    kind: ({ transport, validation, organisation }) =>
      monitorKind({
        datadog: isDryRun ? datadogReader(transport) : datadogWriter(transport),
        validator: datadogValidator(validation),
        clusterId,
        organisation,
      }),
  });
}
