import { splitComparison } from "./comparison.ts";
import { alertsOnMissingData, isMetricType, type Definition } from "./definition.ts";

/** Minutes until an alert notifies again, by priority. Others notify once. */
const RENOTIFY_MINUTES: Readonly<Record<number, number>> = { 1: 60, 2: 240 };

/** How far on the healthy side of its threshold a ratio recovers. */
const HYSTERESIS = 0.05;

/** Seconds for which a new group is left in peace while it starts. */
const NEW_GROUP_DELAY = 60;

/**
 * Fills in what neither the document nor the pack says. See docs/alert-routing.md for the table.
 *
 * @param query With its placeholders filled in.
 */
export function withMonitorDefaults(said: Definition, query: string): Definition {
  const definition = withoutContradicted(said);
  return {
    ...recoveries(definition, query),
    ...fullWindow(definition, query),
    ...groupDelay(definition),
    ...definition,
    ...repeats(definition),
  };
}

/** What a pack says and what contradicts the document: whoever states one of the two needn't know of the other. */
function withoutContradicted(definition: Definition): Definition {
  const { stated } = definition;
  const dropped = new Set<string>();
  const drop = (...names: readonly (keyof Definition)[]): void => {
    for (const name of names) if (!stated.has(name)) dropped.add(name);
  };
  if (stated.has("onMissingData")) drop("notifyNoData", "noDataTimeframe");
  if (stated.has("notifyNoData")) drop("onMissingData");
  if (definition.notifyNoData !== true) drop("noDataTimeframe");
  if (stated.has("newHostDelay")) drop("newGroupDelay");
  if (stated.has("newGroupDelay")) drop("newHostDelay");
  if (definition.renotifyInterval === 0) drop("renotifyStatuses", "renotifyOccurrences");
  if (definition.schedulingOptions?.customSchedule !== undefined)
    drop("requireFullWindow", "notifyNoData", "noDataTimeframe");
  if (dropped.size === 0) return definition;
  const kept = Object.entries(definition).filter(([name]) => !dropped.has(name));
  // Only optional fields were taken out.
  return Object.fromEntries(kept) as unknown as Definition;
}

function repeats(definition: Definition): Partial<Definition> {
  const { priority, stated } = definition;
  const interval =
    definition.renotifyInterval ?? (priority === undefined ? undefined : RENOTIFY_MINUTES[priority]);
  if (interval === undefined) return {};
  // Whoever names states or a count without an interval is told so, rather than given one.
  const isHalf = stated.has("renotifyStatuses") || stated.has("renotifyOccurrences");
  if (definition.renotifyInterval === undefined && isHalf) return { renotifyInterval: interval };
  if (interval === 0 || definition.renotifyStatuses !== undefined) return { renotifyInterval: interval };
  const onMissing = alertsOnMissingData(definition) ? (["no data"] as const) : [];
  return { renotifyInterval: interval, renotifyStatuses: ["alert", ...onMissing] };
}

function groupDelay({ type, newHostDelay }: Definition): Partial<Definition> {
  // These two have no groups of their own.
  if (type === "composite" || type === "slo alert" || newHostDelay !== undefined) return {};
  return { newGroupDelay: NEW_GROUP_DELAY };
}

/** A count has no point where nothing happened, so that its window is never full. */
function fullWindow({ type, schedulingOptions }: Definition, query: string): Partial<Definition> {
  const isSparse = /\.as_(?:count|rate)\(\)|\bdefault_zero\s*\(/.test(query);
  if (!isMetricType(type) || !isSparse || schedulingOptions?.customSchedule !== undefined) return {};
  return { requireFullWindow: false };
}

/** A ratio hovers around its threshold; a count's noise isn't known, so nothing is guessed for it. */
function recoveries(definition: Definition, query: string): Partial<Definition> {
  const comparison = splitComparison(query);
  if (comparison === undefined || !isMetricType(definition.type) || !isRatio(comparison.left)) return {};
  const rises = comparison.operator.startsWith(">");
  if (!rises && !comparison.operator.startsWith("<")) return {};
  const healthier = (threshold: number): number =>
    Number((threshold * (rises ? 1 - HYSTERESIS : 1 + HYSTERESIS)).toPrecision(6));
  const { critical, warning } = definition;
  return {
    ...(critical !== undefined && critical > 0 ? { criticalRecovery: healthier(critical) } : {}),
    ...(warning !== undefined && warning > 0 ? { warningRecovery: healthier(warning) } : {}),
  };
}

/** One metric over another. Over a number is a change of unit. */
function isRatio(left: string): boolean {
  if (/\b(?:anomalies|outliers|forecast)\s*\(/.test(left)) return false;
  const bare = left.replaceAll(/\{[^{}]*\}|"[^"]*"|'[^']*'/g, "");
  return /\/\s*(?![\d.\s])/.test(bare);
}
