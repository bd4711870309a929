import { knownName, type KnownMetrics } from "./known-metrics.ts";
import { parseMetricQuery, seriesOf } from "./metric-query.ts";

/** Where it decides about thresholds. */
export type Unit = "percent" | "ratio";

const PART = /(?:used|free|available|usable|failed|failures|errors|pending|success|hits)/;
const WHOLE = /(?:total|max|capacity|limit|completed|requests)/;

/** What is known of a whole expression: one metric of known unit, or a part of something divided by the whole. */
export function unitOf(query: string, known: KnownMetrics): Unit | undefined {
  const { parts } = parseMetricQuery(query);
  const series = seriesOf(parts);
  const [first, second] = series;
  const signs = parts.filter((part) => typeof part === "string").join("");
  if (series.length === 1 && first !== undefined && !/[*/]/.test(signs))
    return unitOfMetric(first.metric, known);
  if (first === undefined || second === undefined || !signs.includes("/")) return undefined;
  const isShare =
    PART.test(first.metric) &&
    (WHOLE.test(second.metric) || series.slice(1).some((one) => one.metric === first.metric));
  if (!isShare) return undefined;
  return /\b100(?:\.0)?\b/.test(signs) ? "percent" : "ratio";
}

function unitOfMetric(metric: string, known: KnownMetrics): Unit | undefined {
  const unit = knownName(metric, known)?.unit;
  if (unit === "percent") return "percent";
  return unit === "fraction" ? "ratio" : undefined;
}
