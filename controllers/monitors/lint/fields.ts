/** Where alerts come from: what a field is called there, by what it is in Datadog's API. */
export const FIELD_NAMES: Readonly<Record<string, readonly string[]>> = {
  name: ["name", "title", "alert"],
  type: ["type"],
  query: ["query"],
  message: ["message", "description", "summary"],
  priority: ["priority"],
  tags: ["tags"],
  notify: ["notify"],
  env: ["env"],
  team: ["team"],
  options: ["options"],
};

/** The parts of a query that is not written out. */
export const SHORTHAND: readonly string[] = [
  "metric",
  "operator",
  "comparator",
  "threshold",
  "condition",
  "window",
  "aggregator",
  "aggregation",
  "scope",
  "by",
  "group_by",
  "check",
];

/** What Datadog or Terraform set beside a monitor, and what no wish decides. */
export const SET_BY_SERVER: ReadonlySet<string> = new Set([
  "assets",
  "created",
  "created_at",
  "creator",
  "deleted",
  "draft_status",
  "force_delete",
  "id",
  "matching_downtimes",
  "modified",
  "multi",
  "org_id",
  "overall_state",
  "overall_state_modified",
  "restricted_roles",
  "restriction_policy",
  "state",
  "validate",
]);

/** Options of a monitor as the API documents them. Terraform has them beside the query, `thresholds` as `monitor_thresholds`. */
export const OPTION_NAMES: ReadonlySet<string> = new Set([
  "aggregation",
  "avalanche_window",
  "device_ids",
  "enable_logs_sample",
  "enable_samples",
  "escalation_message",
  "evaluation_delay",
  "group_retention_duration",
  "groupby_simple_monitor",
  "include_tags",
  "locked",
  "min_failure_duration",
  "min_location_failed",
  "new_group_delay",
  "new_host_delay",
  "no_data_timeframe",
  "notification_preset_name",
  "notify_audit",
  "notify_by",
  "notify_no_data",
  "on_missing_data",
  "renotify_interval",
  "renotify_occurrences",
  "renotify_statuses",
  "require_full_window",
  "scheduling_options",
  "silenced",
  "threshold_windows",
  "thresholds",
  "timeout_h",
  "variables",
]);

export const THRESHOLD_NAMES: readonly string[] = [
  "critical",
  "critical_recovery",
  "warning",
  "warning_recovery",
  "ok",
  "unknown",
];

/** Names of fields that are options in camel case, as documents have them. */
export function snakeCase(name: string): string {
  if (name === "timeoutHours") return "timeout_h";
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function camelCase(name: string): string {
  if (name === "timeout_h") return "timeoutHours";
  return name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}
