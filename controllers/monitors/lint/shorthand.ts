import type { Json } from "../canonical.ts";
import { NOTHING, refuse, type Change } from "./alert.ts";

const OPERATORS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ">": ">",
    ">=": ">=",
    "<": "<",
    "<=": "<=",
    above: ">",
    gt: ">",
    over: ">",
    greater: ">",
    greater_than: ">",
    gte: ">=",
    below: "<",
    lt: "<",
    under: "<",
    less: "<",
    less_than: "<",
    lte: "<=",
  }),
);

/**
 * The query that `metric`, `operator`, `threshold` and `window` stand for, if it is one and only one.
 * Scope and space aggregator are left to the rules, which see what kind of metric it is.
 */
export function shorthandQuery(given: Json, options: Json): Change {
  const text = (name: string): string | undefined => {
    const value = given[name];
    return typeof value === "string" || typeof value === "number" ? String(value).trim() : undefined;
  };
  const check = text("check");
  if (check !== undefined && text("metric") === undefined)
    return built(given, `"${check}"`, "a service check by its name alone");
  const metric = text("metric");
  if (metric === undefined) {
    const advice =
      "add a query, such as avg(last_5m):avg:my.metric{*} > 1, or metric, operator and threshold";
    return refuse("MissingQuery", "query", "the alert has no query", advice);
  }
  const condition = /^([<>]=?)\s*(-?[\d.]+(?:e\d+)?)$/i.exec(text("condition") ?? "");
  const word = text("operator") ?? text("comparator") ?? condition?.[1];
  const operator =
    word === undefined ? undefined : OPERATORS.get(word.toLowerCase().replaceAll(/[\s-]/g, "_"));
  if (operator === undefined) {
    const message = word === undefined ? "the alert has no operator" : `"${word}" is no operator`;
    return refuse("MissingOperator", "operator", message, "write operator: > (or >=, <, <=)");
  }
  const threshold = text("threshold") ?? condition?.[2] ?? thresholdIn(options);
  if (threshold === undefined)
    return refuse("MissingThreshold", "threshold", "the alert has no threshold", "write threshold: 10");
  const window = windowOf(text("window"));
  if (window === undefined) {
    const message = `"${text("window")}" is no window of time`;
    return refuse("InvalidWindow", "window", message, "write 5m, 1h or 1d");
  }
  const aggregator = text("aggregator") ?? text("aggregation") ?? "avg";
  const scope = text("scope");
  const by = given["by"] ?? given["group_by"];
  const groups = Array.isArray(by) ? by.map(String) : typeof by === "string" ? by.split(/\s*,\s*/) : [];
  const series = [
    metric,
    scope === undefined ? (groups.length > 0 ? "{*}" : "") : `{${scope.replace(/^\{|\}$/g, "")}}`,
    groups.length === 0 ? "" : ` by {${groups.join(",")}}`,
  ].join("");
  const query = `${aggregator}(${window}):${series} ${operator} ${threshold}`;
  return built(given, query, "the query that metric, operator, threshold and window stand for");
}

function built(given: Json, query: string, why: string): Change {
  const from = Object.entries(given)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
  return { ...NOTHING, set: { query }, repairs: [{ path: "query", from, to: query, why }] };
}

/** `5m`, `last_5m`, `300s`, `300` (seconds) → `last_5m`. */
export function windowOf(text: string | undefined): string | undefined {
  if (text === undefined) return "last_5m";
  const match = /^(?:last_)?\s*(\d+)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?|mo)?$/i.exec(
    text,
  );
  if (match === null) return undefined;
  const count = Number(match[1]);
  const word = (match[2] ?? "s").toLowerCase();
  const unit = word === "mo" ? "mo" : word.charAt(0);
  if (unit !== "s") return `last_${count}${unit}`;
  return count > 0 && count % 60 === 0 ? `last_${count / 60}m` : undefined;
}

function thresholdIn(options: Json): string | undefined {
  const thresholds = options["thresholds"] as Json | undefined;
  const critical = thresholds?.["critical"];
  return typeof critical === "number" ? String(critical) : undefined;
}
