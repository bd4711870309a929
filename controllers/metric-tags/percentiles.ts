/** What stands in quotes, and between braces, names no metric to be aggregated. */
const ASIDE = /"(?:[^"\\]|\\.)*"|(\{)(?:[^{}"]|"[^"]*"|\{[^{}]*\})*\}/g;

/** `p99:app.latency{` and `p99.9:app.latency{`: a percentile of a metric. */
const PERCENTILE = /(?<![\w.])p\d{1,2}(?:\.\d{1,2})?\s*:\s*([A-Za-z][\w.]*)\s*\{/g;

/** `count(v: v<=0.5):app.latency{`: how many values were below a threshold, which takes percentiles as well. */
const THRESHOLD = /(?<![\w.])count\s*\(\s*v\s*:[^()]*\)\s*:\s*([A-Za-z][\w.]*)\s*\{/g;

/**
 * Lists the metrics of which a query needs percentiles. They must be distributions whose tag
 * configuration includes them; otherwise the query finds nothing.
 *
 * @param query Of a monitor, a widget or an SLO, in Datadog's words.
 * @returns Sorted and unique.
 * @see https://docs.datadoghq.com/metrics/distributions/
 */
export function percentileMetrics(query: string): readonly string[] {
  const plain = query.replaceAll(ASIDE, (_, brace: string | undefined) =>
    brace === undefined ? '""' : "{}",
  );
  const found = [...plain.matchAll(PERCENTILE), ...plain.matchAll(THRESHOLD)];
  return [...new Set(found.map((match) => match[1] ?? ""))].sort();
}
