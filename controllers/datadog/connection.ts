import { datadogReader } from "../../clients/datadog.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import type { ClusterDeps } from "../deps.ts";
import { Organisation } from "./organisation.ts";

/** What the controllers of one process share to talk to Datadog. */
export interface Connection {
  /** Of a dry run: nothing but GET leaves. */
  readonly transport: DatadogTransport;
  /** For calls that ask and change nothing, though they are no GET. */
  readonly validation: DatadogTransport;
  readonly organisation: Organisation;
}

const connections = new WeakMap<ClusterDeps, Connection>();

/** The one connection of these deps, or undefined if a key is missing. */
export function connect(deps: ClusterDeps): Connection | undefined {
  const { url, apiKey, appKey, timeoutMs } = deps.datadog;
  if (apiKey === undefined || appKey === undefined) return undefined;
  let connection = connections.get(deps);
  if (connection === undefined) {
    const settings = { url, apiKey, appKey, timeoutMs, gate: deps.budget, mandate: deps.mandate };
    const transport = new DatadogTransport({ ...settings, readOnly: deps.isDryRun });
    const reader = datadogReader(transport);
    const organisation = new Organisation({
      remembered: deps.organisation,
      onChange: deps.onOrganisation,
      isApproved: (_reason, hash) => deps.approved().has(hash),
      read: async (signal) => await reader.organisation({ signal }),
    });
    // Validation is a POST that changes nothing.
    connection = { transport, validation: new DatadogTransport(settings), organisation };
    connections.set(deps, connection);
  }
  return connection;
}
