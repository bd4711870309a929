import { LineCounter, isMap, isScalar, parseDocument, visit, type Document, type YAMLError } from "yaml";

import type { Position, Problem } from "./problem.ts";

/** Limits of every text that comes from outside. */
export const DOCUMENT_LIMITS = { bytes: 64 * 1024, depth: 24, aliases: 20 } as const;

/** Limits of a pack's files, which the operator installs: the table of a large system's metrics is long. */
export const PACK_FILE_LIMITS: TextLimits = { ...DOCUMENT_LIMITS, bytes: 512 * 1024 };

export interface TextLimits {
  readonly bytes: number;
  readonly depth: number;
  readonly aliases: number;
}

/** A text that is YAML (JSON is a part of it), before any schema. */
export interface YamlText {
  readonly value: unknown;
  /** Where the key of a path such as `monitors.x.critical` stands; of a path that isn't there, its nearest parent. */
  readonly find: (path: string) => Position | undefined;
}

/** Reads YAML 1.2 within the limits. Nothing but texts can be keys, and a key stands once. */
export function readYaml(
  owner: string,
  text: string,
  limits: TextLimits = DOCUMENT_LIMITS,
): YamlText | Problem {
  const size = Buffer.byteLength(text);
  if (size > limits.bytes) {
    const message = `the document has ${size} bytes; at most ${limits.bytes} are read`;
    return { owner, reason: "TooLarge", message };
  }
  const { document, positionAt } = parse(text);
  const broken = document.errors[0] ?? document.warnings[0];
  if (broken !== undefined) return brokenYaml(owner, broken, positionAt);
  const key = badKey(document);
  if (key !== undefined) {
    return { owner, reason: "InvalidYaml", message: key.message, at: positionAt(key.offset) };
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: limits.aliases }) ?? {};
    if (isDeeperThan(value, limits.depth)) return tooDeep(owner);
    return { value, find: (path) => positionOf(document, path, positionAt) };
  } catch (error) {
    // The library throws nothing else here than for an alias: too many, or without an anchor.
    if (!(error instanceof ReferenceError)) throw error;
    const message = `the document uses more than ${limits.aliases} aliases, or one that is not defined`;
    return { owner, reason: "TooManyAliases", message };
  }
}

/** Finds places in a text that is known to be well-formed. */
export function finderIn(text: string): YamlText["find"] {
  const { document, positionAt } = parse(text);
  return (path) => positionOf(document, path, positionAt);
}

function parse(text: string): {
  document: Document.Parsed;
  positionAt: (offset: number) => Position;
} {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // The library compares every key with every other, which takes seconds in a hostile text. badKey does it once.
    uniqueKeys: false,
    logLevel: "error",
  });
  return {
    document,
    positionAt: (offset) => {
      const { line, col } = lines.linePos(offset);
      return { line, column: col };
    },
  };
}

function tooDeep(owner: string): Problem {
  const message = `the document is nested deeper than ${DOCUMENT_LIMITS.depth} levels`;
  return { owner, reason: "TooDeep", message };
}

/** The library's words where they speak of the document, ours where they speak of the library. */
function brokenYaml(owner: string, error: YAMLError, positionAt: (offset: number) => Position): Problem {
  if (error.code === "RESOURCE_EXHAUSTION") return tooDeep(owner);
  return {
    owner,
    reason: "InvalidYaml",
    message: wordsFor(error),
    at: positionAt(error.pos[0]),
  };
}

function wordsFor({ code, message }: YAMLError): string {
  const quoting = QUOTING.find(([pattern]) => pattern.test(message));
  return quoting?.[1] ?? YAML_WORDS[code] ?? lowerFirst(message.split("\n", 1)[0]!);
}

/** What the library words by its own tokens although all that is missing is a pair of quotes. */
const QUOTING: readonly (readonly [RegExp, string])[] = [
  [
    /^Unexpected flow-(?:map|seq)-\w+ at node end/,
    "a text with { } or [ ] needs quotes here, such as query: 'avg(last_5m):avg:system.load.1{*} > 4'",
  ],
  [
    /^Unexpected .* at node end/,
    "something stands after the end of this value; a text needs quotes around all of it",
  ],
  [
    /^Tags and anchors must be separated/,
    "a text that begins with ! or & needs quotes, such as '!${monitor:down}'",
  ],
];

const COLON =
  "a colon with a blank after it makes a mapping, and none can begin here; put quotes around a text that has one, or look at the indentation";

const YAML_WORDS: Readonly<Partial<Record<YAMLError["code"], string>>> = {
  MULTIPLE_DOCS: "only one document is read; remove what stands after the line ---",
  NON_STRING_KEY: "a key must be a text",
  TAB_AS_INDENT: "a tab can't indent; use blanks",
  BAD_SCALAR_START: "a text that begins with @ or ` needs quotes, such as '@slack-ml'",
  TAG_RESOLVE_FAILED:
    "tags such as !name are not read; remove it, or put quotes around a text that begins with !",
  BLOCK_AS_IMPLICIT_KEY: COLON,
  BLOCK_IN_FLOW: COLON,
};

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

const REFUSED_KEYS: ReadonlyMap<string, string> = new Map([
  // Schemas skip it without a word.
  ["__proto__", "__proto__ can't be a key"],
  ["<<", "the merge key << is not read; write the fields out"],
]);

function badKey(document: Document.Parsed): { message: string; offset: number } | undefined {
  let bad: { message: string; offset: number } | undefined;
  visit(document, {
    Map(_at, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (REFUSED_KEYS.has(name) || seen.has(name)) {
          const message = REFUSED_KEYS.get(name) ?? `the key ${shorten(name)} stands twice`;
          bad = { message, offset: key.range?.[0] ?? 0 };
          return visit.BREAK;
        }
        seen.add(name);
      }
      return undefined;
    },
  });
  return bad;
}

function isDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return limit === 0 || Object.values(value).some((inner) => isDeeperThan(inner, limit - 1));
}

/** Keeps a text from outside short enough for a message. */
export function shorten(text: string, length = 60): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** Names may hold dots, so the longest match is tried first. */
function positionOf(
  document: Document.Parsed,
  path: string,
  positionAt: (offset: number) => Position,
): Position | undefined {
  if (path === "") return undefined;
  const names = path.split(".");
  let node: unknown = document.contents;
  let found: number | undefined;
  for (let at = 0; at < names.length;) {
    let step: Step | undefined;
    for (let used = names.length - at; used > 0 && step === undefined; used--)
      step = stepInto(node, names.slice(at, at + used).join("."), used);
    if (step === undefined) break;
    found = step.offset ?? found;
    node = step.next;
    at += step.used;
  }
  return found === undefined ? undefined : positionAt(found);
}

interface Step {
  readonly next: unknown;
  readonly offset: number | undefined;
  readonly used: number;
}

function stepInto(node: unknown, name: string, used: number): Step | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === name);
    if (pair === undefined || !isScalar(pair.key)) return undefined;
    return { next: pair.value, offset: pair.key.range?.[0], used };
  }
  if (typeof node === "object" && node !== null && "items" in node && Array.isArray(node.items)) {
    const item: unknown = /^\d+$/.test(name) ? node.items[Number(name)] : undefined;
    if (item === undefined) return undefined;
    const range =
      typeof item === "object" && item !== null && "range" in item && Array.isArray(item.range)
        ? item.range
        : undefined;
    return { next: item, offset: range === undefined ? undefined : Number(range[0]), used };
  }
  return undefined;
}
