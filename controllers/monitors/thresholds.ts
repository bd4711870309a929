import { isObject, type Json } from "./canonical.ts";
import type { Comparison, MonitorProblem } from "./comparison.ts";

const PATH = "options.thresholds";

/**
 * Checks the thresholds against the query and against each other. All rules are Datadog's own,
 * which answers 400; an anomaly or outlier monitor counts deviations and has no such order.
 */
export function checkThresholdOrder(comparison: Comparison, options: Json): readonly MonitorProblem[] {
  const given = isObject(options["thresholds"]) ? options["thresholds"] : {};
  const set = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  if (set.length === 0 || given["critical_query"] !== undefined) return [];
  const wrong = set.find(([name, value]) => name !== "critical_query" && typeof value !== "number");
  if (wrong !== undefined) return [problem(`${wrong[0]} is no number`)];

  const limit = new Map(set as [string, number][]);
  const critical = limit.get("critical");
  if (critical === undefined)
    return [
      problem(
        `Add critical: ${comparison.threshold ?? "…"}. Datadog takes no ${[...limit.keys()].join(" or ")} without it`,
      ),
    ];
  if (comparison.threshold !== undefined && comparison.threshold !== critical) {
    return [
      problem(
        `critical is ${critical}, but the query compares with ${comparison.threshold}; both must be the same`,
      ),
    ];
  }
  if (/\b(?:anomalies|outliers)\s*\(/.test(comparison.left)) return [];
  return checkOrder(comparison.operator, critical, limit);
}

function checkOrder(
  operator: string,
  critical: number,
  limit: ReadonlyMap<string, number>,
): readonly MonitorProblem[] {
  const rises = operator.startsWith(">");
  if (!rises && !operator.startsWith("<")) return [];
  const side = rises ? "below" : "above";
  /** True if `value` lies on the healthy side of `than`. */
  const isHealthier = (value: number, than: number) => (rises ? value < than : value > than);
  const warning = limit.get("warning");
  const recovery = limit.get("critical_recovery");
  const warningRecovery = limit.get("warning_recovery");

  const problems: MonitorProblem[] = [];
  if (warning !== undefined && !isHealthier(warning, critical)) {
    problems.push(problem(`warning is ${warning}; it must be ${side} critical (${critical})`));
  }
  if (recovery !== undefined && recovery !== critical && !isHealthier(recovery, critical)) {
    problems.push(
      problem(
        `critical_recovery is ${recovery}; it must be ${side} critical (${critical}), or the monitor could alert and recover at once`,
      ),
    );
  }
  if (warningRecovery !== undefined && warning === undefined) {
    problems.push(problem("warning_recovery needs a warning"));
  } else if (
    warningRecovery !== undefined &&
    warning !== undefined &&
    warningRecovery !== warning &&
    !isHealthier(warningRecovery, warning)
  ) {
    problems.push(problem(`warning_recovery is ${warningRecovery}; it must be ${side} warning (${warning})`));
  }
  return problems;
}

function problem(message: string): MonitorProblem {
  return { reason: "InvalidThreshold", path: PATH, message };
}
