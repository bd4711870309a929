import type { KnownAnswer } from "../../../crds/metric-table.ts";
import { splitComparison } from "../comparison.ts";
import { isMetricMonitor, newQuery, NOTHING, refuse, type Change, type Draft, type World } from "./alert.ts";
import { countsEvents, knownName, slipOf, systemOf, type KnownMetrics } from "./known-metrics.ts";
import { unitOf } from "./unit.ts";
import { mapSeries, parseMetricQuery, printMetricQuery, seriesOf, type Series } from "./metric-query.ts";

/** Names that nothing sends: put right where another name means the same, refused where none does. */
export function assumedNames(draft: Draft, { known }: World): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const parsed = parseMetricQuery(draft.query);
  const series = seriesOf(parsed.parts);
  const asked = [...new Set(series.map(({ metric }) => metric))].flatMap((metric) => {
    const answer = known.asked.get(metric);
    return answer === undefined ? [] : [{ metric, answer, isSent: known.names.has(metric) }];
  });
  const assumed = asked.filter(({ isSent }) => !isSent);
  const nothing = assumed.find(({ answer }) => answer.instead === undefined);
  if (nothing !== undefined) {
    const { metric, answer } = nothing;
    const message = [whatThereIs(metric, answer), noteOf(answer)].filter((part) => part !== "").join(". ");
    return refuse("UnknownMetric", "query", message, "choose a metric that says what is meant");
  }
  const query = mapSeries(parsed, (one) => {
    const answer = assumed.find(({ metric }) => metric === one.metric)?.answer;
    return answer?.instead === undefined ? one : instead(one, answer, answer.instead, known);
  });
  const why = assumed.map(({ metric, answer }) => whatThereIs(metric, answer)).join("; ");
  const notes = asked.flatMap(({ metric, answer, isSent }) => {
    const isKnownTo = isSent && series.some((one) => one.metric === metric && isAsAdvised(one, answer));
    return isKnownTo || answer.note === undefined ? [] : [`${metric}: ${noteOf(answer)}`];
  });
  return { ...newQuery(draft, printMetricQuery(query), why), notes };
}

function whatThereIs(metric: string, { answer, metrics }: KnownAnswer): string {
  if (answer === "none" || metrics.length === 0) return `nothing sends ${metric}`;
  return `${metric} ${answer === "renamed" ? "is sent as" : "follows from"} ${metrics.join(", ")}`;
}

function noteOf({ note = "" }: KnownAnswer): string {
  return note.replace(/\.$/, "");
}

/** Whoever writes the aggregator that a name needs knows what it is. */
function isAsAdvised({ aggregator }: Series, answer: KnownAnswer): boolean {
  return answer.aggregator !== undefined && answer.aggregator === aggregator;
}

/**
 * The same thing in real names. What is done with the asked one is done with each of them. An aggregator that
 * the person wrote stays, unless it would make nonsense of counts, or of a metric that is narrowed by a tag.
 */
function instead(series: Series, answer: KnownAnswer, template: string, known: KnownMetrics): string {
  const { tag, aggregator, metrics } = answer;
  const isForced = tag !== undefined || metrics.some((metric) => countsEvents(metric, known));
  const space = (isForced ? aggregator : undefined) ?? series.aggregator ?? aggregator ?? "avg";
  const given = series.scope?.trim() ?? "*";
  const scope = tag === undefined ? given : given === "*" || given === "" ? tag : `${given},${tag}`;
  const filled = template.replaceAll("<a>:", `${space}:`).replaceAll("<s>", () => `{${scope}}${series.by}`);
  const parsed = parseMetricQuery(filled);
  const text = printMetricQuery(
    mapSeries(parsed, (one) => (one.methods.length > 0 ? one : { ...one, methods: series.methods })),
  );
  return seriesOf(parsed.parts).length > 1 && !/^\(.*\)$/s.test(text.trim()) ? `( ${text.trim()} )` : text;
}

/** Of systems that packs know: a slip of a name is refused, another unknown one is worth a word. */
export function unknownNames(draft: Draft, { known }: World): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const notes: string[] = [];
  for (const { metric } of seriesOf(parseMetricQuery(draft.query).parts)) {
    if (known.names.has(metric) || known.asked.has(metric) || !known.systems.has(systemOf(metric))) continue;
    const slip = slipOf(metric, known);
    if (slip !== undefined) {
      const message = `nothing is known to send ${metric}; did you mean ${slip}?`;
      return refuse("UnknownMetric", "query", message, `write ${slip}`);
    }
    notes.push(
      `no pack names ${metric}; look whether ${systemOf(metric)} sends it, or the alert stays without data`,
    );
  }
  return { notes: [...new Set(notes)] };
}

/**
 * A counter arrives as a rate per second, so its average over time is no number of events. Where one
 * counter is compared with a whole number, the number of events is meant.
 */
export function averageOfCount(draft: Draft, { known }: World): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  // What is averaged over time there are not the events, but how far they are from what is usual.
  if (/\b(?:anomalies|outliers|forecast)\s*\(/.test(draft.query)) return NOTHING;
  const parsed = parseMetricQuery(draft.query);
  const series = seriesOf(parsed.parts);
  const aggregator = parsed.head?.aggregator;
  if (parsed.head?.text.includes("change") || (aggregator !== "avg" && aggregator !== "sum")) return NOTHING;
  if (series.length === 0 || series.some(hasRate)) return NOTHING;
  if (!series.every((one) => isCounter(one, known)))
    return aggregator === "avg" ? { notes: perhapsCounters(series, known) } : NOTHING;
  if (aggregator === "sum" && series.every(isCounted)) return NOTHING;

  const threshold = splitComparison(draft.query)?.threshold;
  const advice = `for events: sum(${parsed.head?.window}):sum:${series[0]?.metric}{*}.as_count(); for a rate per second: .as_rate()`;
  const advised = ({ metric }: Series): string => known.asked.get(metric)?.aggregator ?? "sum";
  const spaced = series.find(
    (one) => one.aggregator !== undefined && one.aggregator !== "sum" && one.aggregator !== advised(one),
  );
  if (spaced !== undefined) {
    const message = `${spaced.metric} counts events and arrives as a rate per second; whether ${spaced.aggregator}: over its sources or their number is meant can't be told`;
    return refuse("AverageOfCount", "query", message, advice);
  }
  if (series.length === 1 && threshold !== undefined && !Number.isInteger(threshold)) {
    const message = `${series[0]?.metric} counts events and arrives as a rate per second; whether ${threshold} is a rate can't be told`;
    return refuse("AverageOfCount", "query", message, advice);
  }
  const head =
    parsed.head === undefined
      ? undefined
      : { ...parsed.head, text: parsed.head.text.replace(/^(\s*)avg\b/, "$1sum") };
  const counted = mapSeries({ ...parsed, head }, (one) => ({
    ...one,
    // Where each of several sources counts the same event, their sum counts it several times.
    aggregator: one.aggregator ?? advised(one),
    methods: isCounted(one) ? one.methods : [...one.methods, ".as_count()"],
  }));
  const why =
    "a counter arrives as a rate per second; sum and as_count() give the number of events in the window";
  return newQuery(draft, printMetricQuery(counted), why);
}

/** Names of which many are counters; whether this one is, only its sender knows. */
function perhapsCounters(series: readonly Series[], known: KnownMetrics): readonly string[] {
  const looks = series.filter(
    ({ metric }) => COUNTER_LIKE.test(metric) && knownName(metric, known) === undefined,
  );
  return [...new Set(looks.map(({ metric }) => metric))].map(
    (metric) =>
      `if ${metric} is a counter, its average is a rate per second; for events write sum(…):sum:${metric}{*}.as_count()`,
  );
}

const COUNTER_LIKE = /(?:_total|[._](?:errors|failures|failed|requests|hits|exceptions|timeouts|retries))$/;

function isCounter({ metric, methods }: Series, known: KnownMetrics): boolean {
  return countsEvents(metric, known) || methods.some((method) => /as_count/.test(method));
}

function isCounted({ methods }: Series): boolean {
  return methods.some((method) => /as_count/.test(method));
}

function hasRate({ methods }: Series): boolean {
  return methods.some((method) => /as_rate|rollup/.test(method));
}

/** A limit of 90 for a share of 0 to 1, or of 0.9 for percent: possible, but hardly meant. */
export function unitOfThreshold(draft: Draft, { known }: World): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const threshold = splitComparison(draft.query)?.threshold;
  if (threshold === undefined || threshold === 0) return NOTHING;
  // These count deviations, whatever the metric.
  if (/\b(?:anomalies|outliers)\s*\(/.test(draft.query)) return NOTHING;
  const unit = unitOf(draft.query, known);
  const size = Math.abs(threshold);
  if (unit === "ratio" && size > 1.5 && size <= 100)
    return {
      notes: [
        `the value is a share from 0 to 1, and the threshold is ${threshold}; for percent write ${threshold / 100}, or 100 * before the query`,
      ],
    };
  if (unit === "percent" && size <= 1)
    return {
      notes: [
        `the value is in percent, and the threshold is ${threshold}; a share of ${threshold} is ${threshold * 100}`,
      ],
    };
  return NOTHING;
}
