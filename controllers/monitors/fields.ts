import type { MonitorLayer } from "../../crds/monitor.ts";

type Field = keyof MonitorLayer;

/** Fields of a document that are options of the API as they stand. */
export const OPTION_FIELDS = {
  requireFullWindow: "require_full_window",
  notifyNoData: "notify_no_data",
  noDataTimeframe: "no_data_timeframe",
  onMissingData: "on_missing_data",
  groupRetentionDuration: "group_retention_duration",
  renotifyInterval: "renotify_interval",
  renotifyOccurrences: "renotify_occurrences",
  renotifyStatuses: "renotify_statuses",
  notifyBy: "notify_by",
  notificationPresetName: "notification_preset_name",
  evaluationDelay: "evaluation_delay",
  newGroupDelay: "new_group_delay",
  newHostDelay: "new_host_delay",
  timeoutHours: "timeout_h",
  minFailureDuration: "min_failure_duration",
  minLocationFailed: "min_location_failed",
  escalationMessage: "escalation_message",
  includeTags: "include_tags",
  notifyAudit: "notify_audit",
  enableLogsSample: "enable_logs_sample",
  enableSamples: "enable_samples",
  groupbySimpleMonitor: "groupby_simple_monitor",
  schedulingOptions: "scheduling_options",
  variables: "variables",
  aggregation: "aggregation",
} as const satisfies Partial<Record<Field, string>>;

export const THRESHOLD_FIELDS = {
  critical: "critical",
  warning: "warning",
  criticalRecovery: "critical_recovery",
  warningRecovery: "warning_recovery",
  criticalQuery: "critical_query",
  criticalRecoveryQuery: "critical_recovery_query",
  ok: "ok",
  unknown: "unknown",
} as const satisfies Partial<Record<Field, string>>;

export const WINDOW_FIELDS = {
  triggerWindow: "trigger_window",
  recoveryWindow: "recovery_window",
} as const satisfies Partial<Record<Field, string>>;

/** Fields that stand beside the options, and that people keep in Datadog unless a document states them. */
export const OUTER_FIELDS = {
  restrictedRoles: "restricted_roles",
  draftStatus: "draft_status",
  assets: "assets",
} as const satisfies Partial<Record<Field, string>>;

/** Fields whose inner names differ as well: `customSchedule` is `custom_schedule`. */
export const NESTED_FIELDS: ReadonlySet<string> = new Set(["schedulingOptions", "aggregation", "assets"]);

export function withApiNames(value: unknown): unknown {
  return renamed(value, (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

export function withDocumentNames(value: unknown): unknown {
  return renamed(value, (name) =>
    name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase()),
  );
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [rename(name), renamed(inner, rename)]),
  );
}
