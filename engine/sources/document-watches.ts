import type { Consul } from "../../clients/consul.ts";
import type { Clock } from "../clock.ts";
import {
  foldDocument,
  foldDocuments,
  SENTINEL,
  viewOf,
  type DocumentsView,
  type RawDocument,
} from "./documents.ts";
import { changedKeys, patched } from "../plan/patch.ts";
import type { Proof } from "./proof.ts";
import { documentsRequest, follow, keyRequest } from "./source.ts";
import { KV_RATE, watch, type ReadRate, type Watch } from "./watch.ts";

export interface DocumentWatchesOptions {
  readonly consul: Consul;
  /** Without a trailing slash. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly proof: Proof;
  /** With more documents of services than this, one read of the whole prefix takes the place of one read each. */
  readonly maxKeys: number;
  /** Where a mistake in our own code is reported. */
  readonly fail: (error: unknown) => void;
  /** Called when a document may have changed. */
  readonly give: () => void;
}

/** One watch, of a key or of the whole prefix. */
interface Slot<T> {
  readonly watch: Watch<T>;
  readonly stop: AbortController;
  /** False while a read that nobody needs any more runs to its end. */
  wanted: boolean;
  last: { readonly value: T } | undefined;
}

interface Picked {
  readonly all: ReadonlyMap<string, RawDocument>;
  readonly wanted: ReadonlySet<string>;
  readonly documents: ReadonlyMap<string, RawDocument>;
}

const NOTHING_PICKED: Picked = { all: new Map(), wanted: new Set(), documents: new Map() };

/** A key that is not there wakes its readers at every write to Consul's KV store, before Consul 1.12. */
const KEY_RATE: ReadRate = { burst: 20, perSecond: 5 };

/**
 * Keeps the documents of one node: by a blocking read per key while the node has few
 * services, by one of the whole prefix when it has many. See docs/adr/0002.
 */
export class DocumentWatches {
  readonly #options: DocumentWatchesOptions;
  readonly #signal: AbortSignal;
  readonly #keys = new Map<string, Slot<RawDocument | undefined>>();
  #prefix: Slot<DocumentsView> | undefined;
  #wanted: ReadonlySet<string> = new Set();
  /** What was last picked of the prefix, so that one changed document costs no look at the others. */
  #picked: Picked | undefined;

  constructor(options: DocumentWatchesOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  get watches(): readonly Watch<unknown>[] {
    const prefix = this.#prefix === undefined ? [] : [this.#prefix.watch];
    return [...prefix, ...[...this.#keys.values()].filter((slot) => slot.wanted).map((slot) => slot.watch)];
  }

  /** Starts and ends watches so that these documents are watched. */
  want(names: ReadonlySet<string>): void {
    this.#wanted = names;
    const services = [...names].filter((name) => !name.startsWith("_")).length;
    const { maxKeys } = this.#options;
    // Comes back to keys only well below the limit, so that one service more or less doesn't switch each time.
    const limit = this.#prefix === undefined ? maxKeys : Math.floor(maxKeys * 0.7);
    if (services > limit || maxKeys === 0) this.#watchPrefix();
    else this.#watchKeys(new Set([SENTINEL, ...names]));
  }

  /** The wanted documents, or undefined while a watch fails or has not answered yet. */
  whole(): ReadonlyMap<string, RawDocument> | undefined {
    if (this.#prefix !== undefined) {
      const all = this.#prefix.last?.value.documents;
      return all === undefined || !isGood(this.#prefix) ? undefined : this.#pick(all);
    }
    const found = new Map<string, RawDocument>();
    for (const name of [SENTINEL, ...this.#wanted]) {
      const slot = this.#keys.get(name);
      if (slot === undefined || !isGood(slot)) return undefined;
      const document = slot.last?.value;
      if (document !== undefined && name !== SENTINEL) found.set(name, document);
    }
    return found;
  }

  #pick(all: ReadonlyMap<string, RawDocument>): ReadonlyMap<string, RawDocument> {
    const wanted = this.#wanted;
    const before = this.#picked?.wanted === wanted ? this.#picked : NOTHING_PICKED;
    const names = before === NOTHING_PICKED ? wanted : changedKeys(before.all, all);
    const changes = new Map<string, RawDocument | undefined>();
    for (const name of names) if (wanted.has(name)) changes.set(name, all.get(name));
    this.#picked = { all, wanted, documents: patched(before.documents, changes) };
    return this.#picked.documents;
  }

  /** Everything that has been read, so that unchanged documents stay the same objects. */
  known(): ReadonlyMap<string, RawDocument> {
    const prefix = this.#prefix?.last?.value.documents;
    if (prefix !== undefined) return prefix;
    const found = [...this.#keys].flatMap(([name, slot]) => {
      const document = slot.last?.value;
      return document === undefined || name === SENTINEL ? [] : [[name, document] as const];
    });
    return new Map(found);
  }

  #watchPrefix(): void {
    if (this.#prefix !== undefined) return;
    const { consul, prefix, clock, proof } = this.#options;
    const before = viewOf(this.known());
    const slot: Slot<DocumentsView> = this.#start((signal) =>
      watch<DocumentsView>(
        {
          name: "documents",
          read: consul.read,
          request: documentsRequest(prefix),
          rate: KV_RATE,
          clock,
          async decode(answer) {
            const known = slot.last?.value ?? before;
            const next = answer.status === 404 ? undefined : foldDocuments(known, answer.raw, `${prefix}/`);
            return await proof.documents(next, signal);
          },
        },
        signal,
      ),
    );
    this.#prefix = slot;
    // Rare enough to end them at once: the connections are needed.
    for (const key of this.#keys.values()) key.stop.abort();
    this.#keys.clear();
  }

  #watchKeys(names: ReadonlySet<string>): void {
    const known = this.known();
    this.#prefix?.stop.abort();
    this.#prefix = undefined;
    for (const [name, slot] of this.#keys) slot.wanted = names.has(name);
    for (const name of names) {
      if (this.#keys.has(name)) continue;
      this.#makeRoom();
      this.#keys.set(name, this.#watchKey(name, known.get(name)));
    }
  }

  /** Ends the oldest watch that nobody needs if all places are taken: sentinel, two reserved documents, services. */
  #makeRoom(): void {
    if (this.#keys.size < this.#options.maxKeys + 3) return;
    for (const [name, slot] of this.#keys) {
      if (slot.wanted) continue;
      slot.stop.abort();
      this.#keys.delete(name);
      return;
    }
  }

  #watchKey(name: string, known: RawDocument | undefined): Slot<RawDocument | undefined> {
    const { consul, prefix, clock, proof } = this.#options;
    const slot: Slot<RawDocument | undefined> = this.#start((signal) =>
      watch<RawDocument | undefined>(
        {
          name: `document ${name}`,
          read: consul.read,
          request: keyRequest(prefix, name),
          rate: KEY_RATE,
          clock,
          async decode(answer) {
            if (name === SENTINEL) await proof.sentinel(answer.status === 200, signal);
            const previous = slot.last === undefined ? known : slot.last.value;
            return foldDocument(previous, answer.body(), name);
          },
          isOver: () => {
            if (slot.wanted) return false;
            if (this.#keys.get(name) === slot) this.#keys.delete(name);
            return true;
          },
        },
        signal,
      ),
    );
    return slot;
  }

  #start<T>(open: (signal: AbortSignal) => Watch<T>): Slot<T> {
    const stop = new AbortController();
    const opened = open(AbortSignal.any([this.#signal, stop.signal]));
    const slot: Slot<T> = { watch: opened, stop, wanted: true, last: undefined };
    // The watch reads on the next turn, when its slot is known.
    queueMicrotask(() =>
      follow(opened, this.#options, (value) => {
        slot.last = { value };
        this.#options.give();
      }),
    );
    return slot;
  }
}

function isGood(slot: Slot<unknown>): boolean {
  return slot.last !== undefined && slot.watch.state.error === undefined;
}
