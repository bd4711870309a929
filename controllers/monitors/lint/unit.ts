import { UNITS, type Unit } from "./metric-names.ts";
import { parseMetricQuery, seriesOf } from "./metric-query.ts";

const PART = /(?:used|free|available|usable|failed|failures|errors|pending|success|hits)/;
const WHOLE = /(?:total|max|capacity|limit|completed|requests)/;

/** What is known of a whole expression: one metric of known unit, or a part of something divided by the whole. */
export function unitOf(query: string): Unit | undefined {
  const { parts } = parseMetricQuery(query);
  const series = seriesOf(parts);
  const [first, second] = series;
  const signs = parts.filter((part) => typeof part === "string").join("");
  if (series.length === 1 && first !== undefined && !/[*/]/.test(signs))
    return Object.hasOwn(UNITS, first.metric) ? UNITS[first.metric] : undefined;
  if (first === undefined || second === undefined || !signs.includes("/")) return undefined;
  const isShare =
    PART.test(first.metric) &&
    (WHOLE.test(second.metric) || series.slice(1).some((one) => one.metric === first.metric));
  if (!isShare) return undefined;
  return /\b100(?:\.0)?\b/.test(signs) ? "percent" : "ratio";
}
