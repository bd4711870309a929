import { catalogReader, entityRef } from "../clients/datadog-catalog.ts";
import { dashboardReader } from "../clients/datadog-dashboards.ts";
import { downtimeReader } from "../clients/datadog-downtimes.ts";
import { evaluatorReader } from "../clients/datadog-evaluators.ts";
import { metricTagsReader } from "../clients/datadog-metric-tags.ts";
import { sloReader } from "../clients/datadog-slos.ts";
import { datadogReader } from "../clients/datadog.ts";
import type { DatadogTransport } from "../clients/datadog-transport.ts";
import { ApiError } from "../clients/errors.ts";
import { didYouMean } from "../crds/suggest.ts";
import type { RawObject } from "../controllers/datadog/kind.ts";
import { UsageError } from "./print.ts";

/** Where the objects of one kind are found, whoever made them. */
interface Place {
  /** What an id looks like, where one can be told from a name. */
  readonly id: RegExp;
  readonly read: (transport: DatadogTransport, ref: string, signal: AbortSignal) => Promise<RawObject>;
  /** Everything there is, at least with id and name. */
  readonly list: (transport: DatadogTransport, signal: AbortSignal) => Promise<readonly RawObject[]>;
  readonly refOf: (raw: RawObject) => string;
  readonly nameOf: (raw: RawObject) => string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const idOf = (raw: RawObject): string => String(raw["id"]);

const PLACES: Readonly<Record<string, Place>> = {
  monitors: {
    id: /^\d+$/,
    read: async (transport, ref, signal) =>
      await datadogReader(transport).getMonitor(Number(ref), { signal, priority: "change" }),
    list: async (transport, signal) =>
      (await datadogReader(transport).listMonitors([], { signal, priority: "change" })).monitors,
    refOf: idOf,
    nameOf: (raw) => textOf(raw["name"]),
  },
  dashboards: {
    id: /^[a-z0-9]{3}-[a-z0-9]{3}-[a-z0-9]{3}$/,
    read: async (transport, ref, signal) => await dashboardReader(transport).get(ref, { signal }),
    list: async (transport, signal) => (await dashboardReader(transport).list({ signal })).objects,
    refOf: idOf,
    nameOf: (raw) => textOf(raw["title"]),
  },
  slos: {
    id: /^[0-9a-f]{32}$/,
    read: async (transport, ref, signal) => await sloReader(transport).get(ref, { signal }),
    list: async (transport, signal) => (await sloReader(transport).list(undefined, { signal })).objects,
    refOf: idOf,
    nameOf: (raw) => textOf(raw["name"]),
  },
  downtimes: {
    id: UUID,
    read: async (transport, ref, signal) => await downtimeReader(transport).get(ref, { signal }),
    list: async (transport, signal) => (await downtimeReader(transport).list({ signal })).objects,
    refOf: idOf,
    nameOf: (raw) => textOf(fieldOf(raw["attributes"], "message")),
  },
  "metric-tags": {
    id: /^[A-Za-z][\w.]*$/,
    read: async (transport, ref, signal) => await metricTagsReader(transport).get(ref, { signal }),
    list: async (transport, signal) => await metricTagsReader(transport).list({ signal }),
    refOf: idOf,
    nameOf: idOf,
  },
  catalog: {
    id: /^[a-z]+:[^/\s]+\/\S+$/,
    read: async (transport, ref, signal) => await catalogReader(transport).get(ref, { signal }),
    list: async (transport, signal) => await catalogReader(transport).list({}, { signal }),
    refOf: entityRef,
    nameOf: (raw) => textOf(fieldOf(raw["metadata"], "name")),
  },
  evaluators: {
    id: /^[^\s/]+$/,
    read: async (transport, ref, signal) => await evaluatorReader(transport).get(ref, { signal }),
    list: async (transport, signal) => await evaluatorReader(transport).list({ signal }),
    refOf: idOf,
    nameOf: idOf,
  },
};

/** What stands in Datadog of one kind, ours or not. */
export class Existing {
  readonly #transport: DatadogTransport;
  readonly #kind: string;
  readonly #noun: string;
  readonly #place: Place;

  /** @param kind The controller's name: `slos`. */
  constructor(transport: DatadogTransport, { name, noun }: { readonly name: string; readonly noun: string }) {
    const place = PLACES[name];
    if (place === undefined) throw new Error(`Nobody says where ${name} are found`);
    this.#transport = transport;
    this.#kind = name;
    this.#noun = noun;
    this.#place = place;
  }

  refOf(raw: RawObject): string {
    return this.#place.refOf(raw);
  }

  /** What a person calls it; empty if it has no name. */
  nameOf(raw: RawObject): string {
    return this.#place.nameOf(raw);
  }

  async list(signal: AbortSignal): Promise<readonly RawObject[]> {
    return await this.#place.list(this.#transport, signal);
  }

  /** @returns undefined if there is no such object. */
  async read(ref: string, signal: AbortSignal): Promise<RawObject | undefined> {
    try {
      return await this.#place.read(this.#transport, ref, signal);
    } catch (error) {
      if (error instanceof ApiError && error.failure === "notFound") return undefined;
      throw error;
    }
  }

  /** In full, each object of exactly this name. */
  async named(name: string, signal: AbortSignal): Promise<readonly RawObject[]> {
    const found = (await this.list(signal)).filter((raw) => this.nameOf(raw) === name);
    const whole = await Promise.all(found.map(async (raw) => await this.read(this.refOf(raw), signal)));
    return whole.filter((raw) => raw !== undefined);
  }

  /**
   * The object that a person means by its id or its name.
   *
   * @throws {UsageError} if there is none, or if there are several of that name.
   */
  async one(given: string, signal: AbortSignal): Promise<RawObject> {
    if (this.#place.id.test(given)) {
      const raw = await this.read(given, signal);
      if (raw !== undefined) return raw;
    }
    const all = await this.list(signal);
    const refs = all.filter((raw) => this.nameOf(raw) === given).map((raw) => this.refOf(raw));
    const [ref, ...others] = refs;
    if (ref === undefined) {
      const names = all.map((raw) => this.nameOf(raw)).filter((name) => name !== "");
      throw new UsageError(
        `no ${this.#noun} in Datadog has the id or the name ${JSON.stringify(given)}${didYouMean(given, names)}`,
      );
    }
    if (others.length > 0)
      throw new UsageError(
        `${refs.length} ${this.#kind} are named ${JSON.stringify(given)}: ${refs.join(", ")}`,
        "Name one of them by its id.",
      );
    const raw = await this.read(ref, signal);
    if (raw === undefined) throw new UsageError(`the ${this.#noun} ${ref} went a moment ago`, "Look again.");
    return raw;
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
