import type { Pack } from "../../../crds/pack.ts";
import { nearest } from "../../../crds/suggest.ts";
import { SENT_NAMES } from "./metric-names.ts";
import { parseMetricQuery, seriesOf } from "./metric-query.ts";

/** The metrics that are known to be sent, and by which systems. */
export interface KnownMetrics {
  readonly names: ReadonlySet<string>;
  /** First parts of names, such as `ray`. Of other systems nothing is known. */
  readonly systems: ReadonlySet<string>;
}

/** Names that packs state: as key metrics, and in the queries of their monitors. */
export function knownMetrics(packs: ReadonlyMap<string, Pack>): KnownMetrics {
  const names = new Set(SENT_NAMES);
  for (const pack of packs.values()) {
    for (const { name } of pack.keyMetrics) names.add(name);
    for (const { type, query } of Object.values(pack.monitors)) {
      if (type !== "query alert" && type !== "metric alert") continue;
      const { parts } = parseMetricQuery(query.replaceAll("${critical}", "0"));
      for (const { metric } of seriesOf(parts)) names.add(metric);
    }
  }
  return { names, systems: new Set([...names].map(systemOf)) };
}

export function systemOf(metric: string): string {
  return metric.split(".", 1)[0] ?? "";
}

/**
 * The known name that was meant by a slip of the pen: one that differs in two letters at most, or in
 * nothing but its signs. A digit is no slip: `p95` beside `p99` is another metric.
 */
export function slipOf(metric: string, { names }: KnownMetrics): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[._-]/g, "");
  for (const name of names) if (plain(name) === plain(metric)) return name;
  const digits = (name: string): string => name.replaceAll(/\D/g, "");
  const best = nearest(metric, names);
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
