import { splitComparison } from "../comparison.ts";

/**
 * A metric monitor's query, taken apart: `avg(last_5m):` + expression + ` > 0.9`. Nothing of the text is
 * lost, blanks included: {@link printMetricQuery} of what was parsed is the text itself.
 *
 * @see https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor
 */
export interface MetricQuery {
  /** How time is summed up; undefined where the query has no such beginning. */
  readonly head: Head | undefined;
  readonly parts: readonly Part[];
  /** ` > 0.9` as it is written; empty where there is no comparison. */
  readonly tail: string;
}

export interface Head {
  /** `avg`, also inside `change(avg(last_5m),1h_ago):` */
  readonly aggregator: string;
  /** `last_5m` */
  readonly window: string;
  /** The head as it is written, colon included. */
  readonly text: string;
}

/** A text stands for signs, numbers, words and blanks between the others. */
export type Part = string | Series | Group;

/** One metric with all that belongs to it: `sum:a.b{env:prod} by {host}.as_count()`. */
export interface Series {
  readonly kind: "series";
  readonly aggregator: string | undefined;
  /** The colon after the aggregator, with the blanks around it. */
  readonly colon: string;
  readonly metric: string;
  /** Blanks before the scope. */
  readonly gap: string;
  /** What stands between the braces; undefined without braces. */
  readonly scope: string | undefined;
  /** ` by {host}` as it is written, or empty. */
  readonly by: string;
  /** `.as_count()`, `.rollup(sum, 60)` */
  readonly methods: readonly string[];
}

/** A function's call, or plain brackets where the name is empty. */
export interface Group {
  readonly kind: "group";
  /** With the bracket: `default_zero(`. */
  readonly open: string;
  readonly parts: readonly Part[];
  /** `)`, or empty where it is missing. */
  readonly close: string;
}

const HEAD =
  /^\s*(?:(?:change|pct_change)\s*\(\s*)?([a-z]+)\s*\(\s*([^(),]*?)\s*\)(?:\s*,\s*[^()]*?\))?\s*:\s*/;
const METRIC = /[A-Za-z_][\w.]*(?:-[A-Za-z_][\w.]*(?![\w.]|\s*[:(]))*/y;
const AGGREGATOR = /([A-Za-z][\w.]*)\s*:\s*(?=[A-Za-z_])/y;
const QUOTED = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/y;
const NUMBER = /\d[\w]*(?:\.\d+)?|\.\d+/y;
const GAP = /\s+(?=\{)/y;
const OPEN = /\s*\(/y;
const BY = /\s*\bby\s*(?=\{)/y;
const METHOD = /\s*\.\s*[a-z_]+\s*(?=\()/y;
const METHODS = new Set(["as_count", "as_rate", "rollup", "fill", "weighted"]);

export function parseMetricQuery(query: string): MetricQuery {
  const comparison = splitComparison(query);
  const leftEnd =
    comparison === undefined ? query.length : query.indexOf(comparison.left) + comparison.left.length;
  const left = query.slice(0, leftEnd);
  const match = HEAD.exec(left);
  const head =
    match === null ? undefined : { aggregator: match[1] ?? "", window: match[2] ?? "", text: match[0] };
  const reader = new Reader(left, head?.text.length ?? 0);
  return { head, parts: reader.parts(false), tail: query.slice(leftEnd) };
}

export function printMetricQuery({ head, parts, tail }: MetricQuery): string {
  return `${head?.text ?? ""}${parts.map(printPart).join("")}${tail}`;
}

export function printSeries({ aggregator, colon, metric, gap, scope, by, methods }: Series): string {
  const space = aggregator === undefined ? "" : `${aggregator}${colon}`;
  return `${space}${metric}${gap}${scope === undefined ? "" : `{${scope}}`}${by}${methods.join("")}`;
}

function printPart(part: Part): string {
  if (typeof part === "string") return part;
  return part.kind === "series"
    ? printSeries(part)
    : `${part.open}${part.parts.map(printPart).join("")}${part.close}`;
}

/** Every metric of a query, in the order in which they stand. */
export function seriesOf(parts: readonly Part[]): readonly Series[] {
  return parts.flatMap((part) => {
    if (typeof part === "string") return [];
    return part.kind === "series" ? [part] : seriesOf(part.parts);
  });
}

/** The query with each metric replaced: by a changed one, or by a text such as `( a + b )`. */
export function mapSeries(query: MetricQuery, change: (series: Series) => Series | string): MetricQuery {
  const map = (parts: readonly Part[]): readonly Part[] =>
    parts.map((part) => {
      if (typeof part === "string") return part;
      return part.kind === "series" ? change(part) : { ...part, parts: map(part.parts) };
    });
  return { ...query, parts: map(query.parts) };
}

/** Reads an expression from left to right. */
class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** @param isInside True between brackets: there a word without a dot is an argument, not a metric. */
  parts(isInside: boolean): readonly Part[] {
    const parts: Part[] = [];
    const end = isInside ? ")" : undefined;
    while (this.#at < this.#text.length && this.#text[this.#at] !== end) parts.push(this.#part(isInside));
    return parts;
  }

  #part(isInside: boolean): Part {
    const plain = this.#take(QUOTED) ?? this.#take(NUMBER);
    if (plain !== undefined) return plain;
    if (!/[A-Za-z_(]/.test(this.#text[this.#at] ?? "")) return this.#text[this.#at++] ?? "";
    const start = this.#at;
    const aggregator = this.#take(AGGREGATOR);
    const word = this.#take(METRIC) ?? "";
    const open = this.#take(OPEN);
    if (open !== undefined) {
      const method = word.slice(word.lastIndexOf(".") + 1);
      // `a.b.as_count()` without a scope: the name ends before the method.
      if (!word.includes(".") || !METHODS.has(method)) return this.#group(this.#text.slice(start, this.#at));
      this.#at -= open.length + method.length + 1;
      return this.#series(aggregator, word.slice(0, -method.length - 1));
    }
    const next = this.#text.slice(this.#at).trimStart()[0];
    const isArgument = next === "=" || (isInside && !word.includes(".") && next !== "{");
    if (aggregator === undefined && isArgument) return word;
    return this.#series(aggregator, word);
  }

  #group(open: string): Group {
    const parts = this.parts(true);
    const close = this.#text[this.#at] === ")" ? ")" : "";
    this.#at += close.length;
    return { kind: "group", open, parts, close };
  }

  #series(aggregator: string | undefined, metric: string): Series {
    const gap = this.#take(GAP) ?? "";
    const braces = this.#text[this.#at] === "{" ? this.#bracketed("{", "}") : undefined;
    const before = this.#take(BY);
    const isClosed = braces?.endsWith("}") !== false;
    const groups = before === undefined ? "" : `${before}${this.#bracketed("{", "}")}`;
    const methods: string[] = [];
    for (let method = this.#take(METHOD); method !== undefined; method = this.#take(METHOD))
      methods.push(`${method}${this.#bracketed("(", ")")}`);
    const name = aggregator?.replace(/\s*:\s*$/, "");
    return {
      kind: "series",
      aggregator: name,
      colon: name === undefined ? ":" : (aggregator ?? "").slice(name.length),
      metric,
      gap,
      // A brace that is never closed is no scope, and still part of the text.
      scope: isClosed ? braces?.slice(1, -1) : undefined,
      by: isClosed ? groups : `${braces}${groups}`,
      methods,
    };
  }

  /** From a bracket to the one that closes it, both included; to the end of the text where none does. */
  #bracketed(open: string, close: string): string {
    const start = this.#at;
    let depth = 0;
    while (this.#at < this.#text.length) {
      if (this.#take(QUOTED) !== undefined) continue;
      const char = this.#text[this.#at++];
      if (char === open) depth++;
      else if (char === close && --depth === 0) break;
    }
    return this.#text.slice(start, this.#at);
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match[0];
  }
}
