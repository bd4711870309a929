import { datadogReader, datadogValidator, datadogWriter } from "../../clients/datadog.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { connect, markedTarget, waitingForKeys } from "../datadog/connection.ts";
import type { ClusterDeps } from "../deps.ts";
import type { MonitorBody } from "./canonical.ts";
import { compileMonitors } from "./compile.ts";
import { monitorKind } from "./kind.ts";

const NAME = "monitors";
const CONDITION = "MonitorsSynced";

/** The Datadog monitors of every observed service. */
export function monitors(deps: ClusterDeps): Registration<Snapshot> {
  const connection = connect(deps);
  if (connection === undefined) return waitingForKeys(deps, NAME, CONDITION);
  const { settings, organisation } = connection;
  const { clusterId, isDryRun } = deps;
  const memory = new Memory();
  let wanted: ReadonlyMap<string, { readonly body: MonitorBody }> = new Map();
  const compile = compileMonitors(clusterId);
  const kind = monitorKind({
    datadog: isDryRun ? datadogReader(settings) : datadogWriter(settings),
    // Validation is a POST that changes nothing.
    validator: datadogValidator({ ...settings, readOnly: false }),
    clusterId,
    organisation,
  });
  return {
    memory,
    controller: {
      name: NAME,
      scope: "cluster",
      condition: CONDITION,
      noun: "monitor",
      compile: (snapshot) => {
        const desired = compile(snapshot);
        wanted = desired.objects;
        return desired;
      },
      target: markedTarget(deps, connection, kind, { memory, wanted: (key) => wanted.get(key)?.body }),
    },
  };
}
