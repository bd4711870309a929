import { SLO_TIMEFRAMES } from "../../crds/slo.ts";
import { isObject, type Json } from "../monitors/canonical.ts";
import { problem, type MonitorProblem } from "../monitors/comparison.ts";
import { parseMetricQuery, seriesOf } from "../monitors/lint/metric-query.ts";
import { checkBalance, checkMetricExpression } from "../monitors/query.ts";

/**
 * Finds what Datadog would refuse, without asking it. It holds only rules that Datadog was seen to apply or documents.
 *
 * @param slo With the API's names. Paths of problems are those of a document.
 * @see https://docs.datadoghq.com/api/latest/service-level-objectives/#create-an-slo-object
 */
export function checkSlo(slo: Json): readonly MonitorProblem[] {
  return [...checkThresholds(listOf(slo["thresholds"])), ...checkIndicator(slo)];
}

function checkThresholds(thresholds: readonly Json[]): readonly MonitorProblem[] {
  if (thresholds.length === 0)
    return [problem("InvalidThreshold", "target", "An SLO needs a target, such as 99.9")];
  const seen = new Set<unknown>();
  return thresholds.flatMap((threshold, at): readonly MonitorProblem[] => {
    const { timeframe, target, warning } = threshold;
    const refuse = (field: string, message: string) => [
      problem("InvalidThreshold", thresholds.length === 1 ? field : `thresholds.${at}.${field}`, message),
    ];
    if (!(SLO_TIMEFRAMES as readonly unknown[]).includes(timeframe))
      return refuse(
        "timeframe",
        `Datadog measures over ${SLO_TIMEFRAMES.join(", ")}, not ${String(timeframe)}`,
      );
    if (seen.has(timeframe)) return refuse("timeframe", `The timeframe ${String(timeframe)} stands twice`);
    seen.add(timeframe);
    if (typeof target !== "number" || target <= 0 || target >= 100)
      return refuse("target", `The target must be above 0 and below 100, not ${String(target)}`);
    if (warning === undefined || (typeof warning === "number" && warning > target && warning < 100))
      return [];
    return refuse(
      "warning",
      `The warning must be above the target, ${target}, and below 100, not ${JSON.stringify(warning)}`,
    );
  });
}

function checkIndicator(slo: Json): readonly MonitorProblem[] {
  switch (slo["type"]) {
    case "metric":
      return checkRatio(isObject(slo["query"]) ? slo["query"] : {});
    case "monitor":
      return checkMonitors(slo);
    case "time_slice":
      return checkSlice(slo);
    default:
      return [
        problem(
          "UnknownType",
          "type",
          `No SLO type is named "${String(slo["type"])}"; there are metric, monitor and time-slice`,
        ),
      ];
  }
}

function checkRatio(query: Json): readonly MonitorProblem[] {
  return (["numerator", "denominator"] as const).flatMap((path): readonly MonitorProblem[] => {
    const text = typeof query[path] === "string" ? query[path].trim() : "";
    if (text === "") return [problem("MissingQuery", path, `The ${path} is missing`)];
    const wrong = checkExpression(path, text);
    if (wrong !== undefined) return [wrong];
    const uncounted = seriesOf(parseMetricQuery(text).parts).find(
      ({ methods }) => !methods.some((method) => /^\s*\.\s*as_count\s*\(/.test(method)),
    );
    if (uncounted === undefined) return [];
    const message = `A metric SLO counts events: write .as_count() after ${uncounted.metric}{${uncounted.scope ?? "*"}}`;
    return [problem("InvalidQuery", path, message)];
  });
}

function checkExpression(path: string, text: string): MonitorProblem | undefined {
  const found = checkBalance(text) ?? checkMetricExpression(text)[0];
  if (found !== undefined) return { ...found, path };
  return seriesOf(parseMetricQuery(text).parts).length > 0
    ? undefined
    : problem("InvalidQuery", path, `The ${path} names no metric`);
}

function checkMonitors(slo: Json): readonly MonitorProblem[] {
  const monitors = Array.isArray(slo["monitor_ids"]) ? slo["monitor_ids"] : [];
  const groups = Array.isArray(slo["groups"]) ? slo["groups"] : [];
  if (monitors.length === 0)
    return [problem("MissingQuery", "monitors", "An SLO of monitors needs the name of one")];
  if (groups.length === 0 || monitors.length === 1) return [];
  const message = `Groups are those of one monitor, and the SLO has ${monitors.length}`;
  return [problem("InvalidCombination", "groups", message)];
}

function checkSlice(slo: Json): readonly MonitorProblem[] {
  const specification = isObject(slo["sli_specification"]) ? slo["sli_specification"] : {};
  const slice = isObject(specification["time_slice"]) ? specification["time_slice"] : {};
  const query = isObject(slice["query"]) ? slice["query"] : {};
  const queries = listOf(query["queries"]);
  if (queries.length === 0) return [problem("MissingQuery", "query", "The query is missing")];
  return queries.flatMap(({ name, query: text }): readonly MonitorProblem[] => {
    const path = queries.length === 1 ? "query" : `queries.${String(name)}`;
    const wrong = checkExpression(path, typeof text === "string" ? text.trim() : "");
    return wrong === undefined ? [] : [wrong];
  });
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
