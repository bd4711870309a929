import {
  Calls,
  fieldOf,
  MAX_PAGES,
  nonsense,
  objectIn,
  objectsIn,
  Pages,
  type CallOptions,
  type ObjectList,
  type ObjectReader,
  type ObjectWriter,
  type RawObject,
} from "./datadog-objects.ts";
import type { DatadogTransport } from "./datadog-transport.ts";

/** The reading half of Datadog's downtimes. A dry run holds nothing else. */
export interface DowntimeReader extends ObjectReader {
  /** Lists the downtimes that are to come or under way, whoever made them: `{ id, type, attributes }`. */
  list(options: CallOptions): Promise<ObjectList>;
}

/**
 * Bodies are the API's `data`: `{ type: "downtime", attributes }`. To delete a downtime is to cancel it: it ends,
 * and can be read for months. Canceling it once more succeeds.
 */
export interface DowntimeWriter extends DowntimeReader, ObjectWriter {}

const ALL = "/api/v2/downtime";
const ONE = "/api/v2/downtime/{downtime_id}";
/** The documentation has a default of 30 and no ceiling; Datadog's own tools ask for 100. */
const PAGE_SIZE = 100;

const calls = new Calls("downtimes", { read: "monitors_downtime", write: "monitors_downtime" });

export function downtimeReader(transport: DatadogTransport): DowntimeReader {
  return {
    list: (options) => list(transport, options),
    async get(id, options) {
      const call = calls.read("getDowntime", `read downtime ${id}`, options);
      const answer = await transport.request(call, {
        method: "GET",
        path: ONE,
        params: { downtime_id: id },
      });
      return objectIn(call, fieldOf(answer, "data"));
    },
  };
}

export function downtimeWriter(transport: DatadogTransport): DowntimeWriter {
  return {
    ...downtimeReader(transport),
    async create(body, options) {
      const call = calls.write("createDowntime", `create a downtime of ${scopeIn(body)}`, options);
      const answer = await transport.request(call, { method: "POST", path: ALL, body: { data: body } });
      return objectIn(call, fieldOf(answer, "data"));
    },
    async update(id, body, options) {
      const call = calls.write("updateDowntime", `update downtime ${id}`, options);
      const answer = await transport.request(call, {
        method: "PATCH",
        path: ONE,
        params: { downtime_id: id },
        body: { data: { ...body, id } },
      });
      return objectIn(call, fieldOf(answer, "data"));
    },
    async delete(id, options) {
      const call = calls.write("cancelDowntime", `cancel downtime ${id}`, options);
      await transport.request(
        { ...call, mayBeEmpty: true },
        { method: "DELETE", path: ONE, params: { downtime_id: id } },
      );
    },
  };
}

async function list(transport: DatadogTransport, options: CallOptions): Promise<ObjectList> {
  const call = calls.read("listDowntimes", "list downtimes", options);
  const found = new Pages();
  for (let offset = 0; found.pages < MAX_PAGES; offset += PAGE_SIZE) {
    const answer = await transport.request(call, {
      method: "GET",
      path: ALL,
      query: { "page[limit]": PAGE_SIZE, "page[offset]": offset },
    });
    const page = objectsIn(call, fieldOf(answer, "data"));
    found.add(page);
    const total = fieldOf(fieldOf(fieldOf(answer, "meta"), "page"), "total_filtered_count");
    if (page.length < PAGE_SIZE || total === found.size) {
      const { objects, pages } = found.list;
      return { objects: objects.filter(isThere), pages };
    }
  }
  throw nonsense(call, `more than ${MAX_PAGES} full pages`);
}

/** False for what was canceled or has ended: Datadog keeps it for a while. */
function isThere({ attributes }: RawObject): boolean {
  const status = fieldOf(attributes, "status");
  return status !== "canceled" && status !== "ended";
}

function scopeIn(body: object): string {
  const scope = fieldOf(fieldOf(body, "attributes"), "scope");
  return typeof scope === "string" ? `"${scope}"` : "(no scope)";
}
