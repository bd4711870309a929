import type { Consul } from "../../clients/consul.ts";
import type { Clock } from "../clock.ts";
import { DocumentPoll, type PolledDocuments } from "./document-poll.ts";
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

const KEY_RATE: ReadRate = { burst: 20, perSecond: 5 };
/**
 * Before Consul 1.12, a key that is not there wakes its readers when its neighbours change: those of `_defaults`,
 * on every node, at each change of any document.
 */
const ABSENT_RATE: ReadRate = { burst: 5, perSecond: 0.1 };

/** So many keys below the prefix can be sent at each change to a node with many services. */
const FEW_KEYS = 250;
/** A node that needs this share of all documents may as well be sent all of them. */
const LARGE_SHARE = 1 / 8;
/** More names than this are read by the prefix in any case. */
export const MOST_POLLED = 500;

/**
 * Keeps the documents of one node. With few services: a blocking read for each key. With more: all that lies below
 * the prefix by one blocking read, if that is little, or a look at the node's own keys now and then. See docs/adr/0002.
 */
export class DocumentWatches {
  readonly #options: DocumentWatchesOptions;
  readonly #signal: AbortSignal;
  readonly #keys = new Map<string, Slot<RawDocument | undefined>>();
  #prefix: Slot<DocumentsView> | undefined;
  #poll: (Slot<PolledDocuments> & { readonly watch: DocumentPoll }) | undefined;
  #wanted: ReadonlySet<string> = new Set();
  /** Keys below the prefix, as far as that is known. */
  #count: number | undefined;
  /** What was last picked of the prefix, so that one changed document costs no look at the others. */
  #picked: Picked | undefined;

  constructor(options: DocumentWatchesOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  get watches(): readonly Watch<unknown>[] {
    const many = [this.#prefix, this.#poll].flatMap((slot) => (slot === undefined ? [] : [slot.watch]));
    return [...many, ...[...this.#keys.values()].filter((slot) => slot.wanted).map((slot) => slot.watch)];
  }

  /** Starts and ends watches so that these documents are watched. */
  want(names: ReadonlySet<string>): void {
    this.#wanted = names;
    const services = [...names].filter((name) => !name.startsWith("_")).length;
    const { maxKeys } = this.#options;
    // Comes back to keys only well below the limit, so that one service more or less doesn't switch each time.
    const hasFew = this.#prefix === undefined && this.#poll === undefined;
    const limit = hasFew ? maxKeys : Math.floor(maxKeys * 0.7);
    if (services > limit || maxKeys === 0) this.#readMany();
    else this.#watchKeys(new Set([SENTINEL, ...names]));
  }

  #readMany(): void {
    if (this.#isPrefixCheap()) this.#watchPrefix();
    else this.#pollKeys();
  }

  #isPrefixCheap(): boolean {
    const { size } = this.#wanted;
    if (this.#options.maxKeys === 0 || size > MOST_POLLED) return true;
    if (this.#count === undefined) return false;
    // One that is watched stays so until there are twice as many.
    const scale = this.#prefix === undefined ? 1 : 2;
    return this.#count <= FEW_KEYS * scale || this.#count * LARGE_SHARE <= size * scale;
  }

  /** The wanted documents, or undefined while a watch fails or has not answered yet. */
  whole(): ReadonlyMap<string, RawDocument> | undefined {
    if (this.#prefix !== undefined) {
      const all = this.#prefix.last?.value.documents;
      return all === undefined || !isGood(this.#prefix) ? undefined : this.#pick(all);
    }
    if (this.#poll !== undefined) {
      const found = this.#poll.last?.value;
      return found?.names !== this.#wanted || !isGood(this.#poll) ? undefined : found.documents;
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
    const polled = this.#poll?.last?.value.documents;
    if (polled !== undefined) return polled;
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
    const slot: Slot<DocumentsView> = this.#start(
      (signal) =>
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
      ({ documents }) => this.#noteCount(documents.size),
    );
    this.#prefix = slot;
    this.#poll?.stop.abort();
    this.#poll = undefined;
    this.#endKeys();
  }

  #pollKeys(): void {
    if (this.#poll !== undefined) {
      this.#poll.watch.wake();
      return;
    }
    const { consul, prefix, clock, proof, give } = this.#options;
    const known = this.known();
    this.#poll = this.#start<PolledDocuments, DocumentPoll>(
      (signal) =>
        new DocumentPoll(
          {
            consul,
            prefix,
            clock,
            proof,
            names: () => this.#wanted,
            known,
            onCount: (count) => this.#noteCount(count),
          },
          signal,
        ),
    );
    this.#prefix?.stop.abort();
    this.#prefix = undefined;
    this.#endKeys();
    give();
  }

  /** Rare enough to end them at once: the connections are needed. */
  #endKeys(): void {
    for (const key of this.#keys.values()) key.stop.abort();
    this.#keys.clear();
  }

  #noteCount(count: number): void {
    this.#count = count;
    if (this.#prefix !== undefined || this.#poll !== undefined) this.#readMany();
  }

  #watchKeys(names: ReadonlySet<string>): void {
    const known = this.known();
    for (const many of [this.#prefix, this.#poll]) many?.stop.abort();
    this.#prefix = undefined;
    this.#poll = undefined;
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
          absentRate: ABSENT_RATE,
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

  #start<T, W extends Watch<T> = Watch<T>>(
    open: (signal: AbortSignal) => W,
    onValue: (value: T) => void = () => undefined,
  ): Slot<T> & { readonly watch: W } {
    const stop = new AbortController();
    const opened = open(AbortSignal.any([this.#signal, stop.signal]));
    const slot: Slot<T> & { readonly watch: W } = { watch: opened, stop, wanted: true, last: undefined };
    // The watch reads on the next turn, when its slot is known.
    queueMicrotask(() =>
      follow(opened, this.#options, (value) => {
        slot.last = { value };
        this.#options.give();
        onValue(value);
      }),
    );
    return slot;
  }
}

function isGood(slot: Slot<unknown>): boolean {
  return slot.last !== undefined && slot.watch.state.error === undefined;
}
