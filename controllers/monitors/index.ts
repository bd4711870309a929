import { datadogReader, datadogValidator, datadogWriter } from "../../clients/datadog.ts";
import { Budget } from "../../engine/budget.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { ClusterDeps } from "../deps.ts";
import { compileMonitors } from "./compile.ts";
import type { MonitorBody } from "./canonical.ts";
import { monitorTarget } from "./target.ts";

const NAME = "monitors";
const CONDITION = "MonitorsSynced";

/** The Datadog monitors of every observed service. */
export function monitors(deps: ClusterDeps): Registration<Snapshot> {
  const { datadog, clusterId, log } = deps;
  if (datadog.apiKey === undefined || datadog.appKey === undefined) {
    const missing = datadog.apiKey === undefined ? "DD_API_KEY" : "DD_APP_KEY";
    const message = `waiting: no API key. Set ${missing} for the controller, and monitors follow`;
    return { waiting: { name: NAME, condition: CONDITION, reason: "NoApiKey", message } };
  }

  const memory = new Memory();
  const settings = {
    url: datadog.url,
    apiKey: datadog.apiKey,
    appKey: datadog.appKey,
    gate: deps.budget ?? new Budget(),
  };
  let wanted: ReadonlyMap<string, { readonly body: MonitorBody }> = new Map();
  const compile = compileMonitors(clusterId);
  const target = monitorTarget({
    datadog: deps.isDryRun ? datadogReader(settings) : datadogWriter(settings),
    validator: datadogValidator(settings),
    clusterId,
    memory,
    wanted: (key) => wanted.get(key)?.body,
    organisation: deps.organisation,
    onOrganisation: deps.onOrganisation,
    isApproved: (_reason, hash) => deps.approved().has(hash),
    onBackup: (kind, key, json) => deps.onBackup(NAME, key, kind, json),
    log,
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
      target,
    },
  };
}
