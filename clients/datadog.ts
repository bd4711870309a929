import type { MonitorsApiRequestFactory } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/MonitorsApi.js";
import type { Monitor } from "@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/models/Monitor.js";

import { DatadogTransport, type Call, type DatadogSettings } from "./datadog-transport.ts";
import { ApiError } from "./errors.ts";
import type { Priority } from "./gate.ts";

/** A monitor as the API returns it. Everything but the id is still to be judged. */
export interface RawMonitor {
  readonly id: number;
  readonly [field: string]: unknown;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** `drift` for reads and `change` for writes if absent. */
  readonly priority?: Priority | undefined;
}

export interface MonitorList {
  /** Sorted by id, each once. */
  readonly monitors: readonly RawMonitor[];
  /** With more than one, a monitor deleted meanwhile may have hidden another one at a page's edge. */
  readonly pages: number;
}

/** Who uses a monitor, so that it can't be deleted. Datadog's words: `monitor [1,x] is referenced in slos: [2,y]`. */
export type DeleteHindrances = ReadonlyMap<number, readonly string[]>;

/** The reading half of Datadog's API. A dry run holds nothing else. */
export interface DatadogReader {
  /** Lists the monitors that carry all these tags, in full. */
  listMonitors(tags: readonly string[], options: CallOptions): Promise<MonitorList>;
  /** @throws {ApiError} `notFound` */
  getMonitor(id: number, options: CallOptions): Promise<RawMonitor>;
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
  /** Never by force: what is used by an SLO or a composite stays. */
  deleteMonitor(id: number, options: CallOptions): Promise<void>;
}

/** The most that Datadog gives at once. */
const PAGE_SIZE = 1_000;
/** More pages than this are a fault of the server: 200 000 monitors. */
const MAX_PAGES = 200;

const READ = { scope: "monitors_read", isWrite: false } as const;
const WRITE = { scope: "monitors_write", isWrite: true } as const;

/** Makes a reader that cannot write: it has no such methods, and its transport lets nothing but GET leave. */
export function datadogReader(settings: DatadogSettings): DatadogReader {
  return readerOf(new DatadogTransport({ ...settings, readOnly: true }));
}

/** Makes what can validate and nothing else. */
export function datadogValidator(settings: DatadogSettings): DatadogValidator {
  const { validateMonitor, validateExisting } = writerOf(new DatadogTransport(settings));
  return { validateMonitor, validateExisting };
}

export function datadogWriter(settings: DatadogSettings): DatadogWriter {
  const transport = new DatadogTransport(settings);
  return { ...readerOf(transport), ...writerOf(transport) };
}

function readerOf(transport: DatadogTransport): DatadogReader {
  const read = (
    call: Pick<Call, "tried" | "operation">,
    { signal, priority = "drift" }: CallOptions,
  ): Call => ({
    ...READ,
    ...call,
    priority,
    signal,
  });
  const listPage = async (
    tried: string,
    tags: string | undefined,
    page: number,
    pageSize: number,
    options: CallOptions,
  ) => {
    const call = read({ tried, operation: "listMonitors" }, options);
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
    if (!Array.isArray(answer) || !answer.every(isMonitor))
      throw nonsense(call, "a list with something else than monitors");
    return answer;
  };
  const organisation = async (options: CallOptions) => {
    const [monitor] = await listPage("read the Datadog organisation", undefined, 0, 1, options);
    const id = monitor?.["org_id"];
    return typeof id === "number" ? id : undefined;
  };

  return {
    async listMonitors(tags, options) {
      const tried = `list monitors with the tags ${tags.join(", ")}`;
      const byId = new Map<number, RawMonitor>();
      for (let page = 0; page < MAX_PAGES; page++) {
        const monitors = await listPage(tried, tags.join(","), page, PAGE_SIZE, options);
        for (const monitor of monitors) byId.set(monitor.id, monitor);
        if (monitors.length < PAGE_SIZE) {
          return { monitors: [...byId.values()].sort((a, b) => a.id - b.id), pages: page + 1 };
        }
      }
      throw nonsense(
        read({ tried, operation: "listMonitors" }, options),
        `more than ${MAX_PAGES} full pages`,
      );
    },
    async getMonitor(id, options) {
      const call = read({ tried: `read monitor ${id}`, operation: "getMonitor" }, options);
      const answer = await transport.send(call, async (configuration) =>
        (await monitorRequests(configuration)).getMonitor(id),
      );
      return monitorIn(call, answer);
    },
    async canDelete(ids, options) {
      const call = read(
        { tried: `ask whether monitor ${ids.join(", ")} may be deleted`, operation: "checkCanDeleteMonitor" },
        options,
      );
      return canDelete(transport, call, ids);
    },
    organisation,
    async validateKeys(options) {
      const call = read({ tried: "validate the API key", operation: "validate" }, options);
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

type WriterOnly = Omit<DatadogWriter, keyof DatadogReader>;

function writerOf(transport: DatadogTransport): WriterOnly {
  const write = (
    call: Pick<Call, "tried" | "operation">,
    { signal, priority = "change" }: CallOptions,
  ): Call => ({
    ...WRITE,
    ...call,
    priority,
    signal,
  });
  return {
    async createMonitor(body, options) {
      const call = write({ tried: `create monitor ${nameOf(body)}`, operation: "createMonitor" }, options);
      const answer = await transport.send(call, async (configuration) =>
        (await monitorRequests(configuration)).createMonitor(await asIs(body)),
      );
      return monitorIn(call, answer);
    },
    async updateMonitor(id, body, options) {
      const call = write(
        { tried: `update monitor ${id} ${nameOf(body)}`, operation: "updateMonitor" },
        options,
      );
      const answer = await transport.send(call, async (configuration) =>
        (await monitorRequests(configuration)).updateMonitor(id, await asIs(body)),
      );
      return monitorIn(call, answer);
    },
    async deleteMonitor(id, options) {
      const call = write({ tried: `delete monitor ${id}`, operation: "deleteMonitor" }, options);
      await transport.send(call, async (configuration) =>
        (await monitorRequests(configuration)).deleteMonitor(id),
      );
    },
    async validateMonitor(body, options) {
      const call = write(
        { tried: `validate monitor ${nameOf(body)}`, operation: "validateMonitor" },
        options,
      );
      await transport.send({ ...call, isWrite: false }, async (configuration) =>
        (await monitorRequests(configuration)).validateMonitor(await asIs(body)),
      );
    },
    async validateExisting(id, body, options) {
      const call = write(
        { tried: `validate monitor ${id} ${nameOf(body)}`, operation: "validateExistingMonitor" },
        options,
      );
      await transport.send({ ...call, isWrite: false }, async (configuration) =>
        (await monitorRequests(configuration)).validateExistingMonitor(id, await asIs(body)),
      );
    },
  };
}

/** Datadog answers 409 where a monitor is in use, and names in `errors` who uses it, by id. */
async function canDelete(
  transport: DatadogTransport,
  call: Call,
  ids: readonly number[],
): Promise<DeleteHindrances> {
  const answer = await transport.send({ ...call, accepts: 409 }, async (configuration) =>
    (await monitorRequests(configuration)).checkCanDeleteMonitor([...ids]),
  );
  return hindrances(ids, answer);
}

function hindrances(ids: readonly number[], body: unknown): DeleteHindrances {
  const errors = (body as { errors?: Readonly<Record<string, unknown>> | null } | undefined)?.errors ?? {};
  const found = ids.map((id): [number, readonly string[]] => {
    const reasons = errors[String(id)];
    const lines = Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === "string") : [];
    return [id, lines.filter((line) => !/not found/i.test(line))];
  });
  return new Map(found.filter(([, lines]) => lines.length > 0));
}

async function monitorRequests(
  configuration: ConstructorParameters<typeof MonitorsApiRequestFactory>[0],
): Promise<MonitorsApiRequestFactory> {
  const api =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-v1/apis/MonitorsApi.js");
  return new api.MonitorsApiRequestFactory(configuration);
}

/**
 * A body that is sent exactly as it is. The client's typed models drop every key they don't
 * know without a word; `UnparsedObject` is its own way to carry JSON that it has no model for.
 */
async function asIs(body: object): Promise<Monitor> {
  const { UnparsedObject } =
    await import("@datadog/datadog-api-client/dist/packages/datadog-api-client-common/util.js");
  // The serializer asks for the class, whatever model is declared.
  return new UnparsedObject(body) as unknown as Monitor;
}

function nameOf(body: object): string {
  return "name" in body && typeof body.name === "string" ? `"${body.name}"` : "(without a name)";
}

function isMonitor(value: unknown): value is RawMonitor {
  return typeof value === "object" && value !== null && "id" in value && Number.isSafeInteger(value.id);
}

function monitorIn(call: Call, answer: unknown): RawMonitor {
  if (isMonitor(answer)) return answer;
  throw nonsense(call, "200 with something else than a monitor");
}

function nonsense(call: Call, answer: string): ApiError {
  return new ApiError(call.tried, answer, { failure: call.isWrite ? "ambiguous" : "unavailable" });
}
