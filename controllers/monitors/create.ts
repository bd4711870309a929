import { setTimeout as sleepFor } from "node:timers/promises";

import type { DatadogReader, DatadogWriter, RawMonitor } from "../../clients/datadog.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { toWire, type MonitorBody } from "./canonical.ts";
import { foreignError, tagsOf, type MonitorLookup } from "./lookup.ts";
import { isManaged } from "./mark.ts";

/** How reads lag behind writes, and the clock that tells. */
export interface CreateTiming {
  /** How long reads may lag behind a write. 30 000 if absent. */
  readonly lagMs?: number;
  /** How long to wait before looking a second time for a monitor whose creation got no answer. 2 000 if absent. */
  readonly lookAgainMs?: number;
  readonly now?: () => number;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export interface MonitorCreatorOptions {
  readonly datadog: DatadogReader;
  readonly lookup: MonitorLookup;
  readonly memory: Memory;
  readonly timing: CreateTiming;
  readonly log: { warn(fields: object, message: string): void } | undefined;
}

const LAG_MS = 30_000;
const LOOK_AGAIN_MS = 2_000;

/**
 * Creates monitors, never twice.
 *
 * A create may take effect though its answer is lost, and a read may not show it yet. So before a key
 * is created it is looked for wherever it may hide, and a create whose outcome is open is not repeated
 * until reads must show it.
 */
export class MonitorCreator {
  readonly #options: MonitorCreatorOptions;
  /** When the last create of a key was sent. Kept until a list shows the monitor. */
  readonly #sentAt = new Map<string, number>();
  /** True if the last list had several pages, so that a monitor at a page's edge may have been missed. */
  mayHaveMissed = false;

  constructor(options: MonitorCreatorOptions) {
    this.#options = options;
  }

  /** To be called for every key that a list shows, or that is deleted. */
  settled(key: string): void {
    this.#sentAt.delete(key);
  }

  /** For how long yet reads may not show the last create of a key. 0 if they must. */
  recencyMs(key: string): number {
    const sentAt = this.#sentAt.get(key);
    if (sentAt === undefined) return 0;
    return Math.max(0, sentAt + (this.#options.timing.lagMs ?? LAG_MS) - this.#now());
  }

  /**
   * @returns The monitor of this key as it stands. It may differ from the wish if it was there already.
   * @throws {ApiError} `ambiguous` if a create was sent whose outcome can't be told yet.
   */
  async create(
    { key, body }: DesiredObject<MonitorBody>,
    writer: DatadogWriter,
    signal: AbortSignal,
  ): Promise<RawMonitor> {
    const tried = `create monitor "${body.name}"`;
    const existing = await this.#find(tried, key, signal);
    if (existing !== undefined) return existing;
    this.#sentAt.set(key, this.#now());
    try {
      return await writer.createMonitor(toWire(body), { signal });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const twin = /Duplicate of an existing monitor_id:\s*(\d+)/.exec(error.message)?.[1];
      if (twin !== undefined) return this.#takeTwin(tried, key, Number(twin), signal);
      if (error.failure === "ambiguous") return this.#lookTwice(key, error, signal);
      this.settled(key);
      throw error;
    }
  }

  /** Looks for what a list may have missed: the outcome of an earlier create, a monitor at the edge of two pages, one that we remember. */
  async #find(tried: string, key: string, signal: AbortSignal): Promise<RawMonitor | undefined> {
    const { lookup, memory } = this.#options;
    const waitMs = this.recencyMs(key);
    const remembered = memory.get(key);
    if (remembered !== undefined) {
      const raw = await lookup.read(Number(remembered.ref), signal);
      if (raw !== undefined && lookup.isOurs(raw, key)) return raw;
      if (waitMs === 0) memory.delete(key);
    }
    if (!this.#sentAt.has(key) && !this.mayHaveMissed) return undefined;
    const found = await lookup.byKey(key, signal);
    if (found === undefined && waitMs > 0) {
      const answer = "it was sent moments ago, and Datadog may not show it yet";
      throw new ApiError(tried, answer, { failure: "ambiguous", retryAfterMs: waitMs });
    }
    this.settled(key);
    return found;
  }

  /** Once at once, and once after a pause. */
  async #lookTwice(key: string, error: ApiError, signal: AbortSignal): Promise<RawMonitor> {
    const { lookup, log, timing } = this.#options;
    for (const pauseMs of [0, timing.lookAgainMs ?? LOOK_AGAIN_MS]) {
      if (pauseMs > 0) await (timing.sleep ?? sleep)(pauseMs, signal);
      const found = await lookup.byKey(key, signal).catch((cause: unknown) => {
        // The outcome stays open, whatever stopped the look-up.
        log?.warn({ key, error: cause }, "look-up after an unanswered create failed");
        return undefined;
      });
      if (found !== undefined) return found;
    }
    throw error;
  }

  /** Datadog refuses a second monitor that equals another in every field. It is ours to take unless somebody else's mark is on it. */
  async #takeTwin(tried: string, key: string, id: number, signal: AbortSignal): Promise<RawMonitor> {
    const { datadog, lookup } = this.#options;
    const raw = await datadog.getMonitor(id, { signal, priority: "change" });
    if (!lookup.isOurs(raw, key) && isManaged(tagsOf(raw))) throw foreignError(tried, raw);
    return raw;
  }

  #now(): number {
    return this.#options.timing.now?.() ?? performance.now();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<unknown> {
  return sleepFor(ms, undefined, { signal });
}
