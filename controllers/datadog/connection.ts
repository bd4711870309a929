import { datadogReader } from "../../clients/datadog.ts";
import type { DatadogSettings } from "../../clients/datadog-transport.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { ClusterDeps } from "../deps.ts";
import { Organisation } from "./organisation.ts";
import { MarkedObjects, type MarkedObjectsOptions } from "./target.ts";
import type { DatadogKind } from "./kind.ts";

/** What the controllers of one process share to talk to Datadog. */
export interface Connection {
  readonly settings: DatadogSettings;
  readonly organisation: Organisation;
}

const connections = new WeakMap<ClusterDeps, Connection>();

/** The one connection of these deps, or undefined if a key is missing. */
export function connect(deps: ClusterDeps): Connection | undefined {
  const { url, apiKey, appKey } = deps.datadog;
  if (apiKey === undefined || appKey === undefined) return undefined;
  let connection = connections.get(deps);
  if (connection === undefined) {
    const settings = { url, apiKey, appKey, gate: deps.budget, readOnly: deps.isDryRun };
    const reader = datadogReader(settings);
    const organisation = new Organisation({
      remembered: deps.organisation,
      onChange: deps.onOrganisation,
      isApproved: (_reason, hash) => deps.approved().has(hash),
      read: async (signal) => await reader.organisation({ signal }),
    });
    connection = { settings, organisation };
    connections.set(deps, connection);
  }
  return connection;
}

/** What a controller says while a key is missing. */
export function waitingForKeys(
  { datadog }: ClusterDeps,
  name: string,
  condition: string,
): Registration<Snapshot> {
  const missing = datadog.apiKey === undefined ? "DD_API_KEY" : "DD_APP_KEY";
  const message = `waiting: no API key. Set ${missing} for the controller, and ${name} follow`;
  return { waiting: { name, condition, reason: "NoApiKey", message } };
}

/** The target of one kind, with what all kinds have from the deps. */
export function markedTarget<Body>(
  deps: ClusterDeps,
  { organisation }: Connection,
  kind: DatadogKind<Body>,
  { memory, wanted }: Required<Pick<MarkedObjectsOptions<Body>, "wanted">> & { readonly memory: Memory },
): MarkedObjects<Body> {
  return new MarkedObjects({
    kind,
    memory,
    organisation,
    wanted,
    open: () => deps.openIntents(kind.name),
    isApproved: (_reason, hash) => deps.approved().has(hash),
    onBackup: async (reason, key, json) => await deps.onBackup(kind.name, key, reason, json),
    log: deps.log,
  });
}
