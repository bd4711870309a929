import type { DatadogReader, DatadogValidator, DatadogWriter, RawMonitor } from "../../clients/datadog.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Target } from "../../engine/loop/controller.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import { fieldChanges, type Action, type ObservedObject } from "../../engine/plan/plan.ts";
import { canonicalObserved, familyOf, toWire, type MonitorBody } from "./canonical.ts";
import { MonitorCreator, type CreateTiming } from "./create.ts";
import { expectOrganisation, expectSomething, type Approval } from "./guard.ts";
import { foreignError, MonitorLookup, tagsOf } from "./lookup.ts";
import {
  isManaged,
  MANAGED_BY,
  markTags,
  MAX_KEY_LENGTH,
  ownerOfKey,
  ownerTag,
  readMark,
  type Mark,
} from "./mark.ts";

export interface MonitorTargetOptions extends CreateTiming {
  /** A `DatadogReader` makes a target that can only observe: for dry runs. */
  readonly datadog: DatadogReader | DatadogWriter;
  readonly validator?: DatadogValidator | undefined;
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

/** The monitors of one Datadog organisation that carry this operator's mark. */
export function monitorTarget(options: MonitorTargetOptions): MonitorTarget {
  return new DatadogMonitors(options);
}

class DatadogMonitors implements MonitorTarget {
  readonly concurrency = CONCURRENCY;
  readonly #options: MonitorTargetOptions;
  readonly #memory: Memory;
  readonly #clusterId: string;
  readonly #lookup: MonitorLookup;
  readonly #creator: MonitorCreator;
  /** What was asked for in this process, so that the options it sets are compared. */
  readonly #asked = new Map<string, MonitorBody>();
  #organisation: number | undefined;
  duplicates: ReadonlyMap<string, readonly number[]> = new Map();

  constructor(options: MonitorTargetOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#clusterId = options.clusterId;
    this.#lookup = new MonitorLookup(options.datadog, options.clusterId);
    this.#creator = new MonitorCreator({
      datadog: options.datadog,
      lookup: this.#lookup,
      memory: options.memory,
      timing: options,
      log: options.log,
    });
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
      const missing = {
        // Where no organisation is to be seen, the monitors may well stand in another one.
        isGone: async (id: number) => organisation !== undefined && this.#lookup.isGone(id, signal),
        isRecent: (key: string) => this.#creator.recencyMs(key) > 0,
      };
      await expectSomething(this.#memory, missing, isApproved);
    }
    this.#creator.mayHaveMissed = pages > 1;
    return this.#pick(byKey);
  }

  async apply(
    action: Action<MonitorBody>,
    signal: AbortSignal,
  ): Promise<ObservedObject<MonitorBody> | undefined> {
    if (action.type === "delete") return this.#delete(action, signal);
    const { key, body } = action.desired;
    if (key.length > MAX_KEY_LENGTH) {
      throw new ApiError(
        `keep monitor ${key}`,
        `its name and its service's are over ${MAX_KEY_LENGTH} characters`,
        {
          failure: "rejected",
          hint: "Datadog cuts longer tags off, and the mark with them. Shorten one of the names.",
        },
      );
    }
    if (readMark(body.tags, this.#clusterId)?.key !== key) {
      throw new Error(`The monitor ${key} was compiled without its mark`);
    }
    this.#asked.set(key, body);
    return action.type === "create" ? this.#create(action, signal) : this.#update(action, signal);
  }

  async validate(action: Action<MonitorBody>, signal: AbortSignal): Promise<void> {
    const { validator } = this.#options;
    if (validator === undefined || action.type === "delete") return;
    const wire = toWire(action.desired.body);
    if (action.type === "create") await validator.validateMonitor(wire, { signal });
    else await validator.validateExisting(Number(action.observed.ref), wire, { signal });
  }

  async adopt(id: number, key: string, signal: AbortSignal): Promise<ObservedObject<MonitorBody>> {
    const raw = await this.#options.datadog.getMonitor(id, { signal, priority: "change" });
    const tags = tagsOf(raw);
    const tried = `adopt monitor ${id} as ${key}`;
    if (raw["type"] === "synthetics alert") {
      throw new ApiError(tried, "it belongs to a synthetic test", { failure: "conflict" });
    }
    if (this.#lookup.isOurs(raw, key)) return this.#remember(key, raw, undefined);
    if (isManaged(tags)) throw foreignError(tried, raw);
    const body = canonicalObserved(raw);
    const marked = [...new Set([...tags, ...markTags({ clusterId: this.#clusterId, key, retain: false })])];
    const answer = await this.#writer(tried).updateMonitor(id, { ...toWire(body), tags: marked }, { signal });
    return this.#remember(key, answer, undefined);
  }

  /** Ours, by key. Each entry has at least one monitor, lowest id first. */
  #group(monitors: readonly RawMonitor[]): ReadonlyMap<string, readonly MarkedMonitor[]> {
    const byKey = new Map<string, MarkedMonitor[]>();
    for (const raw of monitors) {
      const mark = this.#lookup.markOf(raw);
      if (mark === undefined) continue;
      const same = byKey.get(mark.key);
      if (same === undefined) byKey.set(mark.key, [{ mark, raw }]);
      else same.push({ mark, raw });
    }
    return byKey;
  }

  /**
   * One monitor for each key. Whoever clones a monitor copies its tags: ours is the one that we
   * remember, else the oldest. What was once seen as a clone never becomes ours by itself.
   */
  #pick(byKey: ReadonlyMap<string, readonly MarkedMonitor[]>): readonly ObservedObject<MonitorBody>[] {
    const duplicates = new Map<string, readonly number[]>();
    const observed: ObservedObject<MonitorBody>[] = [];
    for (const [key, same] of byKey) {
      const remembered = this.#memory.get(key)?.ref;
      const ours =
        same.find(({ raw }) => String(raw.id) === remembered) ??
        same.find(({ raw }) => !this.#lookup.clones.has(raw.id));
      const others = same.filter((one) => one !== ours).map(({ raw }) => raw.id);
      if (others.length > 0) duplicates.set(key, others);
      for (const id of others) this.#lookup.clones.add(id);
      if (ours === undefined) continue;
      this.#creator.settled(key);
      observed.push(this.#observed(ours.mark, ours.raw));
    }
    this.duplicates = duplicates;
    return observed;
  }

  #observed({ key, retain }: Mark, raw: RawMonitor): ObservedObject<MonitorBody> {
    const wanted = this.#options.wanted?.(key) ?? this.#asked.get(key);
    const remembered = this.#memory.get(key);
    const ref = String(raw.id);
    const applied = remembered?.ref === ref ? remembered.applied : undefined;
    const whole = canonicalObserved(raw);
    // Where it stands exactly as we wrote it, Datadog has set nothing by itself: an option that is no longer wished has to go.
    const isAsWritten = applied !== undefined && applied === hashOf(whole);
    const body = isAsWritten ? whole : canonicalObserved(raw, wanted);
    return { key, owner: ownerOfKey(key), body, ref, retain, applied };
  }

  async #create(
    { desired }: Extract<Action<MonitorBody>, { type: "create" }>,
    signal: AbortSignal,
  ): Promise<ObservedObject<MonitorBody>> {
    const { key, body } = desired;
    const writer = this.#writer(`create monitor "${body.name}"`);
    const raw = await this.#creator.create(desired, writer, signal);
    const isEqual = fieldChanges(body, canonicalObserved(raw, body)).length === 0;
    // What was found instead of made may be an older version of the wish.
    return this.#remember(
      key,
      isEqual ? raw : await writer.updateMonitor(raw.id, toWire(body), { signal }),
      body,
    );
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
      if (!this.#lookup.isOurs(raw, key)) throw foreignError(tried, raw);
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
      const raw = await this.#lookup.read(id, signal).catch(() => undefined);
      if (raw === undefined || fieldChanges(body, canonicalObserved(raw, body)).length > 0) throw error;
      return this.#remember(key, raw, body);
    }
  }

  async #delete({ observed }: Extract<Action<MonitorBody>, { type: "delete" }>, signal: AbortSignal) {
    const { key, ref, body } = observed;
    const id = Number(ref);
    const tried = `delete monitor ${id} "${body.name}"`;
    const raw = await this.#lookup.read(id, signal);
    if (raw === undefined) return this.#forget(key);
    if (!this.#lookup.isOurs(raw, key)) throw foreignError(tried, raw);
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
      const isDone =
        error.failure === "ambiguous" && (await this.#lookup.isGone(id, signal).catch(() => false));
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
    this.#memory.set(key, { owner: ownerOfKey(key), ref: String(raw.id), applied });
    this.#lookup.clones.delete(raw.id);
    const retain = this.#lookup.markOf(raw)?.retain ?? false;
    return { key, owner: ownerOfKey(key), body, ref: String(raw.id), retain, applied };
  }

  #forget(key: string): undefined {
    this.#memory.delete(key);
    this.#asked.delete(key);
    this.#creator.settled(key);
  }

  #writer(tried: string): DatadogWriter {
    const { datadog } = this.#options;
    if ("createMonitor" in datadog) return datadog;
    throw new ApiError(tried, "this run only reads", { failure: "rejected" });
  }
}

interface MarkedMonitor {
  readonly mark: Mark;
  readonly raw: RawMonitor;
}
