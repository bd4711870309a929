import { metricTable, type KnownAnswer } from "../../../crds/metric-table.ts";
import type { SentMetric } from "../../../crds/pack-metrics.ts";
import type { Pack } from "../../../crds/pack.ts";
import { nearest } from "../../../crds/suggest.ts";
import { OTHER_METRICS } from "./other-metrics.ts";

/** As much as the rules look at. */
export type KnownName = Pick<SentMetric, "type" | "unit">;

/** The metrics that are known to be sent, and those that people ask for. */
export interface KnownMetrics {
  /** Names that some pack's system sends. */
  readonly names: ReadonlyMap<string, KnownName>;
  /** What is known of others: types and units, not whether they are sent. */
  readonly others: ReadonlyMap<string, KnownName>;
  readonly asked: ReadonlyMap<string, KnownAnswer>;
  /** First parts of names, such as `ray`. Of other systems nothing is known. */
  readonly systems: ReadonlySet<string>;
}

/** First parts that belong to no one system: a pack that knows one such name doesn't know the others. */
const SHARED_SYSTEMS: ReadonlySet<string> = new Set(["http", "network", "system"]);

export function knownMetrics(packs: ReadonlyMap<string, Pack>): KnownMetrics {
  const table = metricTable(packs.values());
  const names = new Map<string, KnownName>();
  for (const [name, [metric]] of table.sent)
    if (metric !== undefined && !name.includes("${")) names.set(name, metric);
  const asked = new Map<string, KnownAnswer>();
  for (const [name, [answer]] of table.asked) if (answer !== undefined) asked.set(name, answer);
  const systems = new Set([...names.keys()].map(systemOf));
  return { names, others: OTHER_METRICS, asked, systems: systems.difference(SHARED_SYSTEMS) };
}

export function systemOf(metric: string): string {
  return metric.split(".", 1)[0] ?? "";
}

/** What is known of a name, wherever it comes from. */
export function knownName(metric: string, { names, others }: KnownMetrics): KnownName | undefined {
  return names.get(metric) ?? others.get(metric);
}

/**
 * True of what counts events: its values are a rate per second unless a query says otherwise. The sum of a
 * histogram is a count as well, but of seconds or bytes, and nobody takes it for events.
 */
export function countsEvents(metric: string, known: KnownMetrics): boolean {
  if (/\.(?:sum|bucket)$/.test(metric)) return false;
  const type = knownName(metric, known)?.type;
  return type === undefined ? metric.endsWith(".count") : type === "count" || type === "rate";
}

/**
 * The known name that was meant by a slip of the pen: one that differs in two letters at most, or in
 * nothing but its signs. A digit is no slip: `p95` beside `p99` is another metric.
 */
export function slipOf(metric: string, { names }: KnownMetrics): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[._-]/g, "");
  for (const name of names.keys()) if (plain(name) === plain(metric)) return name;
  const digits = (name: string): string => name.replaceAll(/\D/g, "");
  const best = nearest(metric, names.keys());
  if (best === undefined || digits(best) !== digits(metric)) return undefined;
  return isWithinTwoEdits(metric, best) ? best : undefined;
}

/** What is left between the common beginning and the common end is two letters at most. */
function isWithinTwoEdits(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a[start] === b[start]) start++;
  let end = 0;
  while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  return Math.max(a.length, b.length) - start - end <= 2;
}
