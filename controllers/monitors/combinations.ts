import { didYouMean } from "../../crds/suggest.ts";
import { problem, type MonitorProblem } from "./comparison.ts";
import type { Definition } from "./definition.ts";

/** Types that count events, and so know samples, retention and what missing data means. */
const EVENT_TYPES: ReadonlySet<string> = new Set([
  "audit alert",
  "ci-pipelines alert",
  "ci-tests alert",
  "database-monitoring alert",
  "error-tracking alert",
  "event-v2 alert",
  "llm-observability alert",
  "log alert",
  "network-path alert",
  "network-performance alert",
  "rum alert",
  "trace-analytics alert",
]);

/** Types for which Datadog itself fills in `groupby_simple_monitor`. */
const SIMPLE_GROUPS: ReadonlySet<string> = new Set([
  "log alert",
  "rum alert",
  "ci-pipelines alert",
  "ci-tests alert",
  "error-tracking alert",
  "llm-observability alert",
]);

/**
 * Finds fields that Datadog would refuse together, or take and then ignore: whoever writes a
 * field is to see it work or to be told why not.
 *
 * @param definition With its defaults.
 * @param query With its placeholders filled in.
 */
export function checkCombinations(definition: Definition, query: string): readonly MonitorProblem[] {
  const type = definition.type ?? "";
  return [
    ...ofMissingData(definition, type),
    ...ofRepetition(definition),
    ...ofSchedule(definition),
    ...ofThresholds(definition, type, query),
    ...ofGroups(definition, type, query),
    ...ofType(definition, type, query),
  ];
}

function refuse(path: string, message: string): MonitorProblem[] {
  return [problem("InvalidCombination", path, message)];
}

function ofMissingData(definition: Definition, type: string): MonitorProblem[] {
  const { notifyNoData, noDataTimeframe, onMissingData } = definition;
  if (onMissingData !== undefined && notifyNoData !== undefined)
    return refuse("onMissingData", "onMissingData and notifyNoData say the same; leave one of them out");
  if (noDataTimeframe !== undefined && notifyNoData !== true)
    return refuse("noDataTimeframe", "noDataTimeframe means nothing without notifyNoData: true; add it");
  if (onMissingData !== undefined && ["service check", "composite", "slo alert"].includes(type))
    return refuse("onMissingData", `A ${type} knows no onMissingData; use notifyNoData`);
  return [];
}

function ofRepetition({
  renotifyInterval,
  renotifyOccurrences,
  renotifyStatuses,
}: Definition): MonitorProblem[] {
  if (renotifyInterval !== undefined && renotifyInterval > 0) return [];
  const alone =
    renotifyOccurrences !== undefined
      ? "renotifyOccurrences"
      : (renotifyStatuses ?? []).length > 0
        ? "renotifyStatuses"
        : undefined;
  if (alone === undefined) return [];
  return refuse(alone, `${alone} means nothing without renotifyInterval; add renotifyInterval: 60, say`);
}

function ofSchedule({ schedulingOptions, requireFullWindow, notifyNoData }: Definition): MonitorProblem[] {
  const window = schedulingOptions?.evaluationWindow;
  const isAlone = window?.monthStarts !== undefined && window.dayStarts === undefined;
  const problems = isAlone
    ? refuse("schedulingOptions", "monthStarts needs the time of that day; add dayStarts: '00:00'")
    : [];
  if (schedulingOptions?.customSchedule === undefined) return problems;
  if (requireFullWindow !== undefined)
    problems.push(
      ...refuse(
        "requireFullWindow",
        "A custom schedule decides the window by itself; leave requireFullWindow out",
      ),
    );
  if (notifyNoData !== undefined)
    problems.push(
      ...refuse("notifyNoData", "With a custom schedule, onMissingData says what missing data means; use it"),
    );
  return problems;
}

function ofThresholds(definition: Definition, type: string, query: string): MonitorProblem[] {
  const given = (["criticalRecovery", "warningRecovery", "ok", "unknown"] as const).filter(
    (name) => definition[name] !== undefined && definition[name] !== false,
  );
  const counted = given.find((name) => name === "ok" || name === "unknown");
  if (counted !== undefined && type !== "service check")
    return refuse(counted, `Only a service check counts ${counted}; leave it out`);
  const recovery = given.find((name) => name === "criticalRecovery" || name === "warningRecovery");
  if (recovery !== undefined && type === "service check")
    return refuse(recovery, `A service check recovers by ok; leave ${recovery} out`);
  const { criticalQuery, criticalRecoveryQuery, triggerWindow, recoveryWindow } = definition;
  if ((criticalQuery ?? criticalRecoveryQuery) !== undefined && !/[<>=]\s*threshold\s*$/.test(query))
    return refuse(
      "criticalQuery",
      "criticalQuery needs a query that ends in a comparison with the word threshold",
    );
  if (criticalQuery === undefined && /[<>=]\s*threshold\s*$/.test(query))
    return refuse(
      "criticalQuery",
      "The query compares with the word threshold; criticalQuery must say what that is",
    );
  if ((triggerWindow ?? recoveryWindow) !== undefined && !/\banomalies\s*\(/.test(query))
    return refuse(
      "triggerWindow",
      "triggerWindow and recoveryWindow are for anomalies(…) alone; leave them out",
    );
  return [];
}

function ofGroups(definition: Definition, type: string, query: string): MonitorProblem[] {
  const { newGroupDelay, newHostDelay, notifyBy, groupbySimpleMonitor } = definition;
  const problems: MonitorProblem[] = [];
  if (newGroupDelay !== undefined && newHostDelay !== undefined)
    problems.push(
      ...refuse("newHostDelay", "newGroupDelay takes the place of newHostDelay; leave newHostDelay out"),
    );
  if (notifyBy?.includes("*") === true && notifyBy.length > 1)
    problems.push(...refuse("notifyBy", "notifyBy is ['*'] alone, or names of groups"));
  if (notifyBy !== undefined && !/\bby\s*\{|\.by\s*\(/.test(query))
    problems.push(
      ...refuse("notifyBy", "notifyBy needs a query with groups; add by {host}, or leave notifyBy out"),
    );
  if (groupbySimpleMonitor === true && !SIMPLE_GROUPS.has(type))
    problems.push(
      ...refuse("groupbySimpleMonitor", `A ${type} knows no groupbySimpleMonitor; use notifyBy: ['*']`),
    );
  return problems;
}

function ofType(definition: Definition, type: string, query: string): MonitorProblem[] {
  const { enableLogsSample, enableSamples, groupRetentionDuration, variables } = definition;
  const problems: MonitorProblem[] = [];
  if (enableLogsSample !== undefined && type !== "log alert")
    problems.push(
      ...refuse("enableLogsSample", `Only a log alert sends logs along, not a ${type}; leave it out`),
    );
  if (enableSamples !== undefined && !type.startsWith("ci-"))
    problems.push(
      ...refuse("enableSamples", `Only CI monitors send samples along, not a ${type}; leave it out`),
    );
  if (groupRetentionDuration !== undefined && !EVENT_TYPES.has(type))
    problems.push(
      ...refuse("groupRetentionDuration", `A ${type} knows no groupRetentionDuration; use timeoutHours`),
    );
  problems.push(...ofFormula(variables, query));
  return problems;
}

/** A formula joins queries by their names, so that each of the two needs the other. */
function ofFormula(variables: Definition["variables"], query: string): MonitorProblem[] {
  const formula = /\bformula\s*\(\s*"([^"]*)"/.exec(query)?.[1];
  if (formula === undefined)
    return variables === undefined
      ? []
      : refuse("variables", 'variables are joined by a query such as formula("query1").last("5m") > 1');
  const names = namesIn(variables ?? []);
  const used = formula.replaceAll(/'[^']*'/g, "").match(/[A-Za-z_]\w*(?!\w*\s*[(=])/g) ?? [];
  const unknown = used.find((name) => !names.includes(name) && name !== "true" && name !== "false");
  if (unknown === undefined) return [];
  const hint = didYouMean(unknown, names) || "; add a query of that name to variables";
  return refuse("query", `The formula calls ${unknown}, which variables doesn't have${hint}`);
}

function namesIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "name" && typeof inner === "string" ? [inner] : namesIn(inner),
  );
}
