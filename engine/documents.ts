import { ApiError } from "../clients/errors.ts";

/** One document of the KV store, as it stands there. */
export interface RawDocument {
  /** The key below the prefix: `web`, `_defaults`, `_monitors/latency`. */
  readonly name: string;
  /** As UTF-8. */
  readonly text: string;
  /** Consul's ModifyIndex. */
  readonly generation: number;
}

/** What a read of the prefix says. */
export interface DocumentsView {
  readonly documents: ReadonlyMap<string, RawDocument>;
  /** True if the key that proves that the prefix can be read was among them. */
  readonly hasSentinel: boolean;
  /** Every key in Consul's order, to see what moved without looking each one up. */
  readonly rows: readonly Row[];
}

interface Row {
  readonly key: string;
  readonly generation: number;
}

/** A view to start from, with documents that may still be right. */
export function viewOf(documents: ReadonlyMap<string, RawDocument>): DocumentsView {
  return { documents, hasSentinel: false, rows: [] };
}

/** The key below the prefix that the operator puts, so that an empty answer can be told from a denied one. */
export const SENTINEL = ".keep";

interface WireEntry {
  readonly Key: string;
  readonly Value: string | null;
  readonly ModifyIndex: number;
}

/**
 * Brings `previous` up to an answer of `/v1/kv/<prefix>?recurse`. Documents that did not
 * change are the same objects as before; if none did, so is the map.
 *
 * The common case, some values changed and no key came or went, costs one comparison of
 * a key and a number per document; values are decoded where ModifyIndex moved.
 *
 * @param prefix With its trailing slash.
 * @param fresh True if Consul may be another one than last time: then an equal ModifyIndex
 *   proves nothing, and texts are compared.
 */
export function foldDocuments(
  previous: DocumentsView,
  body: unknown,
  prefix: string,
  fresh: boolean,
): DocumentsView {
  const entries = entriesOf(body, prefix);
  const changed = fresh ? undefined : changedValues(previous.rows, entries);
  if (changed === undefined) return foldAll(previous, entries, prefix, fresh);
  if (changed.length === 0) return previous;

  const rows = [...previous.rows];
  const documents = new Map(previous.documents);
  for (const [at, entry] of changed) {
    rows[at] = { key: entry.Key, generation: entry.ModifyIndex };
    const name = entry.Key.slice(prefix.length);
    if (isDocumentName(name)) documents.set(name, documentOf(name, entry));
  }
  return { documents, hasSentinel: previous.hasSentinel, rows };
}

/** The entries whose value moved, with their place. Undefined if keys came or went. */
function changedValues(
  rows: readonly Row[],
  entries: readonly WireEntry[],
): readonly (readonly [number, WireEntry])[] | undefined {
  if (rows.length !== entries.length) return undefined;
  const changed: [number, WireEntry][] = [];
  let at = 0;
  for (const row of rows) {
    const entry = entries[at];
    if (entry?.Key !== row.key) return undefined;
    if (entry.ModifyIndex !== row.generation) changed.push([at, entry]);
    at++;
  }
  return changed;
}

function foldAll(
  previous: DocumentsView,
  entries: readonly WireEntry[],
  prefix: string,
  fresh: boolean,
): DocumentsView {
  const documents = new Map<string, RawDocument>();
  let hasSentinel = false;
  let isSame = true;
  for (const entry of entries) {
    const name = entry.Key.slice(prefix.length);
    if (name === SENTINEL) hasSentinel = true;
    if (!isDocumentName(name)) continue;
    const known = previous.documents.get(name);
    const document = updated(known, name, entry, fresh);
    if (document !== known) isSame = false;
    documents.set(document.name, document);
  }
  const rows = entries.map((entry) => ({ key: entry.Key, generation: entry.ModifyIndex }));
  isSame &&= documents.size === previous.documents.size;
  return { documents: isSame ? previous.documents : documents, hasSentinel, rows };
}

function updated(
  known: RawDocument | undefined,
  name: string,
  entry: WireEntry,
  fresh: boolean,
): RawDocument {
  if (known === undefined) return documentOf(name, entry);
  if (!fresh && known.generation === entry.ModifyIndex) return known;
  const document = documentOf(name, entry);
  return isEqual(known, document) ? known : document;
}

/** Reads an answer of `/v1/kv/<key>`. The same object as before if it says the same; undefined if there is no such key. */
export function foldDocument(
  previous: RawDocument | undefined,
  body: unknown,
  name: string,
): RawDocument | undefined {
  if (body === undefined) return undefined;
  const entry = entriesOf(body, name)[0];
  if (entry === undefined) return undefined;
  const document = documentOf(name, entry);
  return previous !== undefined && isEqual(previous, document) ? previous : document;
}

/** Documents lie directly below the prefix; only reserved names, which begin with `_`, may have parts. */
export function isDocumentName(name: string): boolean {
  if (name === "" || name === SENTINEL || name.endsWith("/")) return false;
  return name.startsWith("_") || !name.includes("/");
}

function entriesOf(body: unknown, what: string): readonly WireEntry[] {
  if (Array.isArray(body)) return body as readonly WireEntry[];
  throw new ApiError(`read the keys below "${what}"`, "the answer is no list of keys", {
    failure: "unavailable",
  });
}

function documentOf(name: string, entry: WireEntry): RawDocument {
  const text = entry.Value === null ? "" : Buffer.from(entry.Value, "base64").toString("utf8");
  return { name, text, generation: entry.ModifyIndex };
}

function isEqual(a: RawDocument, b: RawDocument): boolean {
  return a.generation === b.generation && a.text === b.text;
}
