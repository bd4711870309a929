import type { Configuration } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js";
import type { DashboardsApiRequestFactory } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/DashboardsApi.js";

import {
  asIs,
  Calls,
  fieldOf,
  MAX_PAGES,
  nameIn,
  nonsense,
  objectIn,
  objectsIn,
  Pages,
  type ListOptions,
  type ObjectList,
  type ObjectReader,
  type ObjectWriter,
  type RawObject,
} from "./datadog-objects.ts";
import type { DatadogTransport } from "./datadog-transport.ts";

/** The reading half of Datadog's dashboards. A dry run holds nothing else. */
export interface DashboardReader extends ObjectReader {
  /**
   * Lists a summary of every dashboard of the organisation: id, title, description, `modified_at`,
   * no widgets. Datadog filters by nothing. One call, unless the answer looks cut off.
   */
  list(options: ListOptions): Promise<ObjectList>;
}

export interface DashboardWriter extends DashboardReader, ObjectWriter {}

/** Where an answer has a whole multiple of it, it may have been cut off: the documented default. */
const SUSPICIOUS_SIZE = 100;
/** For the pages after that. */
const PAGE_SIZE = 1_000;

const calls = new Calls("dashboards", { read: "dashboards_read", write: "dashboards_write" });

export function dashboardReader(transport: DatadogTransport): DashboardReader {
  return {
    list: (options) => list(transport, options),
    async get(id, options) {
      const call = calls.read("getDashboard", `read dashboard ${id}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await dashboardRequests(configuration)).getDashboard(id),
      );
      return objectIn(call, answer);
    },
  };
}

export function dashboardWriter(transport: DatadogTransport): DashboardWriter {
  return {
    ...dashboardReader(transport),
    async create(body, options) {
      const call = calls.write("createDashboard", `create dashboard ${nameIn(body, "title")}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await dashboardRequests(configuration)).createDashboard(await asIs(body)),
      );
      return objectIn(call, answer);
    },
    async update(id, body, options) {
      const call = calls.write("updateDashboard", `update dashboard ${id} ${nameIn(body, "title")}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await dashboardRequests(configuration)).updateDashboard(id, await asIs(body)),
      );
      return objectIn(call, answer);
    },
    async delete(id, options) {
      const call = calls.write("deleteDashboard", `delete dashboard ${id}`, options);
      await transport.send({ ...call, mayBeEmpty: true }, async (configuration) =>
        (await dashboardRequests(configuration)).deleteDashboard(id),
      );
    },
  };
}

/**
 * Asks without `count` and `start`, which was seen to give everything. The documentation has a
 * default of 100, so an answer of 100, 200, … is followed by a look at what comes after it.
 */
async function list(transport: DatadogTransport, { known, ...options }: ListOptions): Promise<ObjectList> {
  const call = calls.read("listDashboards", "list dashboards", options);
  const ask = async (count?: number, start?: number): Promise<readonly RawObject[]> => {
    const answer = await transport.send(call, async (configuration) =>
      (await dashboardRequests(configuration)).listDashboards(undefined, undefined, count, start),
    );
    return objectsIn(call, fieldOf(answer, "dashboards"));
  };

  const found = new Pages();
  found.add(await ask());
  if (found.size === 0 || found.size % SUSPICIOUS_SIZE !== 0 || found.hasAll(known)) return found.list;
  while (found.pages < MAX_PAGES) {
    const added = found.add(await ask(PAGE_SIZE, found.size));
    if (added === 0) return found.list;
  }
  throw nonsense(call, `more than ${MAX_PAGES} pages`);
}

async function dashboardRequests(configuration: Configuration): Promise<DashboardsApiRequestFactory> {
  const api =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/DashboardsApi.js");
  return new api.DashboardsApiRequestFactory(configuration);
}
