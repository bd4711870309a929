/** What stands right of a key. A block is an object; a key that comes twice is there twice. */
export type HclValue = string | number | boolean | readonly HclValue[] | HclBody;

/** Keys and values in the order in which they stand. */
export interface HclBody {
  readonly items: readonly HclItem[];
}

export interface HclItem {
  readonly key: string;
  /** Texts between the key and the block: `plugin "docker" { … }`. */
  readonly labels: readonly string[];
  readonly value: HclValue;
}

/** A text that is no HCL. The message says the line and what was expected there. */
export class HclError extends Error {
  override readonly name = "HclError";
}

/**
 * Writes one block of plain settings as both versions of HCL read it.
 *
 * @param settings In the order in which they shall stand.
 */
export function writeBlock(
  name: string,
  settings: readonly (readonly [key: string, value: string | number | boolean | readonly string[]])[],
): string {
  const width = Math.max(0, ...settings.map(([key]) => key.length));
  const lines = settings.map(([key, value]) => `  ${key.padEnd(width)} = ${writeValue(value)}\n`);
  return `${name} {\n${lines.join("")}}\n`;
}

function writeValue(value: string | number | boolean | readonly string[]): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "object") return `[${value.map(quote).join(", ")}]`;
  return String(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t" };

/**
 * `${` and `%{` begin a template in HCL 2 and must be closed in HCL 1, which has no way to
 * say that they don't; the sign by its number is none in either.
 */
function quote(text: string): string {
  const escaped = text.replace(/["\\]|[$%](?=\{)|[\p{Cc}\u2028\u2029]/gu, (sign) => {
    return ESCAPES[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}

/**
 * Reads a configuration file of Nomad's: HCL 1, or JSON, which it tells apart by the first sign.
 *
 * @throws {HclError}
 */
export function readConfigFile(text: string): HclBody {
  return /^\s*\{/.test(text) ? readJson(text) : new Reader(text).file();
}

function readJson(text: string): HclBody {
  try {
    const found = fromJson(JSON.parse(text));
    if (isBody(found)) return found;
  } catch (error) {
    throw new HclError(`no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw new HclError("no object of settings");
}

function fromJson(value: unknown): HclValue {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === "object" && value !== null)
    return {
      items: Object.entries(value).map(([key, inner]) => ({ key, labels: [], value: fromJson(inner) })),
    };
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : "";
}

export function isBody(value: HclValue): value is HclBody {
  return typeof value === "object" && !Array.isArray(value);
}

const WORD = /[\p{L}_][\p{L}\p{N}_.-]*/uy;
const NUMBER = /[+-]?(?:0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)/iy;
const SPACE = /(?:\s+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const HEREDOC = /<<(-?)([\p{L}\p{N}_]+)\r?\n/uy;

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.startsWith("\u{feff}") ? text.slice(1) : text;
  }

  file(): HclBody {
    return { items: this.#items("") };
  }

  #items(end: string): readonly HclItem[] {
    const items: HclItem[] = [];
    for (;;) {
      this.#space();
      const sign = this.#text[this.#at] ?? "";
      if (sign === end) {
        this.#at += end.length;
        return items;
      }
      if (sign === "") throw this.#wrong("a closing }");
      items.push(this.#item());
      this.#space();
      if (this.#text[this.#at] === ",") this.#at++;
    }
  }

  #item(): HclItem {
    const key = this.#key();
    const labels: string[] = [];
    for (;;) {
      this.#space();
      const sign = this.#text[this.#at];
      if (sign === "=") {
        this.#at++;
        return { key, labels, value: this.#value() };
      }
      if (sign === "{") {
        this.#at++;
        return { key, labels, value: { items: this.#items("}") } };
      }
      if (sign === undefined) throw this.#wrong("= or {");
      labels.push(this.#key());
    }
  }

  #key(): string {
    return this.#match(WORD)?.[0] ?? (this.#text[this.#at] === '"' ? this.#string() : this.#fail("a key"));
  }

  #value(): HclValue {
    this.#space();
    const sign = this.#text[this.#at];
    if (sign === '"') return this.#string();
    if (sign === "{") {
      this.#at++;
      return { items: this.#items("}") };
    }
    if (sign === "[") return this.#list();
    const heredoc = this.#match(HEREDOC);
    if (heredoc !== undefined) return this.#heredoc(heredoc[2] ?? "", heredoc[1] === "-");
    const number = this.#match(NUMBER);
    if (number !== undefined) return Number(number[0]);
    const word = this.#match(WORD)?.[0];
    return word === "true" || word === "false" ? word === "true" : this.#fail("a value");
  }

  #list(): readonly HclValue[] {
    this.#at++;
    const values: HclValue[] = [];
    for (;;) {
      this.#space();
      if (this.#text[this.#at] === "]") {
        this.#at++;
        return values;
      }
      values.push(this.#value());
      this.#space();
      if (this.#text[this.#at] === ",") this.#at++;
      else if (this.#text[this.#at] !== "]") this.#fail(", or ]");
    }
  }

  /** Within `${…}` everything stands as it is, quotes too. */
  #string(): string {
    this.#at++;
    let found = "";
    let depth = 0;
    for (;;) {
      const sign = this.#text[this.#at] ?? this.#fail('a closing "');
      if (depth === 0 && sign === "\n") this.#fail('a closing "');
      this.#at++;
      if (depth === 0 && sign === '"') return found;
      if (sign === "$" && this.#text[this.#at] === "{") {
        depth++;
        this.#at++;
        found += "${";
        continue;
      }
      if (depth > 0 && sign === "{") depth++;
      if (depth > 0 && sign === "}") depth--;
      found += depth === 0 && sign === "\\" ? this.#escaped() : sign;
    }
  }

  #escaped(): string {
    const sign = this.#text[this.#at++] ?? "";
    const size = { x: 2, u: 4, U: 8 }[sign];
    if (size !== undefined) {
      const digits = this.#text.slice(this.#at, this.#at + size);
      const point = Number.parseInt(digits, 16);
      if (!/^[0-9a-f]+$/i.test(digits) || digits.length < size || point > 0x10_ffff)
        this.#fail(`${size} digits`);
      this.#at += size;
      return String.fromCodePoint(point);
    }
    return (
      { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v", '"': '"', "\\": "\\" }[sign] ??
      this.#fail("an escape")
    );
  }

  #heredoc(marker: string, isIndented: boolean): string {
    const lines: string[] = [];
    for (;;) {
      const end = this.#text.indexOf("\n", this.#at);
      const line = this.#text.slice(this.#at, end === -1 ? undefined : end);
      this.#at = end === -1 ? this.#text.length : end + 1;
      if (line.trim() === marker) break;
      if (end === -1) this.#fail(`a closing ${marker}`);
      lines.push(`${line}\n`);
    }
    if (!isIndented) return lines.join("");
    const indent = Math.min(...lines.map((line) => /^[ \t]*/.exec(line)![0].length));
    return lines.map((line) => line.slice(Number.isFinite(indent) ? indent : 0)).join("");
  }

  #space(): void {
    this.#match(SPACE);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #fail(expected: string): never {
    throw this.#wrong(expected);
  }

  #wrong(expected: string): HclError {
    const line = this.#text.slice(0, this.#at).split("\n").length;
    return new HclError(`line ${line}: ${expected} was expected`);
  }
}
