import type { Configuration } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js";
import type { ServiceLevelObjectivesApiRequestFactory } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/ServiceLevelObjectivesApi.js";

import {
  asIs,
  Calls,
  fieldOf,
  hindrancesIn,
  MAX_PAGES,
  nameIn,
  nonsense,
  objectIn,
  objectsIn,
  Pages,
  type CallOptions,
  type Hindrances,
  type ListOptions,
  type ObjectList,
  type ObjectReader,
  type ObjectWriter,
} from "./datadog-objects.ts";
import type { Call, DatadogTransport } from "./datadog-transport.ts";

/** The reading half of Datadog's SLOs. A dry run holds nothing else. */
export interface SloReader extends ObjectReader {
  /** Lists the SLOs that carry this tag, in full; all SLOs without one. Datadog looks for one tag only. */
  list(tag: string | undefined, options: ListOptions): Promise<ObjectList>;
  /** SLOs that may not be deleted, and why. Empty if all may. */
  canDelete(ids: readonly string[], options: CallOptions): Promise<Hindrances>;
}

export interface SloWriter extends SloReader, ObjectWriter {}

/** The most that Datadog gives at once. */
const PAGE_SIZE = 1_000;

const calls = new Calls("slos", { read: "slos_read", write: "slos_write" });

export function sloReader(transport: DatadogTransport): SloReader {
  return {
    list: (tag, options) => list(transport, tag, options),
    async get(id, options) {
      const call = calls.read("getSLO", `read SLO ${id}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await sloRequests(configuration)).getSLO(id),
      );
      return objectIn(call, fieldOf(answer, "data"));
    },
    async canDelete(ids, options) {
      const call = calls.read(
        "checkCanDeleteSLO",
        `ask whether SLO ${ids.join(", ")} may be deleted`,
        options,
      );
      const answer = await transport.send({ ...call, accepts: 409 }, async (configuration) =>
        (await sloRequests(configuration)).checkCanDeleteSLO(ids.join(",")),
      );
      return hindrancesIn(ids, answer);
    },
  };
}

export function sloWriter(transport: DatadogTransport): SloWriter {
  return {
    ...sloReader(transport),
    async create(body, options) {
      const call = calls.write("createSLO", `create SLO ${nameIn(body, "name")}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await sloRequests(configuration)).createSLO(await asIs(body)),
      );
      return writtenIn(call, answer);
    },
    async update(id, body, options) {
      const call = calls.write("updateSLO", `update SLO ${id} ${nameIn(body, "name")}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await sloRequests(configuration)).updateSLO(id, await asIs(body)),
      );
      return writtenIn(call, answer);
    },
    async delete(id, { force, ...options }) {
      const call = calls.write("deleteSLO", `delete SLO ${id}`, options);
      await transport.send({ ...call, mayBeEmpty: true }, async (configuration) =>
        (await sloRequests(configuration)).deleteSLO(id, force === true ? "true" : undefined),
      );
    },
  };
}

async function list(
  transport: DatadogTransport,
  tag: string | undefined,
  { known, ...options }: ListOptions,
): Promise<ObjectList> {
  const tried = tag === undefined ? "list SLOs" : `list SLOs with the tag ${tag}`;
  const call = calls.read("listSLOs", tried, options);
  const found = new Pages();
  for (let offset = 0; found.pages < MAX_PAGES; offset += PAGE_SIZE) {
    const answer = await transport.send(call, async (configuration) =>
      (await sloRequests(configuration)).listSLOs(
        undefined,
        undefined,
        tag,
        undefined,
        PAGE_SIZE,
        offset === 0 ? undefined : offset,
      ),
    );
    const page = objectsIn(call, fieldOf(answer, "data"));
    found.add(page);
    if (page.length < PAGE_SIZE || isWhole(answer, found) || found.hasAll(known)) return found.list;
  }
  throw nonsense(call, `more than ${MAX_PAGES} full pages`);
}

/**
 * True if both totals of the answer say that all was read. One of them alone proves nothing:
 * `total_count` was seen to count what the filter leaves and is documented to ignore it;
 * `total_filtered_count` was seen to be that of the page. An SLO that is missed is made twice.
 */
function isWhole(answer: unknown, found: Pages): boolean {
  const page = fieldOf(fieldOf(answer, "metadata"), "page");
  const totals = [fieldOf(page, "total_count"), fieldOf(page, "total_filtered_count")];
  return totals.every((total) => typeof total === "number" && total <= found.size);
}

/** Creates and updates answer with a list of one. */
function writtenIn(call: Call, answer: unknown) {
  const data = fieldOf(answer, "data");
  return objectIn(call, Array.isArray(data) ? data[0] : data);
}

async function sloRequests(configuration: Configuration): Promise<ServiceLevelObjectivesApiRequestFactory> {
  const api =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/ServiceLevelObjectivesApi.js");
  return new api.ServiceLevelObjectivesApiRequestFactory(configuration);
}
