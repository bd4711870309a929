/** Longer lines are read up to here: what comes after is labels and a value. */
const MAX_LINE = 4_096;
/** Names of further families are not kept: an endpoint of a stranger may have any number. */
const MAX_FAMILIES = 20_000;

const TYPE = /^#\s*TYPE\s+(\S+)/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{|\s+[-+]?(?:[0-9.]|Inf|NaN))/;
/** What the samples of a histogram, a summary or a counter have after their family's name. */
const SUFFIX = /_(?:bucket|sum|count|total|created|info)$/;

/**
 * Reads the names of families out of Prometheus' or OpenMetrics' text, piece by piece, and nothing else of it.
 * A sample without a `# TYPE` line is a family of its own name.
 */
export class FamilyReader {
  readonly #names = new Set<string>();
  #line = "";
  /** True once a line is longer than is kept. */
  #isCut = false;

  /** Names as in `# TYPE`. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** @param text The next piece, wherever it begins and ends. */
  push(text: string): void {
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#keep(text.slice(from, end));
      this.#endLine();
      from = end + 1;
    }
    this.#keep(text.slice(from));
  }

  end(): void {
    this.#endLine();
  }

  #keep(piece: string): void {
    if (this.#isCut) return;
    this.#line += piece.slice(0, MAX_LINE - this.#line.length);
    this.#isCut = this.#line.length >= MAX_LINE;
  }

  #endLine(): void {
    const name = this.#line.startsWith("#") ? TYPE.exec(this.#line)?.[1] : this.#familyOfSample();
    if (name !== undefined && this.#names.size < MAX_FAMILIES) this.#names.add(name);
    this.#line = "";
    this.#isCut = false;
  }

  #familyOfSample(): string | undefined {
    const name = SAMPLE.exec(this.#line)?.[1];
    if (name === undefined || this.#names.has(name)) return undefined;
    return this.#names.has(name.replace(SUFFIX, "")) ? undefined : name;
  }
}
