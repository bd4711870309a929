import type { DatadogReader, DatadogWriter, RawMonitor } from "../../clients/datadog.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Target } from "../../engine/controller.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Memory } from "../../engine/memory.ts";
import { fieldChanges, type Action, type ObservedObject } from "../../engine/plan.ts";
import { canonicalObserved, familyOf, toWire, type Json, type MonitorBody } from "./canonical.ts";
import { expectOrganisation, expectSomething, type Approval } from "./guard.ts";
import { isManaged, keyTag, MANAGED_BY, markTags, ownerTag, readMark, type Mark } from "./mark.ts";

export interface MonitorTargetOptions {
  /** A `DatadogReader` makes a target that can only observe: for dry runs. */
  readonly datadog: DatadogReader | DatadogWriter;
  readonly clusterId: string;
  readonly memory: Memory;
  /** What was wished last, by key: options that Datadog sets by itself count only if the wish sets them. */
  readonly wanted?: (key: string) => MonitorBody | undefined;
  /** The organisation that was written to last, if it is remembered. */
  readonly organisation?: number | undefined;
  /** Called with every organisation that isn't the remembered one, to remember it. */
  readonly onOrganisation?: (organisation: number) => void;
  /** True if a person has approved exactly this. */
  readonly isApproved?: Approval;
  /** Called with the full JSON of what is about to be deleted, or overwritten because a person edited it. */
  readonly onBackup?: (kind: "delete" | "drift", key: string, json: string) => void;
  readonly log?: { warn(fields: object, message: string): void };
  /** How long reads may lag behind a write. 30 000 if absent. */
  readonly lagMs?: number;
  /** How long to wait before looking a second time for a monitor whose creation got no answer. 2 000 if absent. */
  readonly lookAgainMs?: number;
  readonly now?: () => number;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface MonitorTarget extends Target<MonitorBody> {
  /** Monitors that carry the mark of another one of ours, by key: clones that a person made. Never touched. */
  readonly duplicates: ReadonlyMap<string, readonly number[]>;
  /**
   * Makes an existing monitor ours by giving it our mark. Nothing else of it changes.
   *
   * @throws {ApiError} `conflict` if somebody keeps it already, or if it belongs to a synthetic test.
   */
  adopt(id: number, key: string, signal: AbortSignal): Promise<ObservedObject<MonitorBody>>;
}

/** Monitors written at once. The budget waits where Datadog's limit is lower. */
const CONCURRENCY = 8;
const LAG_MS = 30_000;
const LOOK_AGAIN_MS = 2_000;

/** The monitors of one Datadog organisation that carry this operator's mark. */
export function monitorTarget(options: MonitorTargetOptions): MonitorTarget {
  return new DatadogMonitors(options);
}

class DatadogMonitors implements MonitorTarget {
  readonly concurrency = CONCURRENCY;
  readonly #options: MonitorTargetOptions;
  readonly #memory: Memory;
  readonly #clusterId: string;
  /** When the last create of a key was sent. Kept until a list shows the monitor: reads may lag behind. */
  readonly #sentAt = new Map<string, number>();
  /** What was asked for in this process, so that the options it sets are compared. */
  readonly #asked = new Map<string, MonitorBody>();
  #organisation: number | undefined;
  #pages = 0;
  duplicates: ReadonlyMap<string, readonly number[]> = new Map();

  constructor(options: MonitorTargetOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#clusterId = options.clusterId;
    this.#organisation = options.organisation;
  }

  async observe(signal: AbortSignal): Promise<readonly ObservedObject<MonitorBody>[]> {
    const { datadog, isApproved } = this.#options;
    const { monitors, pages } = await datadog.listMonitors([MANAGED_BY, ownerTag(this.#clusterId)], {
      signal,
    });
    const listed = monitors.find((monitor) => typeof monitor["org_id"] === "number")?.["org_id"];
    const organisation = typeof listed === "number" ? listed : await datadog.organisation({ signal });
    if (organisation !== undefined && organisation !== this.#organisation) {
      expectOrganisation(this.#organisation, organisation, isApproved);
      this.#organisation = organisation;
      this.#options.onOrganisation?.(organisation);
    }

    const byKey = this.#group(monitors);
    if (byKey.size === 0 && this.#memory.size > 0) {
      await expectSomething(this.#memory, (id) => this.#isGone(id, signal), isApproved);
    }
    this.#pages = pages;
    return this.#pick(byKey);
  }

  async apply(
    action: Action<MonitorBody>,
    signal: AbortSignal,
  ): Promise<ObservedObject<MonitorBody> | undefined> {
    if (action.type === "delete") return this.#delete(action, signal);
    const { key, body } = action.desired;
    if (readMark(body.tags, this.#clusterId)?.key !== key) {
      throw new Error(`The monitor ${key} was compiled without its mark`);
    }
    this.#asked.set(key, body);
    return action.type === "create" ? this.#create(action, signal) : this.#update(action, signal);
  }

  async adopt(id: number, key: string, signal: AbortSignal): Promise<ObservedObject<MonitorBody>> {
    const raw = await this.#options.datadog.getMonitor(id, { signal, priority: "change" });
    const tags = tagsOf(raw);
    const tried = `adopt monitor ${id} as ${key}`;
    if (raw["type"] === "synthetics alert") {
      throw new ApiError(tried, "it belongs to a synthetic test", { failure: "conflict" });
    }
    if (readMark(tags, this.#clusterId)?.key === key) return this.#remember(key, raw, undefined);
    if (isManaged(tags)) throw this.#foreign(tried, tags);
    const body = canonicalObserved(raw);
    const marked = [...new Set([...tags, ...markTags({ clusterId: this.#clusterId, key, retain: false })])];
    const answer = await this.#writer(tried).updateMonitor(id, { ...toWire(body), tags: marked }, { signal });
    return this.#remember(key, answer, undefined);
  }

  /** Ours, by key. Each entry has at least one monitor, lowest id first. */
  #group(monitors: readonly RawMonitor[]): ReadonlyMap<string, readonly MarkedMonitor[]> {
    const byKey = new Map<string, MarkedMonitor[]>();
    for (const raw of monitors) {
      const mark = readMark(tagsOf(raw), this.#clusterId);
      if (mark === undefined || raw["type"] === "synthetics alert") continue;
      const same = byKey.get(mark.key);
      if (same === undefined) byKey.set(mark.key, [{ mark, raw }]);
      else same.push({ mark, raw });
    }
    return byKey;
  }

  /** One monitor for each key. Whoever clones a monitor copies its tags: the one we wrote is the one we remember, else the oldest. */
  #pick(byKey: ReadonlyMap<string, readonly MarkedMonitor[]>): readonly ObservedObject<MonitorBody>[] {
    const duplicates = new Map<string, readonly number[]>();
    const observed: ObservedObject<MonitorBody>[] = [];
    for (const [key, same] of byKey) {
      const remembered = this.#memory.get(key)?.ref;
      const ours = same.find(({ raw }) => String(raw.id) === remembered) ?? same[0];
      if (ours === undefined) continue;
      const others = same.filter((one) => one !== ours).map(({ raw }) => raw.id);
      if (others.length > 0) duplicates.set(key, others);
      this.#sentAt.delete(key);
      observed.push(this.#observed(ours.mark, ours.raw));
    }
    this.duplicates = duplicates;
    return observed;
  }

  #observed({ key, retain }: Mark, raw: RawMonitor): ObservedObject<MonitorBody> {
    const wanted = this.#options.wanted?.(key) ?? this.#asked.get(key);
    const remembered = this.#memory.get(key);
    const ref = String(raw.id);
    return {
      key,
      owner: ownerOf(key),
      body: canonicalObserved(raw, wanted),
      ref,
      retain,
      applied: remembered?.ref === ref ? remembered.applied : undefined,
    };
  }

  async #create(
    { desired: { key, body } }: Extract<Action<MonitorBody>, { type: "create" }>,
    signal: AbortSignal,
  ): Promise<ObservedObject<MonitorBody>> {
    const tried = `create monitor "${body.name}"`;
    const existing = await this.#beforeCreate(tried, key, signal);
    if (existing !== undefined) return this.#bringInLine(key, existing, body, signal);
    const writer = this.#writer(tried);
    this.#sentAt.set(key, this.#now());
    try {
      const raw = await writer.createMonitor(toWire(body), { signal });
      return this.#remember(key, raw, body);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const twin = /Duplicate of an existing monitor_id:\s*(\d+)/.exec(error.message)?.[1];
      if (twin !== undefined) return this.#takeTwin(tried, key, Number(twin), body, signal);
      if (error.failure !== "ambiguous") {
        this.#sentAt.delete(key);
        throw error;
      }
      const found = await this.#lookTwice(key, error, signal);
      return this.#bringInLine(key, found, body, signal);
    }
  }

  /**
   * Looks for what a list may have missed: the outcome of an earlier create, a monitor at the edge
   * of two pages, or one that we remember. So one missing line never makes a second monitor.
   */
  async #beforeCreate(tried: string, key: string, signal: AbortSignal): Promise<RawMonitor | undefined> {
    const sentAt = this.#sentAt.get(key);
    const remembered = this.#memory.get(key);
    if (remembered !== undefined) {
      const raw = await this.#read(Number(remembered.ref), signal);
      if (raw !== undefined && this.#isOurs(raw, key)) return raw;
      this.#memory.delete(key);
    }
    if (sentAt === undefined) return this.#pages > 1 ? this.#lookUp(key, signal) : undefined;
    const found = await this.#lookUp(key, signal);
    if (found === undefined && this.#now() - sentAt < this.#lagMs) {
      throw new ApiError(tried, "it was sent moments ago, and Datadog may not show it yet", {
        failure: "ambiguous",
        retryAfterMs: this.#lagMs - (this.#now() - sentAt),
      });
    }
    this.#sentAt.delete(key);
    return found;
  }

  /** Once at once, and once after a pause, since reads may lag behind writes. */
  async #lookTwice(key: string, error: ApiError, signal: AbortSignal): Promise<RawMonitor> {
    for (const pauseMs of [0, this.#options.lookAgainMs ?? LOOK_AGAIN_MS]) {
      if (pauseMs > 0) await (this.#options.sleep ?? sleep)(pauseMs, signal);
      const found = await this.#lookUp(key, signal).catch((cause: unknown) => {
        // The outcome stays open, whatever stopped the look-up.
        this.#options.log?.warn({ key, error: cause }, "look-up after an unanswered create failed");
        return undefined;
      });
      if (found !== undefined) return found;
    }
    throw error;
  }

  /** The one monitor that has this key's mark; the oldest if a person cloned it. */
  async #lookUp(key: string, signal: AbortSignal): Promise<RawMonitor | undefined> {
    const tags = [MANAGED_BY, ownerTag(this.#clusterId), keyTag(key)];
    const { monitors } = await this.#options.datadog.listMonitors(tags, { signal, priority: "change" });
    return monitors.find((raw) => this.#isOurs(raw, key));
  }

  /** Datadog refuses a second monitor that equals another in every field, our mark included. */
  async #takeTwin(tried: string, key: string, id: number, body: MonitorBody, signal: AbortSignal) {
    const raw = await this.#options.datadog.getMonitor(id, { signal, priority: "change" });
    const tags = tagsOf(raw);
    if (!this.#isOurs(raw, key) && isManaged(tags)) throw this.#foreign(tried, tags);
    return this.#bringInLine(key, raw, body, signal);
  }

  async #bringInLine(key: string, raw: RawMonitor, body: MonitorBody, signal: AbortSignal) {
    const isEqual = fieldChanges(body, canonicalObserved(raw, body)).length === 0;
    if (isEqual) return this.#remember(key, raw, body);
    const answer = await this.#writer(`update monitor ${raw.id}`).updateMonitor(raw.id, toWire(body), {
      signal,
    });
    return this.#remember(key, answer, body);
  }

  async #update(
    { desired, observed, drifted }: Extract<Action<MonitorBody>, { type: "update" }>,
    signal: AbortSignal,
  ): Promise<ObservedObject<MonitorBody>> {
    const { key, body } = desired;
    const id = Number(observed.ref);
    const tried = `update monitor ${id} "${body.name}"`;
    if (familyOf(observed.body.type) !== body.type) {
      throw new ApiError(tried, `Datadog can't turn a ${observed.body.type} into a ${body.type}`, {
        failure: "rejected",
        hint: `Give the monitor another name in the wish: a new one is made, and ${key} is deleted.`,
      });
    }
    if (drifted) {
      const raw = await this.#options.datadog.getMonitor(id, { signal });
      if (!this.#isOurs(raw, key)) throw this.#foreign(tried, tagsOf(raw));
      this.#options.onBackup?.("drift", key, JSON.stringify(raw));
    }
    const priority = drifted ? "drift" : "change";
    try {
      return this.#remember(
        key,
        await this.#writer(tried).updateMonitor(id, toWire(body), { signal, priority }),
        body,
      );
    } catch (error) {
      if (!(error instanceof ApiError) || error.failure !== "ambiguous") throw error;
      const raw = await this.#read(id, signal).catch(() => undefined);
      if (raw === undefined || fieldChanges(body, canonicalObserved(raw, body)).length > 0) throw error;
      return this.#remember(key, raw, body);
    }
  }

  async #delete({ observed }: Extract<Action<MonitorBody>, { type: "delete" }>, signal: AbortSignal) {
    const { key, ref, body } = observed;
    const id = Number(ref);
    const tried = `delete monitor ${id} "${body.name}"`;
    const raw = await this.#read(id, signal);
    if (raw === undefined) return this.#forget(key);
    if (!this.#isOurs(raw, key)) throw this.#foreign(tried, tagsOf(raw));
    const users = (await this.#options.datadog.canDelete([id], { signal })).get(id);
    if (users !== undefined) {
      throw new ApiError(tried, users.join("; "), {
        failure: "conflict",
        hint: "Take the monitor out of what refers to it; dd-observe deletes nothing by force.",
      });
    }
    this.#options.onBackup?.("delete", key, JSON.stringify(raw));
    try {
      await this.#writer(tried).deleteMonitor(id, { signal });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const isDone = error.failure === "ambiguous" && (await this.#isGone(id, signal).catch(() => false));
      if (error.failure !== "notFound" && !isDone) throw error;
    }
    return this.#forget(key);
  }

  #remember(key: string, raw: RawMonitor, sent: MonitorBody | undefined): ObservedObject<MonitorBody> {
    const body = canonicalObserved(raw, sent);
    const fields = sent === undefined ? [] : fieldChanges(sent, body).map((change) => change.path);
    // Without this line a rewrite that this code doesn't know would be an update at every pass, and nobody would know why.
    if (fields.length > 0)
      this.#options.log?.warn({ key, fields }, "Datadog stored a monitor otherwise than it was sent");
    const applied = hashOf(sent ?? body);
    this.#memory.set(key, { owner: ownerOf(key), ref: String(raw.id), applied });
    const retain = readMark(tagsOf(raw), this.#clusterId)?.retain ?? false;
    return { key, owner: ownerOf(key), body, ref: String(raw.id), retain, applied };
  }

  #forget(key: string): undefined {
    this.#memory.delete(key);
    this.#asked.delete(key);
    this.#sentAt.delete(key);
  }

  #isOurs(raw: RawMonitor, key: string): boolean {
    return readMark(tagsOf(raw), this.#clusterId)?.key === key;
  }

  async #read(id: number, signal: AbortSignal): Promise<RawMonitor | undefined> {
    try {
      return await this.#options.datadog.getMonitor(id, { signal });
    } catch (error) {
      if (error instanceof ApiError && error.failure === "notFound") return undefined;
      throw error;
    }
  }

  /** True if there is no such monitor, or if it is no longer ours. */
  async #isGone(id: number, signal: AbortSignal): Promise<boolean> {
    const raw = await this.#read(id, signal);
    return raw === undefined || readMark(tagsOf(raw), this.#clusterId) === undefined;
  }

  #writer(tried: string): DatadogWriter {
    const { datadog } = this.#options;
    if ("createMonitor" in datadog) return datadog;
    throw new ApiError(tried, "this run only reads", { failure: "rejected" });
  }

  #foreign(tried: string, tags: readonly string[]): ApiError {
    const whose = tags.filter((tag) => tag.startsWith("managed-by:") || tag.startsWith("dd-observe-"));
    const answer =
      whose.length === 0 ? "it no longer carries our mark" : `it carries the mark ${whose.join(", ")}`;
    return new ApiError(tried, answer, { failure: "conflict" });
  }

  get #lagMs(): number {
    return this.#options.lagMs ?? LAG_MS;
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }
}

interface MarkedMonitor {
  readonly mark: Mark;
  readonly raw: RawMonitor;
}

function tagsOf(raw: Json): readonly string[] {
  const tags = raw["tags"];
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}

/** `<service>/<name>` belongs to the service. */
function ownerOf(key: string): string {
  const slash = key.indexOf("/");
  return slash === -1 ? key : key.slice(0, slash);
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const { setTimeout } = await import("node:timers/promises");
  await setTimeout(ms, undefined, { signal });
}
