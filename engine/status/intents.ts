import { z } from "zod";

import type { KvEntry, TxnOp } from "../../clients/consul.ts";
import { toError } from "../../clients/errors.ts";
import type { Log } from "../log.ts";
import type { StatusStore } from "./status-writer.ts";

const stored = z.object({ at: z.number(), keys: z.array(z.string()) });

/** Keys of one entry: a tenth of what Consul takes for a value, whatever their length. */
const KEYS_PER_ENTRY = 250;
const STORE_MS = 10_000;
/** By then reads show whatever was created: nobody has to look for it by itself. */
const KEPT_MS = 3_600_000;

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
  /** Keys that were not open before `begin`, and of which `end` has not told yet. */
  readonly #begun = new Map<string, Set<string>>();
  /** How many entries each controller may have in the store. */
  readonly #entries = new Map<string, number>();
  /** What stands in the store for certain, by key: it needn't be written again. */
  readonly #stored = new Map<string, string>();

  constructor(options: IntentsOptions) {
    this.#options = options;
  }

  get prefix(): string {
    return this.#options.prefix;
  }

  /** Takes over what an earlier process left. */
  restore(entries: readonly KvEntry[]): void {
    for (const { key, text } of entries) {
      const [controller, n] = key.slice(this.#options.prefix.length).split("/") as [string, string?];
      if (n === undefined || !/^\d{1,4}$/.test(n)) continue; // A person's own key.
      const count = Number(n) + 1;
      this.#entries.set(controller, Math.max(this.#entries.get(controller) ?? 0, count));
      const left = parse(text);
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
    const begun = this.#begun.get(controller) ?? new Set();
    this.#begun.set(controller, begun);
    for (const key of keys) {
      if (!open.has(key)) begun.add(key);
      open.set(key, now);
    }
    await this.#save(controller, signal);
  }

  /**
   * Says of which creates the outcome is known and stored, and of which it isn't. What was begun and is neither
   * was never sent; what an earlier process left stays until it is known. What can't be noted now is noted next time.
   */
  async end(
    controller: string,
    { known, unknown }: { readonly known: ReadonlySet<string>; readonly unknown: ReadonlySet<string> },
  ): Promise<void> {
    const open = this.#openOf(controller);
    const begun = this.#begun.get(controller);
    for (const key of open.keys())
      if (known.has(key) || (begun?.has(key) === true && !unknown.has(key))) open.delete(key);
    this.#begun.delete(controller);
    try {
      await this.#save(controller, AbortSignal.timeout(STORE_MS));
    } catch (error) {
      this.#options.log.warn({ controller, error: toError(error).message }, "intents not cleared");
    }
  }

  async #save(controller: string, signal: AbortSignal): Promise<void> {
    const { prefix, store } = this.#options;
    const open = this.#openOf(controller);
    const oldest = this.#now() - KEPT_MS;
    for (const [key, at] of open) if (at < oldest) open.delete(key);
    // Of one age in one entry, so that no restart makes the old ones young again.
    const left = [...open].sort(([, a], [, b]) => a - b);
    const before = this.#entries.get(controller) ?? 0;
    const count = Math.ceil(left.length / KEYS_PER_ENTRY);
    const all = Array.from({ length: Math.max(before, count) }, (_, n): TxnOp => {
      const key = `${prefix}${controller}/${n}`;
      if (n >= count) return { verb: "delete", key };
      const part = left.slice(n * KEYS_PER_ENTRY, (n + 1) * KEYS_PER_ENTRY);
      const entry = { at: part.at(-1)![1], keys: part.map(([name]) => name) };
      return { verb: "set", key, text: JSON.stringify(entry) };
    });
    // Of what fails on its way some may be stored.
    this.#entries.set(controller, all.length);
    const ops = all.filter((op) => op.verb !== "set" || this.#stored.get(op.key) !== op.text);
    for (const { key } of ops) this.#stored.delete(key);
    for (let n = 0; n < ops.length; n += OPS) {
      const part = ops.slice(n, n + OPS);
      const result = await store(part, signal);
      if (!result.ok)
        throw new Error(`Cannot store what is about to be created: ${result.errors[0]?.what ?? "refused"}`);
      for (const op of part) if (op.verb === "set") this.#stored.set(op.key, op.text);
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
