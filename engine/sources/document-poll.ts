import type { Consul, KvEntry } from "../../clients/consul.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import { backoffMs, type Clock } from "../clock.ts";
import { SENTINEL, type RawDocument } from "./documents.ts";
import type { Proof } from "./proof.ts";
import { Unproven, type Watch, type WatchState } from "./watch.ts";

/**
 * How often a node with many services looks at their documents. One look costs Consul as much as the end of one
 * blocking read, of which ten keys would have ten a minute: so often, and the load is about the same.
 */
export const POLL_MS = 5_000;
/** How often it is asked whether there are still so many documents that looking is cheaper than watching all of them. */
const COUNT_MS = 10 * 60_000;
/** Consul's most for one transaction. */
export const MOST_KEYS = 64;
const BACKOFF_BASE_MS = 200;
const BACKOFF_CAP_MS = 30_000;

export interface PolledDocuments {
  /** What was looked at. */
  readonly names: ReadonlySet<string>;
  /** Those that are there. */
  readonly documents: ReadonlyMap<string, RawDocument>;
}

export interface DocumentPollOptions {
  readonly consul: Consul;
  /** Without a trailing slash. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly proof: Proof;
  /** What to look at, asked before each look. */
  readonly names: () => ReadonlySet<string>;
  /** Documents that may still be right: those that did not change stay the same objects. */
  readonly known: ReadonlyMap<string, RawDocument>;
  /** Told now and then how many keys there are below the prefix. */
  readonly onCount: (keys: number) => void;
}

/** Looks at a node's documents again and again, all of them at one moment where they fit into one transaction. */
export class DocumentPoll implements Watch<PolledDocuments> {
  readonly state: WatchState;
  readonly #options: DocumentPollOptions;
  readonly #signal: AbortSignal;
  #known: ReadonlyMap<string, RawDocument>;
  #given: PolledDocuments | undefined;
  #awake = new AbortController();
  #countDueMs = 0;

  constructor(options: DocumentPollOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#known = options.known;
    const startedMs = options.clock.wallMs();
    this.state = { name: "documents", ready: false, startedMs, lastProgressMs: 0, error: undefined };
  }

  /** Looks at once: other documents are wanted. */
  wake(): void {
    this.#awake.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PolledDocuments, void, undefined> {
    const { clock } = this.#options;
    let failures = 0;
    while (!this.#signal.aborted) {
      this.#awake = new AbortController();
      let pauseMs = POLL_MS * (0.9 + 0.2 * clock.random());
      try {
        // Until a restarted Consul has replayed its log, it answers others with what stood there long ago.
        const found = await this.#look(this.state.error !== undefined || !this.state.ready);
        failures = 0;
        this.state.error = undefined;
        this.state.ready = true;
        this.state.lastProgressMs = clock.wallMs();
        if (found !== this.#given) {
          this.#given = found;
          yield found;
        }
        await this.#count();
      } catch (error) {
        if (this.#signal.aborted) return;
        failures++;
        this.state.error = reasonOf(error);
        const backoff = backoffMs(failures, BACKOFF_BASE_MS, BACKOFF_CAP_MS, clock.random());
        pauseMs = Math.max(backoff, this.state.error.retryAfterMs ?? 0);
      }
      const either = AbortSignal.any([this.#signal, this.#awake.signal]);
      await clock.sleep(pauseMs, either).catch(() => undefined);
    }
  }

  async #look(consistent: boolean): Promise<PolledDocuments> {
    const { consul, prefix, proof } = this.#options;
    const names = this.#options.names();
    const documents = await readDocuments(
      { consul, prefix, proof, names, known: this.#known, consistent },
      this.#signal,
    );
    const given = this.#given;
    const isSame =
      given?.names === names &&
      given.documents.size === documents.size &&
      [...documents].every(([name, document]) => given.documents.get(name) === document);
    this.#known = documents;
    return isSame ? given : { names, documents };
  }

  async #count(): Promise<void> {
    const { consul, prefix, clock, onCount } = this.#options;
    if (clock.monotonicMs() < this.#countDueMs) return;
    const { length } = await consul.kvKeys(`${prefix}/`, this.#signal);
    this.#countDueMs = clock.monotonicMs() + COUNT_MS * (0.5 + clock.random());
    onCount(length);
  }
}

function reasonOf(error: unknown): ApiError {
  if (error instanceof Unproven) return error.reason;
  if (error instanceof ApiError) return error;
  const { message } = toError(error);
  return new ApiError("read the documents of this node", message, { failure: "unavailable", cause: error });
}

/**
 * Reads documents by their names, with the sentinel in each call: what is absent beside it is really absent.
 *
 * @throws {ApiError} if they can't be read.
 * @throws {Unproven} if the sentinel is not there.
 */
export async function readDocuments(
  {
    consul,
    prefix,
    proof,
    names,
    known,
    consistent,
  }: Pick<DocumentPollOptions, "consul" | "prefix" | "proof" | "known"> & {
    readonly names: ReadonlySet<string>;
    readonly consistent: boolean;
  },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, RawDocument>> {
  const keyOf = (name: string): string => `${prefix}/${name}`;
  const present = new Set([SENTINEL, ...known.keys()].map(keyOf));
  const documents = new Map<string, RawDocument>();
  const all = [...names];
  for (let at = 0; at < all.length; at += MOST_KEYS - 1) {
    const part = all.slice(at, at + MOST_KEYS - 1);
    const options = { present, ...(consistent ? { consistent } : {}) };
    const entries = await consul.kvGetMany([SENTINEL, ...part].map(keyOf), options, signal);
    await proof.sentinel(entries.has(keyOf(SENTINEL)), signal);
    for (const name of part) {
      const entry = entries.get(keyOf(name));
      if (entry !== undefined) documents.set(name, documentOf(name, entry, known.get(name)));
    }
  }
  return documents;
}

function documentOf(name: string, entry: KvEntry, known: RawDocument | undefined): RawDocument {
  const isSame = known?.generation === entry.modifyIndex && known.text === entry.text;
  return isSame ? known : { name, text: entry.text, generation: entry.modifyIndex };
}
