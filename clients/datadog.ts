import {
  monitorCalls,
  monitorIn,
  monitorReads,
  monitorRequests,
  type DatadogReader,
  type RawMonitor,
} from "./datadog-monitor-reads.ts";
import { asIs, nameIn, type CallOptions, type DeleteOptions } from "./datadog-objects.ts";
import { DatadogTransport, type DatadogSettings } from "./datadog-transport.ts";

export type {
  DatadogReader,
  DeleteHindrances,
  GroupCount,
  MonitorGroup,
  MonitorList,
  RawMonitor,
} from "./datadog-monitor-reads.ts";
export type { CallOptions, DeleteOptions, ListOptions } from "./datadog-objects.ts";

/** Asks whether Datadog would take a monitor. Changes nothing. */
export interface DatadogValidator {
  /** @throws {ApiError} `rejected` with Datadog's reason. */
  validateMonitor(body: object, options: CallOptions): Promise<void>;
  validateExisting(id: number, body: object, options: CallOptions): Promise<void>;
}

/** The whole of it. Bodies have the API's names and are sent as they are, no key lost. */
export interface DatadogWriter extends DatadogReader, DatadogValidator {
  createMonitor(body: object, options: CallOptions): Promise<RawMonitor>;
  /** Fields that are left out stay; `options` is replaced as a whole, except for people's mutes. */
  updateMonitor(id: number, body: object, options: CallOptions): Promise<RawMonitor>;
  /** Without `force`, what is used by an SLO or a composite stays. */
  deleteMonitor(id: number, options: DeleteOptions): Promise<void>;
}

/** Settings for a transport of its own, or a transport that others use as well. */
export type DatadogConnection = DatadogSettings | DatadogTransport;

/**
 * Makes a reader that cannot write: it has no such methods. A transport that is made here lets
 * nothing but GET leave as well.
 */
export function datadogReader(connection: DatadogConnection): DatadogReader {
  if (connection instanceof DatadogTransport) return monitorReads(connection);
  return monitorReads(new DatadogTransport({ ...connection, readOnly: true }));
}

/** Makes what can validate and nothing else. */
export function datadogValidator(connection: DatadogConnection): DatadogValidator {
  const { validateMonitor, validateExisting } = monitorWrites(transportOf(connection));
  return { validateMonitor, validateExisting };
}

export function datadogWriter(connection: DatadogConnection): DatadogWriter {
  const transport = transportOf(connection);
  return { ...monitorReads(transport), ...monitorWrites(transport) };
}

function transportOf(connection: DatadogConnection): DatadogTransport {
  return connection instanceof DatadogTransport ? connection : new DatadogTransport(connection);
}

function monitorWrites(transport: DatadogTransport): Omit<DatadogWriter, keyof DatadogReader> {
  return {
    async createMonitor(body, options) {
      const call = monitorCalls.write("createMonitor", `create monitor ${nameIn(body, "name")}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await monitorRequests(configuration)).createMonitor(await asIs(body)),
      );
      return monitorIn(call, answer);
    },
    async updateMonitor(id, body, options) {
      const tried = `update monitor ${id} ${nameIn(body, "name")}`;
      const call = monitorCalls.write("updateMonitor", tried, options);
      const answer = await transport.send(call, async (configuration) =>
        (await monitorRequests(configuration)).updateMonitor(id, await asIs(body)),
      );
      return monitorIn(call, answer);
    },
    async deleteMonitor(id, { force, ...options }) {
      const call = monitorCalls.write("deleteMonitor", `delete monitor ${id}`, options);
      await transport.send({ ...call, mayBeEmpty: true }, async (configuration) =>
        (await monitorRequests(configuration)).deleteMonitor(id, force === true ? "true" : undefined),
      );
    },
    async validateMonitor(body, options) {
      const tried = `validate monitor ${nameIn(body, "name")}`;
      const call = monitorCalls.write("validateMonitor", tried, options);
      await transport.send({ ...call, scope: "monitors_read", isWrite: false }, async (configuration) =>
        (await monitorRequests(configuration)).validateMonitor(await asIs(body)),
      );
    },
    async validateExisting(id, body, options) {
      const tried = `validate monitor ${id} ${nameIn(body, "name")}`;
      const call = monitorCalls.write("validateExistingMonitor", tried, options);
      await transport.send({ ...call, scope: "monitors_read", isWrite: false }, async (configuration) =>
        (await monitorRequests(configuration)).validateExistingMonitor(id, await asIs(body)),
      );
    },
  };
}
