import { isObject, type Json } from "../canonical.ts";
import { splitComparison } from "../comparison.ts";
import { NOTHING, refuse, type Change, type Draft, type Repair } from "./alert.ts";
import { show } from "./shape.ts";

const PATH = "options.thresholds";

/** The query says when it alerts; `critical` has to say the same, and to be there beside a warning. */
export function queryWins(draft: Draft): Change {
  const threshold = comparedWith(draft);
  const limits = limitsOf(draft);
  if (threshold === undefined || limits === undefined || limits["critical"] === threshold) return NOTHING;
  if (limits["critical_query"] !== undefined) return NOTHING;
  const given = limits["critical"];
  const why =
    given === undefined
      ? "Datadog takes no other threshold without critical; the query has it"
      : `the query compares with ${threshold}; where both differ, the query wins`;
  const from = given === undefined ? {} : { from: show(given) };
  return withLimits(draft, { ...limits, critical: threshold }, [
    { path: `${PATH}.critical`, ...from, to: String(threshold), why },
  ]);
}

/** A recovery that lies on the alerting side is left out: then it recovers where it alerts. */
export function recoveryOnTheWrongSide(draft: Draft): Change {
  const limits = limitsOf(draft);
  const operator = splitComparison(draft.query)?.operator;
  if (comparedWith(draft) === undefined || limits === undefined || operator === undefined) return NOTHING;
  const kept: Record<string, unknown> = { ...limits };
  const repairs: Repair[] = [];
  for (const [recovery, level] of [
    ["critical_recovery", "critical"],
    ["warning_recovery", "warning"],
  ] as const) {
    const value = limits[recovery];
    const limit = limits[level];
    if (typeof value !== "number") continue;
    const isRight = typeof limit === "number" && (value === limit || isHealthier(operator, value, limit));
    if (isRight) continue;
    delete kept[recovery];
    const why =
      limit === undefined
        ? `there is no ${level} to recover from`
        : `it is on the alerting side of ${level} (${show(limit)}); without it the alert ends where it begins`;
    repairs.push({ path: `${PATH}.${recovery}`, from: String(value), why });
  }
  return repairs.length === 0 ? NOTHING : withLimits(draft, kept, repairs);
}

/** A warning that comes after the alert: what was meant can't be told. */
export function warningOnTheWrongSide(draft: Draft): Change {
  const limits = limitsOf(draft);
  const operator = splitComparison(draft.query)?.operator;
  if (comparedWith(draft) === undefined || limits === undefined || operator === undefined) return NOTHING;
  const { critical, warning } = limits;
  if (typeof warning !== "number" || typeof critical !== "number") return NOTHING;
  if (isHealthier(operator, warning, critical)) return NOTHING;
  const side = operator.startsWith(">") ? "below" : "above";
  const message = `warning is ${warning}, but an alert comes at ${operator} ${critical}: it would never warn before`;
  const advice = `write a warning ${side} ${critical}, or turn the query's ${operator} round`;
  return refuse("InvalidThreshold", `${PATH}.warning`, message, advice);
}

/** `notify_no_data: true` beside on_missing_data: both decide the same, and only one can. False says nothing beside it. */
export function missingDataTwice(draft: Draft): Change {
  const { on_missing_data: onMissing, notify_no_data: notify, ...rest } = draft.options;
  if (onMissing === undefined || notify !== true) return NOTHING;
  const path = "options.notify_no_data";
  if (onMissing !== "show_and_notify_no_data") {
    const message = `notify_no_data: true and on_missing_data: ${show(onMissing)} contradict each other`;
    return refuse("Contradiction", path, message, "keep one of the two");
  }
  const { no_data_timeframe: _timeframe, ...options } = rest;
  return {
    set: { options: { ...options, on_missing_data: onMissing } },
    repairs: [{ path, from: "true", why: `on_missing_data: ${show(onMissing)} says it already` }],
  };
}

function isHealthier(operator: string, value: number, than: number): boolean {
  if (operator.startsWith(">")) return value < than;
  return operator.startsWith("<") ? value > than : true;
}

/** Anomalies and outliers count deviations and have no such order; composites and service checks no comparison. */
function comparedWith({ type, query }: Draft): number | undefined {
  if (type === "composite" || type === "service check") return undefined;
  const comparison = splitComparison(query);
  if (comparison === undefined || /\b(?:anomalies|outliers)\s*\(/.test(comparison.left)) return undefined;
  return comparison.threshold;
}

function limitsOf({ options }: Draft): Json | undefined {
  return isObject(options["thresholds"]) ? options["thresholds"] : undefined;
}

function withLimits({ options }: Draft, thresholds: Json, repairs: readonly Repair[]): Change {
  return { set: { options: { ...options, thresholds } }, repairs };
}
