import type { Configuration } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-common/configuration.js";
import type { MonitorsApiRequestFactory } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/MonitorsApi.js";

import {
  Calls,
  fieldOf,
  hindrancesIn,
  MAX_PAGES,
  nonsense,
  type CallOptions,
  type ListOptions,
} from "./datadog-objects.ts";
import type { Call, DatadogTransport } from "./datadog-transport.ts";

/** A monitor as the API returns it. Everything but the id is still to be judged. */
export interface RawMonitor {
  readonly id: number;
  readonly [field: string]: unknown;
}

export interface MonitorList {
  /** Sorted by id, each once. */
  readonly monitors: readonly RawMonitor[];
  /** With more than one, a monitor deleted meanwhile may have hidden another one at a page's edge. */
  readonly pages: number;
}

/** Who uses a monitor, so that it can't be deleted. Datadog's words: `monitor [1,x] is referenced in slos: [2,y]`. */
export type DeleteHindrances = ReadonlyMap<number, readonly string[]>;

/** How many groups monitors watch: hosts, services, whatever their queries group by. */
export interface GroupCount {
  readonly total: number;
  /** Datadog's words: `Alert`, `OK`, `No Data`. Empty where Datadog doesn't tell. */
  readonly byStatus: ReadonlyMap<string, number>;
}

/** One of the things that a monitor watches: a host, a service, or `total` where it isn't grouped. */
export interface MonitorGroup {
  readonly monitor: number;
  readonly group: string;
  /** Datadog's word: `Alert`, `OK`, `No Data`. */
  readonly status: string;
}

/** The reading half of Datadog's API. A dry run holds nothing else. */
export interface DatadogReader {
  /** Lists the monitors that carry all these tags, in full. */
  listMonitors(tags: readonly string[], options: ListOptions): Promise<MonitorList>;
  /** @throws {ApiError} `notFound` */
  getMonitor(id: number, options: CallOptions): Promise<RawMonitor>;
  /** Counts the groups of all monitors that carry these tags: one call, whatever their number. */
  countGroups(tags: readonly string[], options: CallOptions): Promise<GroupCount>;
  /** The first hundred groups of all monitors that carry these tags. */
  listGroups(tags: readonly string[], options: CallOptions): Promise<readonly MonitorGroup[]>;
  /** Monitors that may not be deleted, and why. Empty if all may. A monitor that is not there hinders nothing. */
  canDelete(ids: readonly number[], options: CallOptions): Promise<DeleteHindrances>;
  /**
   * Tells which organisation the keys belong to, from any monitor of it.
   *
   * @returns undefined if the organisation has no monitor at all.
   * @throws {ApiError} `unauthorized` if a key is wrong or may not read monitors.
   */
  organisation(options: CallOptions): Promise<number | undefined>;
  /** @throws {ApiError} `unauthorized` with what to check, first for the API key, then for the application key. */
  validateKeys(options: CallOptions): Promise<void>;
}

/** The most that Datadog gives at once. */
const PAGE_SIZE = 1_000;
/** Enough to name some. */
const MOST_GROUPS = 100;

export const monitorCalls = new Calls("monitors", { read: "monitors_read", write: "monitors_write" });

export function monitorReads(transport: DatadogTransport): DatadogReader {
  const organisation = async (options: CallOptions) => {
    const call = monitorCalls.read("listMonitors", "read the Datadog organisation", options);
    const [monitor] = await listPage(transport, call, { page: 0, pageSize: 1 });
    const id = monitor?.["org_id"];
    return typeof id === "number" ? id : undefined;
  };

  return {
    listMonitors: (tags, options) => listMonitors(transport, tags, options),
    async getMonitor(id, options) {
      const call = monitorCalls.read("getMonitor", `read monitor ${id}`, options);
      const answer = await transport.send(call, async (configuration) =>
        (await monitorRequests(configuration)).getMonitor(id),
      );
      return monitorIn(call, answer);
    },
    async countGroups(tags, options) {
      const tried = `count the groups of monitors with the tags ${tags.join(", ")}`;
      const call = monitorCalls.read("searchMonitorGroups", tried, options);
      // One group is as good as all of them: the counts stand beside them.
      return groupCountIn(call, await searchGroups(transport, call, tags, 1));
    },
    async listGroups(tags, options) {
      const tried = `list the groups of monitors with the tags ${tags.join(", ")}`;
      const call = monitorCalls.read("searchMonitorGroups", tried, options);
      return groupsIn(call, await searchGroups(transport, call, tags, MOST_GROUPS));
    },
    async canDelete(ids, options) {
      const tried = `ask whether monitor ${ids.join(", ")} may be deleted`;
      const call = monitorCalls.read("checkCanDeleteMonitor", tried, options);
      // Datadog answers 409 where a monitor is in use, and names in `errors` who uses it, by id.
      const answer = await transport.send({ ...call, accepts: 409 }, async (configuration) =>
        (await monitorRequests(configuration)).checkCanDeleteMonitor([...ids]),
      );
      const hindrances = hindrancesIn(ids.map(String), answer);
      return new Map([...hindrances].map(([id, lines]) => [Number(id), lines]));
    },
    organisation,
    async validateKeys(options) {
      const call = monitorCalls.read("validate", "validate the API key", options);
      await transport.send(
        { ...call, scope: "nothing for this call: the API key is wrong" },
        async (configuration) => {
          const { AuthenticationApiRequestFactory } =
            await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/AuthenticationApi.js");
          return new AuthenticationApiRequestFactory(configuration).validate();
        },
      );
      await organisation(options);
    },
  };
}

async function listMonitors(
  transport: DatadogTransport,
  tags: readonly string[],
  { known, ...options }: ListOptions,
): Promise<MonitorList> {
  const tried = tags.length === 0 ? "list monitors" : `list monitors with the tags ${tags.join(", ")}`;
  const call = monitorCalls.read("listMonitors", tried, options);
  const filter = tags.length === 0 ? {} : { tags: tags.join(",") };
  const byId = new Map<number, RawMonitor>();
  for (let page = 0; page < MAX_PAGES; page++) {
    const monitors = await listPage(transport, call, { ...filter, page, pageSize: PAGE_SIZE });
    for (const monitor of monitors) byId.set(monitor.id, monitor);
    const isKnownWhole =
      known !== undefined && known.size > 0 && known.isSubsetOf(new Set([...byId.keys()].map(String)));
    if (monitors.length < PAGE_SIZE || isKnownWhole) {
      return { monitors: [...byId.values()].sort((a, b) => a.id - b.id), pages: page + 1 };
    }
  }
  throw nonsense(call, `more than ${MAX_PAGES} full pages`);
}

async function listPage(
  transport: DatadogTransport,
  call: Call,
  { tags, page, pageSize }: { readonly tags?: string; readonly page: number; readonly pageSize: number },
): Promise<readonly RawMonitor[]> {
  const answer = await transport.send(call, async (configuration) =>
    (await monitorRequests(configuration)).listMonitors(
      undefined,
      undefined,
      undefined,
      tags,
      undefined,
      undefined,
      page,
      pageSize,
    ),
  );
  if (!Array.isArray(answer) || !answer.every(isMonitor)) {
    throw nonsense(call, "a list with something else than monitors");
  }
  return answer;
}

async function searchGroups(
  transport: DatadogTransport,
  call: Call,
  tags: readonly string[],
  perPage: number,
): Promise<unknown> {
  const query = tags.map((tag) => `tag:"${tag.replaceAll('"', "")}"`).join(" ");
  return await transport.send(call, async (configuration) =>
    (await monitorRequests(configuration)).searchMonitorGroups(query, 0, perPage),
  );
}

function groupsIn(call: Call, answer: unknown): readonly MonitorGroup[] {
  const groups = fieldOf(answer, "groups");
  if (!Array.isArray(groups)) throw nonsense(call, "200 without groups");
  return groups.flatMap((one: unknown) => {
    const [monitor, group, status] = ["monitor_id", "group", "status"].map((name) => fieldOf(one, name));
    return typeof monitor === "number" && typeof group === "string" && typeof status === "string"
      ? [{ monitor, group, status }]
      : [];
  });
}

function groupCountIn(call: Call, answer: unknown): GroupCount {
  const total = fieldOf(fieldOf(answer, "metadata"), "total_count");
  if (typeof total !== "number") throw nonsense(call, "200 without a count");
  const statuses = fieldOf(fieldOf(answer, "counts"), "status");
  const byStatus = new Map<string, number>();
  for (const status of Array.isArray(statuses) ? statuses : []) {
    const [name, count] = [fieldOf(status, "name"), fieldOf(status, "count")];
    if (typeof name === "string" && typeof count === "number") byStatus.set(name, count);
  }
  return { total, byStatus };
}

export async function monitorRequests(configuration: Configuration): Promise<MonitorsApiRequestFactory> {
  const api =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/MonitorsApi.js");
  return new api.MonitorsApiRequestFactory(configuration);
}

export function monitorIn(call: Call, answer: unknown): RawMonitor {
  if (isMonitor(answer)) return answer;
  throw nonsense(call, "200 with something else than a monitor");
}

function isMonitor(value: unknown): value is RawMonitor {
  return typeof value === "object" && value !== null && "id" in value && Number.isSafeInteger(value.id);
}
