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
 * Costs little more than a look at every entry: values are decoded where ModifyIndex moved.
 *
 * @param prefix With its trailing slash.
 * @param fresh True if Consul may be another one than last time: then an equal ModifyIndex
 *   proves nothing, and texts are compared.
 */
export function foldDocuments(
  previous: ReadonlyMap<string, RawDocument>,
  body: unknown,
  prefix: string,
  fresh: boolean,
): DocumentsView {
  const entries = entriesOf(body, prefix);
  let next: Map<string, RawDocument> | undefined;
  let hasSentinel = false;
  let count = 0;

  for (const entry of entries) {
    const name = entry.Key.slice(prefix.length);
    if (name === SENTINEL) hasSentinel = true;
    if (!isDocumentName(name)) continue;
    count++;
    const known = previous.get(name);
    if (known !== undefined && !fresh && known.generation === entry.ModifyIndex) continue;
    const document = documentOf(name, entry);
    if (known !== undefined && isEqual(known, document)) continue;
    next ??= new Map(previous);
    next.set(name, document);
  }

  const merged = next ?? previous;
  if (count === merged.size) return { documents: merged, hasSentinel };
  const names = entries.map((entry) => entry.Key.slice(prefix.length)).filter(isDocumentName);
  const kept = names.flatMap((name) => merged.get(name) ?? []);
  return { documents: new Map(kept.map((document) => [document.name, document])), hasSentinel };
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
