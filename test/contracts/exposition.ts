/** One line of an endpoint's answer. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Lines that belong together. Of a counter both the family's name is without `_total` and its samples' with it. */
export interface Family {
  readonly name: string;
  /** `unknown` if no line says it. */
  readonly type: string;
  readonly samples: readonly Sample[];
}

/** The suffixes that samples of a type may have beside the family's own name. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["_sum", "_count"],
};

const SAMPLE = /^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+\S+)?\s*$/;
const LABEL = /([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"/g;

/**
 * Reads Prometheus' text format as the Agent's parser does (prometheus_client, parser.py): a counter's
 * family loses `_total`, and its samples get it if they haven't got it.
 *
 * @throws {Error} at a line that is neither a comment nor a sample.
 */
export function parseExposition(text: string): readonly Family[] {
  const families: { name: string; type: string; samples: Sample[] }[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    if (line.startsWith("#")) {
      const [, word, name = "", type = "unknown"] = line.split(/\s+/);
      if (word === "TYPE") families.push({ name, type: type === "untyped" ? "unknown" : type, samples: [] });
      continue;
    }
    const sample = sampleOf(line);
    const last = families.at(-1);
    if (last !== undefined && belongs(sample.name, last)) last.samples.push(sample);
    else families.push({ name: sample.name, type: "unknown", samples: [sample] });
  }
  return families.map((family) => (family.type === "counter" ? asCounter(family) : family));
}

function belongs(sample: string, { name, type }: Pick<Family, "name" | "type">): boolean {
  return sample === name || (SUFFIXES[type] ?? []).some((suffix) => sample === `${name}${suffix}`);
}

function asCounter({ name, samples }: Family): Family {
  if (name.endsWith("_total")) return { name: name.slice(0, -"_total".length), type: "counter", samples };
  const renamed = samples.map((sample) => ({ ...sample, name: `${sample.name}_total` }));
  return { name, type: "counter", samples: renamed };
}

function sampleOf(line: string): Sample {
  const [, name, labels = "", value = ""] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a line of Prometheus' text format: ${line}`);
  const pairs = [...labels.matchAll(LABEL)].map(([, label = "", text = ""]) => [label, unescaped(text)]);
  return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: numberOf(value) };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_all, letter: string) => (letter === "n" ? "\n" : letter));
}

function numberOf(text: string): number {
  if (/^[+-]?inf$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return Number(text);
}
