import { ApiError } from "../../clients/errors.ts";
import { diffAnswers } from "./answer-diff.ts";
import { patched } from "../plan/patch.ts";

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
  /** The answer, to see what the next one changes. */
  readonly raw: Buffer;
}

/** A view to start from, with documents that may still be right. */
export function viewOf(documents: ReadonlyMap<string, RawDocument>): DocumentsView {
  return { documents, hasSentinel: false, raw: Buffer.alloc(0) };
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
 * Parses only what differs from the last answer. It compares bytes, not ModifyIndex: a
 * Consul that was replaced may hold another text behind the same number.
 *
 * @param prefix With its trailing slash.
 * @throws if the answer is no list of keys.
 */
export function foldDocuments(previous: DocumentsView, raw: Buffer, prefix: string): DocumentsView {
  const diff = diffAnswers(previous.raw, raw);
  if (diff === undefined) return foldAll(previous, raw, prefix);
  const nameOf = ({ Key: key }: WireEntry): string => key.slice(prefix.length);
  const after = diff.after.map((text) => JSON.parse(text) as WireEntry);
  const left = new Set(after.map(nameOf));
  const gone = diff.before
    .map((text) => nameOf(JSON.parse(text) as WireEntry))
    .filter((name) => !left.has(name));
  const hasSentinel = left.has(SENTINEL) || (previous.hasSentinel && !gone.includes(SENTINEL));
  const changed = after.filter((entry) => isDocumentName(nameOf(entry)));
  if (changed.length === 0 && !gone.some(isDocumentName)) {
    return { documents: previous.documents, hasSentinel, raw };
  }

  const changes = new Map<string, RawDocument | undefined>(gone.map((name) => [name, undefined]));
  for (const entry of changed) {
    const name = nameOf(entry);
    changes.set(name, updated(previous.documents.get(name), name, entry));
  }
  return { documents: patched(previous.documents, changes), hasSentinel, raw };
}

function foldAll(previous: DocumentsView, raw: Buffer, prefix: string): DocumentsView {
  const entries = entriesOf(JSON.parse(raw.toString("utf8")), prefix);
  const documents = new Map<string, RawDocument>();
  let hasSentinel = false;
  let isSame = true;
  for (const entry of entries) {
    const name = entry.Key.slice(prefix.length);
    if (name === SENTINEL) hasSentinel = true;
    if (!isDocumentName(name)) continue;
    const known = previous.documents.get(name);
    const document = updated(known, name, entry);
    if (document !== known) isSame = false;
    documents.set(name, document);
  }
  isSame &&= documents.size === previous.documents.size;
  return { documents: isSame ? previous.documents : documents, hasSentinel, raw };
}

function updated(known: RawDocument | undefined, name: string, entry: WireEntry): RawDocument {
  const document = documentOf(name, entry);
  return known !== undefined && isEqual(known, document) ? known : document;
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
