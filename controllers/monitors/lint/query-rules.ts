import { splitComparison } from "../comparison.ts";
import { isObject } from "../canonical.ts";
import { isMetricMonitor, newQuery, NOTHING, refuse, type Change, type Draft, type World } from "./alert.ts";
import { unitOf } from "./unit.ts";
import { mapSeries, parseMetricQuery, printMetricQuery, seriesOf } from "./metric-query.ts";
import { windowOf } from "./shorthand.ts";

/** `.9` → `0.9`, but neither in a scope nor in quotes. */
export function leadingZero(draft: Draft): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const query = draft.query.replaceAll(/\{[^}]*\}|"[^"]*"|'[^']*'|(?<![\w.)}\]])\.\d+/g, (text) =>
    text.startsWith(".") ? `0${text}` : text,
  );
  return newQuery(draft, query, "Datadog takes no number that begins with a dot");
}

const SIZES: ReadonlyMap<string, number> = new Map(Object.entries({ k: 1_000, M: 1_000_000 }));

/** `> 90%`, `> 10k`: a threshold is a plain number. Percent of a share from 0 to 1 are hundredths. */
export function plainThreshold(draft: Draft, { known }: World): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const match = /([<>=]\s*-?)(\d[\d_,]*(?:\.\d+)?)\s*(%|k|M)?\s*$/.exec(draft.query);
  if (match === null) return NOTHING;
  const [, before = "", written = "", unit = ""] = match;
  const digits = written.replaceAll(/[_,]/g, "");
  const left = draft.query.slice(0, match.index);
  const isShare = unit === "%" && unitOf(left, known) === "ratio";
  const number = isShare ? Number(digits) / 100 : Number(digits) * (SIZES.get(unit) ?? 1);
  if (unit === "" && digits === written) return NOTHING;
  const why = isShare
    ? "a threshold is a plain number, and the value a share from 0 to 1"
    : "a threshold is a plain number";
  return newQuery(draft, `${left}${before}${number}`, why);
}

/** No comparison, but a threshold in the options that leaves no doubt about the side. */
export function missingComparison(draft: Draft): Change {
  if (!isMetricMonitor(draft) || draft.query === "") return NOTHING;
  if (splitComparison(draft.query) !== undefined) return NOTHING;
  const thresholds = isObject(draft.options["thresholds"]) ? draft.options["thresholds"] : {};
  const { critical, warning, critical_recovery: recovery } = thresholds;
  const healthy = typeof warning === "number" ? warning : recovery;
  if (/[<>=]/.test(draft.query)) return NOTHING;
  if (typeof critical !== "number")
    return refuse(
      "MissingThreshold",
      "query",
      "the query compares with nothing",
      "end it with a comparison, such as > 0.9",
    );
  if (typeof healthy !== "number" || healthy === critical)
    return refuse(
      "MissingOperator",
      "query",
      `the query compares with nothing, and critical: ${critical} does not say whether more or less is bad`,
      `end the query with > ${critical} or < ${critical}`,
    );
  const operator = healthy < critical ? ">" : "<";
  const why = `the query compared with nothing; the thresholds say that ${operator === ">" ? "more" : "less"} is bad`;
  return newQuery(draft, `${draft.query} ${operator} ${critical}`, why);
}

/** No `avg(last_5m):`, or one with a window such as `5m`. */
export function missingTime(draft: Draft): Change {
  if (!isMetricMonitor(draft) || draft.query === "") return NOTHING;
  const parsed = parseMetricQuery(draft.query);
  const { head } = parsed;
  if (head === undefined) {
    const query = `avg(last_5m):${draft.query.trim()}`;
    return newQuery(draft, query, "Datadog asks how time is summed up, and over which window");
  }
  const aggregator = ALIASES.get(head.aggregator) ?? head.aggregator;
  const window = /^(?:last|next|current)_/.test(head.window) ? head.window : windowOf(head.window);
  if (window === undefined) {
    const message = `"${head.window}" is no window of time`;
    return refuse("InvalidWindow", "query", message, "write last_5m, last_1h, last_1d or current_1mo");
  }
  const text = head.text
    .replace(new RegExp(`\\b${head.aggregator}(?=\\s*\\()`), aggregator)
    .replace(head.window === "" ? /\(\s*\)/ : head.window, head.window === "" ? `(${window})` : window);
  const query = printMetricQuery({ ...parsed, head: { ...head, text } });
  return newQuery(draft, query, "Datadog's word for the window and for how time is summed up");
}

const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    average: "avg",
    mean: "avg",
    total: "sum",
    maximum: "max",
    minimum: "min",
  }),
);

/** `mean:a.b{*}` → `avg:a.b{*}` */
export function aggregatorByAnotherName(draft: Draft): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const query = mapSeries(parseMetricQuery(draft.query), (series) => ({
    ...series,
    aggregator: ALIASES.get(series.aggregator ?? "") ?? series.aggregator,
  }));
  return newQuery(draft, printMetricQuery(query), "Datadog's word for the aggregator");
}

export function hyphenInName(draft: Draft): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const query = mapSeries(parseMetricQuery(draft.query), (series) => ({
    ...series,
    metric: series.metric.replaceAll("-", "_"),
  }));
  return newQuery(draft, printMetricQuery(query), "a metric's name has no hyphen; Datadog stores it as _");
}

export function missingScope(draft: Draft): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const query = mapSeries(parseMetricQuery(draft.query), (series) => {
    // A brace that is never closed was meant as a scope.
    if (series.by.startsWith("{")) return series;
    return { ...series, scope: series.scope?.trim() === "" ? "*" : (series.scope ?? "*") };
  });
  return newQuery(draft, printMetricQuery(query), "a metric needs a scope; {*} is all of it");
}

/**
 * Datadog takes a metric without an aggregator as an average; written out, everybody sees it. Where the table of
 * metrics knows that an average means nothing, such as of one series for each type of node, its word counts.
 */
export function missingAggregator(draft: Draft, { known }: World): Change {
  if (!isMetricMonitor(draft)) return NOTHING;
  const parsed = parseMetricQuery(draft.query);
  const bare = seriesOf(parsed.parts).filter(({ aggregator }) => aggregator === undefined);
  if (bare.length === 0) return NOTHING;
  const query = mapSeries(parsed, (series) => ({
    ...series,
    aggregator: series.aggregator ?? known.asked.get(series.metric)?.aggregator ?? "avg",
  }));
  const advised = bare.flatMap(({ metric }) => {
    const aggregator = known.asked.get(metric)?.aggregator ?? "avg";
    return aggregator === "avg" ? [] : [`${metric} is joined by ${aggregator}`];
  });
  const usual = "Datadog takes no aggregator as avg; written out it says how hosts and groups are joined";
  const why =
    advised.length === 0
      ? usual
      : `Datadog takes no aggregator as avg, and ${[...new Set(advised)].join(", ")}`;
  return newQuery(draft, printMetricQuery(query), why);
}
