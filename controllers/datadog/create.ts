import { setTimeout as sleepFor } from "node:timers/promises";

import { ApiError } from "../../clients/errors.ts";
import type { Memory } from "../../engine/plan/memory.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import type { DatadogKind, KindWriter, RawObject } from "./kind.ts";
import type { Lookup } from "./lookup.ts";

/** An object that is there now, and whether it was made just now, of exactly what was sent. */
export interface Created {
  readonly raw: RawObject;
  readonly isNew: boolean;
}

/** How reads lag behind writes, and the clock that tells. */
export interface CreateTiming {
  /** Creates that an earlier process began and whose outcome nobody noted, and how many milliseconds ago. */
  readonly open?: () => ReadonlyMap<string, number>;
  /** How long reads may lag behind a write. 30 000 if absent. */
  readonly lagMs?: number;
  /** How long to wait before looking a second time for an object whose creation got no answer. 2 000 if absent. */
  readonly lookAgainMs?: number;
  readonly now?: () => number;
  readonly wallMs?: () => number;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export interface CreatorOptions<Body> {
  readonly kind: DatadogKind<Body>;
  readonly lookup: Lookup;
  readonly memory: Memory;
  readonly timing: CreateTiming;
  readonly log: { warn(fields: object, message: string): void } | undefined;
}

const LAG_MS = 30_000;
const LOOK_AGAIN_MS = 2_000;

/**
 * Creates objects, never twice.
 *
 * A create may take effect though its answer is lost, and a read may not show it yet. So before a key
 * is created it is looked for wherever it may hide, and a create whose outcome is open is not repeated
 * until reads must show it.
 */
export class Creator<Body> {
  readonly #options: CreatorOptions<Body>;
  /** When the last create of a key was sent. Kept until a list shows the object. */
  readonly #sentAt = new Map<string, number>();
  /** When an earlier process sent a create whose outcome it couldn't note, ms since the epoch. Kept as long. */
  readonly #inherited = new Map<string, number>();
  /** True if the last list had several pages, so that an object at a page's edge may have been missed. */
  #mayHaveMissed = false;
  /** Keys that there were at the last list that was whole, or that came later. Undefined before such a list. */
  #seen: Set<string> | undefined;
  /** Keys that may be there though the last list doesn't have them. */
  readonly #doubtful = new Set<string>();

  constructor(options: CreatorOptions<Body>) {
    this.#options = options;
  }

  /** Takes over what an earlier process was about to create. Whatever it was, it is looked for first. */
  inherit(): void {
    for (const [key, agoMs] of this.#options.timing.open?.() ?? []) {
      if (this.#sentAt.has(key)) continue;
      this.#sentAt.set(key, this.#now() - agoMs);
      this.#inherited.set(key, this.#wallMs() - agoMs);
    }
  }

  /** To be called with the keys that a list shows. */
  listed(keys: Iterable<string>, mayHaveMissed: boolean): void {
    this.#mayHaveMissed = mayHaveMissed;
    if (mayHaveMissed) for (const key of keys) this.#seen?.add(key);
    else this.#seen = new Set(keys);
  }

  /** To be called for every key that a list shows, or that is deleted. */
  settled(key: string): void {
    this.#sentAt.delete(key);
    this.#inherited.delete(key);
    this.#doubtful.delete(key);
    this.#options.memory.confirm(key);
  }

  /** To be called with keys that may be there though the last list doesn't have them. */
  doubt(keys: Iterable<string>): void {
    for (const key of keys) this.#doubtful.add(key);
  }

  /** True if a create was sent that no list has shown yet. */
  get hasOpen(): boolean {
    return this.#sentAt.size > 0;
  }

  /** For how long yet reads may not show the last create of a key. 0 if they must. */
  recencyMs(key: string): number {
    return Math.max(0, this.#lagMs - Math.min(this.#sentAgoMs(key), Math.max(0, this.#createdAgoMs(key))));
  }

  /**
   * True if reads may not show the object that we remember, since it was made moments ago. An object that is gone and
   * was to be made anew is none: whatever else has its mark may be the new one, sent by a process that couldn't note it.
   */
  isRememberedRecent(key: string): boolean {
    const createdAt = this.#options.memory.get(key)?.createdAt;
    if (createdAt === undefined || this.#createdAgoMs(key) >= this.#lagMs) return false;
    return createdAt >= (this.#inherited.get(key) ?? -Infinity);
  }

  /** Infinity if none was sent that no list has shown yet. */
  #sentAgoMs(key: string): number {
    return this.#now() - (this.#sentAt.get(key) ?? -Infinity);
  }

  /** Of the object that we remember, by this process or an earlier one. Infinity once a list has shown it. */
  #createdAgoMs(key: string): number {
    return this.#wallMs() - (this.#options.memory.get(key)?.createdAt ?? -Infinity);
  }

  get #lagMs(): number {
    return this.#options.timing.lagMs ?? LAG_MS;
  }

  /**
   * @returns The object of this key as it stands. It may differ from the wish if it was there already.
   * @throws {ApiError} `ambiguous` if a create was sent whose outcome can't be told yet.
   */
  async create(
    { key, body }: DesiredObject<Body>,
    writer: KindWriter,
    signal: AbortSignal,
  ): Promise<Created> {
    const { kind } = this.#options;
    const tried = `create ${kind.noun} "${kind.titleOf(body)}"`;
    const existing = await this.#find(tried, key, signal);
    if (existing !== undefined) return { raw: existing, isNew: false };
    this.#sentAt.set(key, this.#now());
    try {
      const raw = await writer.create(kind.toWire(body), { signal });
      this.#seen?.add(key);
      return { raw, isNew: true };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const twin = kind.twinIn?.(error.message);
      if (twin !== undefined) return { raw: await this.#takeTwin(tried, key, twin, signal), isNew: false };
      if (error.failure === "ambiguous")
        return { raw: await this.#lookTwice(key, error, signal), isNew: false };
      this.settled(key);
      throw error;
    }
  }

  /** Looks for what a list may have missed: the outcome of an earlier create, an object at the edge of two pages, one that we remember. */
  async #find(tried: string, key: string, signal: AbortSignal): Promise<RawObject | undefined> {
    const { lookup, memory } = this.#options;
    const waitMs = this.recencyMs(key);
    const remembered = memory.get(key);
    if (remembered !== undefined) {
      const raw = await lookup.read(remembered.ref, signal);
      if (raw !== undefined && lookup.isOurs(raw, key)) return raw;
      if (waitMs === 0) memory.delete(key);
    }
    // What never was there can't be missed.
    const mayHide = this.#mayHaveMissed && this.#seen?.has(key) !== false;
    const isOpen = waitMs > 0 || this.#sentAt.has(key) || this.#doubtful.has(key);
    if (!isOpen && !mayHide) return undefined;
    const found = await lookup.byKey(key, signal);
    if (found === undefined && waitMs > 0) {
      const answer = "it was sent moments ago, and Datadog may not show it yet";
      throw new ApiError(tried, answer, { failure: "ambiguous", retryAfterMs: waitMs });
    }
    this.settled(key);
    return found;
  }

  /** Once at once, and once after a pause. */
  async #lookTwice(key: string, error: ApiError, signal: AbortSignal): Promise<RawObject> {
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

  /** Datadog refuses a second object that equals another in every field. It is ours to take unless somebody else's mark is on it. */
  async #takeTwin(tried: string, key: string, ref: string, signal: AbortSignal): Promise<RawObject> {
    const { kind, lookup } = this.#options;
    const raw = await kind.read(ref, { signal, priority: "change" });
    if (!lookup.isOurs(raw, key) && kind.marksOf(raw).length > 0) throw lookup.foreignError(tried, raw);
    return raw;
  }

  #wallMs(): number {
    return this.#options.timing.wallMs?.() ?? Date.now();
  }

  #now(): number {
    return this.#options.timing.now?.() ?? performance.now();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<unknown> {
  return sleepFor(ms, undefined, { signal });
}
