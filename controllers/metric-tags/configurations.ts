import type { MetricTagsReader, MetricTagsWriter } from "../../clients/datadog-metric-tags.ts";
import type { CallOptions } from "../../clients/datadog-objects.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import { isSame } from "../../engine/plan/plan.ts";
import type { RawObject } from "../datadog/kind.ts";
import { canonicalDesired, canonicalObserved, toPatch, toWire, type MetricTagsBody } from "./canonical.ts";
import { metricKey, type MetricTagsObject } from "./compile.ts";
import { conflict, deleting, explained, takeOverHash } from "./failures.ts";
import { createdAt, typeOf } from "./raw.ts";

export interface ConfigurationsOptions {
  /** A `MetricTagsReader` can only be looked at: for dry runs. */
  readonly tags: MetricTagsReader | MetricTagsWriter;
  /** A configuration can carry no mark: ours are those that we remember. */
  readonly memory: Memory;
  /** What is wished now, by key. */
  readonly wished: () => ReadonlyMap<string, MetricTagsObject>;
  /** Creates that an earlier process began and whose outcome nobody noted, and how many milliseconds ago. */
  readonly open?: (() => ReadonlyMap<string, number>) | undefined;
  /** True if a person has said that an existing configuration is to be ours. */
  readonly isTakenOver?: ((hash: string) => boolean) | undefined;
  readonly log?: { info(fields: object, message: string): void } | undefined;
  /** Milliseconds, as `Date.now()`, which stands for it if absent. */
  readonly nowMs?: (() => number) | undefined;
}

/** For so long Datadog may show what was deleted, and refuse a new one in its place (seconds, at times minutes). */
const DELETE_LAG_MS = 600_000;
/** How often a metric is asked after that can't be configured. */
const ASK_AGAIN_MS = 3_600_000;
/** The same of one that nobody has sent yet: a new application's monitors wait for its percentiles. */
const NOT_SENT_AGAIN_MS = 300_000;
/** A request that nobody answered has taken effect by then, or never does. */
const UNDER_WAY_MS = 120_000;
/** By so much Datadog's clock may be behind ours. */
const CLOCK_SKEW_MS = 60_000;

const NOT_SENT = "nobody has sent it yet";

/** Whether a metric that only queries ask about can be configured. */
interface Prospect {
  readonly isFit: boolean;
  readonly untilMs: number;
}

/** The tag configurations of an organisation, and which of them are ours. */
export class Configurations {
  readonly #options: ConfigurationsOptions;
  /** As Datadog showed them last, whoever made them, by metric. */
  #shown = new Map<string, RawObject>();
  /** What we deleted and Datadog may still show: when it was made, and until when it may be shown. */
  readonly #deleted = new Map<string, { readonly createdAt: number | undefined; readonly untilMs: number }>();
  /** When a create was sent whose outcome is not known. */
  readonly #sentAt = new Map<string, number>();
  /** Found where the outcome of a create of ours was open. */
  readonly #claimed = new WeakSet<RawObject>();
  readonly #prospects = new Map<string, Prospect>();

  constructor(options: ConfigurationsOptions) {
    this.#options = options;
  }

  /** All of them, without what is being deleted. Nothing is asked where nothing can be ours. */
  async list(options: CallOptions): Promise<readonly RawObject[]> {
    const { tags, memory, wished, open } = this.#options;
    if (memory.size === 0 && wished().size === 0 && (open?.().size ?? 0) === 0) return [];
    const found = (await tags.list(options)).filter((raw) => !this.#isBeingDeleted(raw));
    this.#shown = new Map(found.map((raw) => [metricOf(raw), raw]));
    await this.#askAfterProspects(options);
    return found;
  }

  /** @throws {ApiError} `notFound` also of what is being deleted. */
  async read(metric: string, options: CallOptions): Promise<RawObject> {
    const raw = await this.#options.tags.get(metric, options);
    if (this.#isBeingDeleted(raw)) throw deleting(`read the tag configuration of metric ${metric}`);
    this.#shown.set(metric, raw);
    return raw;
  }

  /** The configuration that an unanswered create of ours may have made. */
  async find(metric: string, options: CallOptions): Promise<readonly RawObject[]> {
    try {
      const raw = await this.read(metric, options);
      if (this.#isOfOpenCreate(raw)) this.#claimed.add(raw);
      return [raw];
    } catch (error) {
      if (error instanceof ApiError && error.failure === "notFound") return [];
      throw error;
    }
  }

  isOurs(raw: RawObject): boolean {
    return this.#options.memory.get(metricKey(metricOf(raw))) !== undefined || this.#claimed.has(raw);
  }

  /**
   * True if a configuration needs not be made: a query asks for percentiles that somebody else's
   * configuration has, or of a metric that can't be configured, or not yet.
   */
  isNeedless(metric: string): boolean {
    const key = metricKey(metric);
    const { wished, memory } = this.#options;
    if (wished().get(key)?.isDerived !== true || memory.get(key) !== undefined) return false;
    const theirs = this.#shown.get(metric);
    if (theirs !== undefined) return canonicalObserved(theirs).include_percentiles;
    // What was not asked about yet is asked about at the next look.
    return this.#prospects.get(metric)?.isFit !== true;
  }

  async create(body: MetricTagsBody, options: CallOptions): Promise<RawObject> {
    const { metric } = body;
    const tried = `create the tag configuration of metric ${metric}`;
    const shown = this.#shown.get(metric);
    if (shown !== undefined) return await this.#takeOver(tried, body, shown, options);
    const type = body.metric_type ?? (await this.#knownType(metric, options));
    this.#sentAt.set(metric, this.#now());
    try {
      const raw = await this.#writer(tried).create(toWire(body, type), options);
      this.#sentAt.delete(metric);
      this.#deleted.delete(metric);
      this.#shown.set(metric, raw);
      return raw;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.failure !== "ambiguous") this.#sentAt.delete(metric);
      if (error.failure !== "conflict") throw explained(tried, error);
      const [standing] = await this.find(metric, options);
      // Datadog refuses a new one for a while after it no longer shows the old one.
      if (standing === undefined) throw deleting(tried);
      return await this.#takeOver(tried, body, standing, options);
    }
  }

  /** Changes what differs, and sends nothing where nothing does. */
  async update(body: MetricTagsBody, options: CallOptions): Promise<RawObject> {
    const { metric } = body;
    const before = this.#shown.get(metric) ?? (await this.read(metric, options));
    if (isSame(canonicalObserved(before, body), body)) return before;
    const tried = `update the tag configuration of metric ${metric}`;
    const raw = await this.#writer(tried).update(metric, toPatch(body, typeOf(before)), options);
    this.#shown.set(metric, raw);
    return raw;
  }

  async delete(metric: string, options: CallOptions): Promise<void> {
    const shown = this.#shown.get(metric);
    await this.#writer(`delete the tag configuration of metric ${metric}`).delete(metric, options);
    this.#shown.delete(metric);
    const at = shown === undefined ? undefined : createdAt(shown);
    this.#deleted.set(metric, { createdAt: at, untilMs: this.#now() + DELETE_LAG_MS });
  }

  /** Somebody else's configuration becomes ours only if a person says so. */
  async #takeOver(
    tried: string,
    body: MetricTagsBody,
    raw: RawObject,
    options: CallOptions,
  ): Promise<RawObject> {
    const { wished, isTakenOver } = this.#options;
    if (isTakenOver?.(takeOverHash(raw)) !== true)
      throw conflict(tried, raw, wished().get(metricKey(body.metric))?.owner);
    this.#shown.set(body.metric, raw);
    return await this.update(body, options);
  }

  /** Undefined if Datadog doesn't say: then the create itself is answered. */
  async #knownType(metric: string, options: CallOptions): Promise<string | undefined> {
    try {
      return (await this.#options.tags.metadata(metric, options)).type;
    } catch (error) {
      if (error instanceof ApiError && error.failure === "notFound") return undefined;
      throw error;
    }
  }

  /** Asks again and again whether the metrics that only queries name are there, and are custom distributions. */
  async #askAfterProspects(options: CallOptions): Promise<void> {
    const { wished, memory } = this.#options;
    const now = this.#now();
    const names = [...wished()]
      .filter(([key, { isDerived }]) => isDerived && memory.get(key) === undefined)
      .map(([, { body }]) => body.metric);
    for (const metric of names) {
      const known = this.#prospects.get(metric);
      if (this.#shown.has(metric) || (known !== undefined && known.untilMs > now)) continue;
      const hindrance = await this.#hindranceOf(metric, options);
      const againMs = hindrance === NOT_SENT ? NOT_SENT_AGAIN_MS : ASK_AGAIN_MS;
      this.#prospects.set(metric, { isFit: hindrance === undefined, untilMs: now + againMs });
      if (hindrance !== undefined)
        this.#options.log?.info(
          { key: metricKey(metric), reason: hindrance },
          "a query asks for percentiles that can't be configured",
        );
    }
    for (const metric of this.#prospects.keys())
      if (!wished().has(metricKey(metric))) this.#prospects.delete(metric);
  }

  async #hindranceOf(metric: string, options: CallOptions): Promise<string | undefined> {
    try {
      const { type, integration } = await this.#options.tags.metadata(metric, options);
      if (integration !== undefined) return `it is a metric of the integration ${integration}`;
      return type === undefined || type === "distribution" ? undefined : `it is a ${type}`;
    } catch (error) {
      if (error instanceof ApiError && error.failure === "notFound") return NOT_SENT;
      throw error;
    }
  }

  #isBeingDeleted(raw: RawObject): boolean {
    const metric = metricOf(raw);
    const deleted = this.#deleted.get(metric);
    if (deleted === undefined) return false;
    if (this.#now() < deleted.untilMs && createdAt(raw) === deleted.createdAt) return true;
    this.#deleted.delete(metric);
    return false;
  }

  /** True if it was made after a create of ours was sent whose outcome nobody knows. What is older, or much younger, is somebody else's. */
  #isOfOpenCreate(raw: RawObject): boolean {
    const metric = metricOf(raw);
    const agoMs = this.#options.open?.().get(metricKey(metric));
    const sentAt = this.#sentAt.get(metric) ?? (agoMs === undefined ? undefined : this.#now() - agoMs);
    const madeAt = createdAt(raw);
    if (sentAt === undefined || madeAt === undefined) return false;
    return madeAt >= sentAt - CLOCK_SKEW_MS && madeAt <= sentAt + UNDER_WAY_MS + CLOCK_SKEW_MS;
  }

  #writer(tried: string): MetricTagsWriter {
    const { tags } = this.#options;
    if ("create" in tags) return tags;
    throw new ApiError(tried, "this run only reads", { failure: "rejected" });
  }

  #now(): number {
    return this.#options.nowMs?.() ?? Date.now();
  }
}

/** What a body is handed on as: without a type that the wish doesn't state. */
export function neutralWire({ metric, ...attributes }: MetricTagsBody): object {
  return { type: "manage_tags", id: metric, attributes };
}

export function bodyIn(wire: object): MetricTagsBody {
  return canonicalDesired({ ...wire });
}

function metricOf(raw: RawObject): string {
  return String(raw["id"]);
}
