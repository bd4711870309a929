import { parseExposition, type Family, type Sample } from "./exposition.ts";

/**
 * What the Agent's OpenMetrics checks make of an endpoint's answer: names, stored types and tags.
 * A second implementation, from reading the Agent's, so that packs' tables can be held against real answers.
 *
 * @see https://github.com/DataDog/integrations-core/tree/master/datadog_checks_base/datadog_checks/base/checks/openmetrics/v2
 *   base_scraper.py at e3305ddfe4a050eca42dda9e26d79253ce574d46, transform.py and the transformers.
 */
export interface SentSeries {
  readonly name: string;
  /** As Datadog stores it. What a check sends by `rate` is stored as a gauge. */
  readonly type: "gauge" | "count" | "distribution";
  /** Of labels only; the instance's own tags are not among them. Sorted `key:value`, in Datadog's lower case. */
  readonly tags: readonly string[];
  readonly value: number;
  /** The family at the source, without `_total`. */
  readonly exposed: string;
}

/** The part of an instance that decides about names. */
export interface OpenMetricsInstance {
  readonly namespace?: string;
  readonly metrics?: readonly MetricEntry[];
  readonly extra_metrics?: readonly MetricEntry[];
  readonly exclude_metrics?: readonly string[];
  readonly exclude_labels?: readonly string[];
  readonly include_labels?: readonly string[];
  readonly rename_labels?: Readonly<Record<string, string>>;
  readonly raw_metric_prefix?: string;
  readonly raw_line_filters?: readonly string[];
  readonly collect_histogram_buckets?: boolean;
  readonly histogram_buckets_as_distributions?: boolean;
}

type MetricEntry =
  | string
  | Readonly<Record<string, string | { readonly name?: string; readonly type?: string }>>;

interface Wanted {
  readonly name: string;
  readonly type: string;
}

/** Every series that comes of one scrape, in the order of the answer. Equal ones are not merged: who finds two found a bug. */
export function sentByOpenMetrics(text: string, instance: OpenMetricsInstance): readonly SentSeries[] {
  const { raw_line_filters: filters = [], raw_metric_prefix: prefix = "", namespace = "" } = instance;
  const kept = filters.length === 0 ? text : withoutLines(text, new RegExp(filters.join("|")));
  const find = mapping([...(instance.metrics ?? []), ...(instance.extra_metrics ?? [])]);
  const left = (instance.exclude_metrics ?? []).map(asMatcher);

  return parseExposition(kept).flatMap((family) => {
    const exposed = family.name.startsWith(prefix) ? family.name.slice(prefix.length) : family.name;
    if (left.some((matches) => matches(exposed))) return [];
    const wanted = find(exposed);
    if (wanted === undefined) return [];
    const name = namespace === "" ? wanted.name : `${namespace}.${wanted.name}`;
    return parts({ ...family, type: wanted.type === "native" ? family.type : wanted.type }, instance)
      .filter(({ sample }) => Number.isFinite(sample.value))
      .map(({ sample, suffix, type }) => ({
        name: `${name}${suffix}`,
        type,
        tags: tagsOf(sample, instance),
        value: sample.value,
        exposed: family.name,
      }));
  });
}

interface Part {
  readonly sample: Sample;
  readonly suffix: string;
  readonly type: SentSeries["type"];
}

/** How each type is sent. A family without a type is sent only if the mapping names one. */
function parts({ name, type, samples }: Family, instance: OpenMetricsInstance): readonly Part[] {
  const all = (suffix: string, stored: SentSeries["type"], of: readonly Sample[] = samples): Part[] =>
    of.map((sample) => ({ sample, suffix, type: stored }));
  const ending = (end: string): Sample[] => samples.filter((sample) => sample.name.endsWith(end));
  if (type === "gauge" || type === "rate" || type === "time_elapsed") return all("", "gauge");
  if (type === "counter") return all(".count", "count", ending("_total"));
  if (type === "counter_gauge")
    return [...all(".total", "gauge", ending("_total")), ...all(".count", "count", ending("_total"))];
  const totals = [...all(".sum", "count", ending("_sum")), ...all(".count", "count", ending("_count"))];
  if (type === "summary")
    return [
      ...totals,
      ...all(
        ".quantile",
        "gauge",
        samples.filter((sample) => sample.name === name),
      ),
    ];
  if (type !== "histogram") return [];
  const buckets = ending("_bucket");
  if (instance.histogram_buckets_as_distributions === true) return all("", "distribution", buckets);
  if (instance.collect_histogram_buckets === false) return totals;
  const finite = buckets.filter(({ labels }) => labels["le"] !== "+Inf");
  return [...totals, ...all(".bucket", "count", finite)];
}

function tagsOf({ labels }: Sample, instance: OpenMetricsInstance): readonly string[] {
  const {
    exclude_labels: excluded = [],
    include_labels: included = [],
    rename_labels: renamed = {},
  } = instance;
  return Object.entries(labels)
    .map(([label, value]) => [label === "le" ? "upper_bound" : label, value] as const)
    .filter(([label]) => !excluded.includes(label) && (included.length === 0 || included.includes(label)))
    .map(([label, value]) => `${renamed[label] ?? label}:${value}`.toLowerCase())
    .toSorted();
}

/** A plain name is taken as it is; anything else is a pattern that is searched for, and keeps the exposed name. */
function mapping(entries: readonly MetricEntry[]): (exposed: string) => Wanted | undefined {
  const names = new Map<string, Wanted>();
  const patterns: { readonly pattern: RegExp; readonly type: string }[] = [];
  for (const entry of entries) {
    for (const [raw, value] of typeof entry === "string"
      ? [[entry, entry] as const]
      : Object.entries(entry)) {
      const { name = raw, type = "native" } = typeof value === "string" ? { name: value } : value;
      if (isPlain(raw)) names.set(raw, { name, type });
      else patterns.push({ pattern: new RegExp(raw), type });
    }
  }
  return (exposed) => {
    const found = names.get(exposed);
    if (found !== undefined) return found;
    const matching = patterns.find(({ pattern }) => pattern.test(exposed));
    return matching === undefined ? undefined : { name: exposed, type: matching.type };
  };
}

function asMatcher(entry: string): (exposed: string) => boolean {
  if (isPlain(entry)) return (exposed) => exposed === entry;
  const pattern = new RegExp(entry);
  return (exposed) => pattern.test(exposed);
}

/** What Python's `re.escape` leaves as it is. The colon of `vllm:prompt_tokens` is no sign of a regular expression. */
export function isPlain(text: string): boolean {
  return !/[()[\]{}?*+\-|^$\\.&~#\s]/.test(text);
}

function withoutLines(text: string, dropped: RegExp): string {
  return text
    .split("\n")
    .filter((line) => !dropped.test(line))
    .join("\n");
}
