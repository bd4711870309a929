import { z } from "zod";

import type { KvEntry, TxnOp } from "../../clients/consul.ts";
import { toError } from "../../clients/errors.ts";
import type { Log } from "../log.ts";
import type { StatusStore } from "./status-writer.ts";

const stored = z.object({ at: z.number(), keys: z.array(z.string()) });

/** Keys of one entry: a tenth of what Consul takes for a value, whatever their length. */
const KEYS_PER_ENTRY = 250;
const STORE_MS = 10_000;

/** Where intents stand, below the state prefix. */
export function intentsPrefix(statePrefix: string): string {
  return `${statePrefix}/intents/`;
}

export interface IntentsOptions {
  /** With a trailing slash. */
  readonly prefix: string;
  readonly store: StatusStore;
  readonly log: Log;
  readonly wallMs?: () => number;
}

/**
 * What the leader is about to create, written down before the first request leaves. A process that dies between
 * a create and the note of its outcome leaves this behind: its successor looks for the object before it creates it.
 */
export class Intents {
  readonly #options: IntentsOptions;
  /** Since when each key's create is open, in milliseconds as from `Date.now()`, by controller. */
  readonly #open = new Map<string, Map<string, number>>();
  /** How many entries each controller has in the store. */
  readonly #entries = new Map<string, number>();

  constructor(options: IntentsOptions) {
    this.#options = options;
  }

  get prefix(): string {
    return this.#options.prefix;
  }

  /** Takes over what an earlier process left. */
  restore(entries: readonly KvEntry[]): void {
    for (const { key, text } of entries) {
      const controller = key.slice(this.#options.prefix.length).split("/")[0]!;
      const left = parse(text);
      this.#entries.set(controller, (this.#entries.get(controller) ?? 0) + 1);
      const open = this.#openOf(controller);
      for (const name of left?.keys ?? []) open.set(name, left!.at);
    }
  }

  /** Creates whose outcome nobody has noted, and since when, in milliseconds as from `Date.now()`. */
  openOf(controller: string): ReadonlyMap<string, number> {
    return this.#openOf(controller);
  }

  /** The same in milliseconds ago, for whoever has another clock. */
  agesOf(controller: string): ReadonlyMap<string, number> {
    const now = this.#now();
    return new Map([...this.#openOf(controller)].map(([key, at]) => [key, Math.max(0, now - at)]));
  }

  /**
   * Stores that these objects are about to be created.
   *
   * @throws what the store throws: then nothing may be created.
   */
  async begin(controller: string, keys: readonly string[], signal: AbortSignal): Promise<void> {
    const now = this.#now();
    const open = this.#openOf(controller);
    for (const key of keys) open.set(key, now);
    await this.#save(controller, now, signal);
  }

  /** Says that the outcomes of all creates but these are known and stored. What can't be noted now is noted next time. */
  async end(controller: string, stillOpen: ReadonlySet<string>): Promise<void> {
    const open = this.#openOf(controller);
    for (const key of open.keys()) if (!stillOpen.has(key)) open.delete(key);
    try {
      await this.#save(controller, this.#now(), AbortSignal.timeout(STORE_MS));
    } catch (error) {
      this.#options.log.warn({ controller, error: toError(error).message }, "intents not cleared");
    }
  }

  async #save(controller: string, at: number, signal: AbortSignal): Promise<void> {
    const { prefix, store } = this.#options;
    const keys = [...this.#openOf(controller).keys()];
    const before = this.#entries.get(controller) ?? 0;
    const count = Math.ceil(keys.length / KEYS_PER_ENTRY);
    const ops = Array.from({ length: Math.max(before, count) }, (_, n): TxnOp => {
      const key = `${prefix}${controller}/${n}`;
      const part = keys.slice(n * KEYS_PER_ENTRY, (n + 1) * KEYS_PER_ENTRY);
      return n < count
        ? { verb: "set", key, text: JSON.stringify({ at, keys: part }) }
        : { verb: "delete", key };
    });
    for (let n = 0; n < ops.length; n += OPS) {
      const result = await store(ops.slice(n, n + OPS), signal);
      if (!result.ok)
        throw new Error(`Cannot store what is about to be created: ${result.errors[0]?.what ?? "refused"}`);
    }
    this.#entries.set(controller, count);
  }

  #openOf(controller: string): Map<string, number> {
    let open = this.#open.get(controller);
    if (open === undefined) this.#open.set(controller, (open = new Map()));
    return open;
  }

  #now(): number {
    return this.#options.wallMs?.() ?? Date.now();
  }
}

/** Entries of one transaction: with the longest keys still far below Consul's 512 KiB. */
const OPS = 8;

function parse(text: string): z.infer<typeof stored> | undefined {
  try {
    return stored.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not ours, or cut off: then the objects are looked for by their marks alone.
  }
}
