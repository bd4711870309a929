import { z } from "zod";

import { needs } from "./condition.ts";
import { driftLayer } from "./drift.ts";
import { aggregation, assets, formulaVariables, schedulingOptions, webAddress } from "./monitor-parts.ts";
import { handle, tag } from "./names.ts";

/**
 * Types of monitor that a document may define.
 * `synthetics alert` is missing on purpose: synthetic tests make and keep those.
 *
 * @see https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor
 */
export const MONITOR_TYPES = [
  "query alert",
  "metric alert",
  "service check",
  "event-v2 alert",
  "event alert",
  "log alert",
  "process alert",
  "trace-analytics alert",
  "rum alert",
  "error-tracking alert",
  "slo alert",
  "composite",
  "audit alert",
  "ci-pipelines alert",
  "ci-tests alert",
  "cost alert",
  "data-jobs alert",
  "data-quality alert",
  "database-monitoring alert",
  "llm-observability alert",
  "network-path alert",
  "network-performance alert",
] as const;

const seconds = z.number().int().min(0).max(86_400);
const minutes = z.number().int().min(0).max(10_080);

const times = z.number().int().min(1).max(100);
const recovery = z.union([z.number(), z.literal(false)]);
const window = z.string().regex(/^last_\d{1,3}[mhd]$/, { error: "must be a window such as last_15m" });

/** True for a time from one hour to 72 hours, which is what Datadog takes. */
function isRetention(text: string): boolean {
  const minutesOf = { m: 1, h: 60, d: 1_440 }[text.at(-1) ?? ""] ?? Number.NaN;
  const total = Number(text.slice(0, -1)) * minutesOf;
  return total >= 60 && total <= 4_320;
}

/** The fields that a document may tune on a pack's monitor. */
const tunable = {
  name: z.string().min(1).max(200).meta({
    description: "Title of the monitor, without the service's name, which dd-observe puts before it.",
  }),
  message: z.string().max(8_000).meta({
    description:
      "What the notification says. Datadog's own {{…}} variables work; ${service}, ${env} and ${critical} are filled in.",
  }),
  critical: z
    .number()
    .meta({ description: "Threshold that alerts. It also replaces ${critical} in the query." }),
  warning: z.number().meta({ description: "Threshold that warns." }),
  criticalRecovery: recovery.meta({
    description:
      "Value at which an alert recovers; false for none but the threshold itself. Without it a pack's, or for a ratio 5 % on the healthy side.",
  }),
  warningRecovery: recovery.meta({ description: "Value at which a warning recovers; false for none." }),
  criticalQuery: z.string().min(1).max(4_000).meta({
    description: "Query that gives the threshold, where the monitor's query ends in the word threshold.",
  }),
  criticalRecoveryQuery: z.string().min(1).max(4_000).meta({
    description: "Query that gives the value at which such an alert recovers.",
  }),
  ok: times.meta({ description: "Service checks only: how many OK in a row recover." }),
  unknown: times.meta({ description: "Service checks only: how many UNKNOWN in a row count." }),
  triggerWindow: window.meta({
    description: "Anomaly monitors only: how long values must be odd to alert, such as last_15m.",
  }),
  recoveryWindow: window.meta({
    description: "Anomaly monitors only: how long values must be normal to recover.",
  }),
  priority: z.number().int().min(1).max(5).meta({ description: "1 (highest) to 5." }),
  notify: z
    .array(handle)
    .max(20)
    .meta({ description: "Who is notified. Replaces the service's `notify` for this monitor." }),
  runbookUrl: webAddress.meta({
    description: "Address of the monitor's runbook; the message links it. Replaces the service's.",
  }),
  tags: z.array(tag).max(20).meta({ description: "More tags on the monitor." }),
  requireFullWindow: z.boolean().meta({
    description:
      "Evaluate only when the whole window has data. False for sparse metrics, which is the default for counts.",
  }),
  notifyNoData: z.boolean().meta({ description: "Alert when data stops." }),
  noDataTimeframe: z
    .number()
    .int()
    .min(2)
    .max(10_080)
    .meta({ description: "Minutes without data before that alert. Needs notifyNoData." }),
  onMissingData: z.enum(["default", "show_no_data", "show_and_notify_no_data", "resolve"]).meta({
    description:
      "What missing data means. Not together with notifyNoData, and not for service checks, composites and SLOs.",
  }),
  groupRetentionDuration: z
    .string()
    .regex(/^([1-9]\d?h|[1-9]\d{1,3}m|[1-3]d)$/, { error: "must be a time such as 60m, 6h or 2d" })
    .refine(isRetention, { error: "must be from 1h to 72h" })
    .meta({
      description:
        "How long a group without data is remembered, from 1h to 72h. Only for logs, events, traces, RUM and their like.",
    }),
  renotifyInterval: minutes.meta({
    description:
      "Minutes until an unresolved alert notifies again; 0 for never. Without it 60 for priority 1, 240 for priority 2, else never.",
  }),
  renotifyOccurrences: z
    .number()
    .int()
    .min(1)
    .max(100)
    .meta({ description: "How often it notifies again at the most. Needs renotifyInterval." }),
  renotifyStatuses: z
    .array(z.enum(["alert", "warn", "no data"]))
    .max(3)
    .meta({
      description:
        "In which states it notifies again; [] for all. Needs renotifyInterval. Without it alert, and no data where that alerts.",
    }),
  notifyBy: z.array(z.string().min(1).max(200)).min(1).max(20).meta({
    description:
      "Groups that get a notification of their own: some of the query's groups, or ['*'] for one notification of all.",
  }),
  notificationPresetName: z
    .enum([
      "show_all",
      "hide_query",
      "hide_handles",
      "hide_all",
      "hide_query_and_handles",
      "show_only_snapshot",
      "hide_handles_and_footer",
    ])
    .meta({ description: "What the notification shows besides the message." }),
  evaluationDelay: seconds.meta({ description: "Seconds to wait for late data." }),
  newGroupDelay: seconds.meta({
    description: "Seconds before a new group is evaluated. Without it 60.",
  }),
  newHostDelay: seconds.meta({
    description:
      "Seconds before a new host is evaluated. Deprecated by Datadog; newGroupDelay takes its place, so not both.",
  }),
  timeoutHours: z
    .number()
    .int()
    .min(0)
    .max(24)
    .meta({ description: "Hours after which a group without data resolves." }),
  minFailureDuration: z
    .number()
    .int()
    .min(0)
    .max(7_200)
    .meta({ description: "Seconds for which it must fail before it alerts." }),
  minLocationFailed: z
    .number()
    .int()
    .min(1)
    .max(100)
    .meta({ description: "Locations that must fail at the same time." }),
  escalationMessage: z.string().max(8_000).meta({ description: "Text of the repeated notification." }),
  includeTags: z.boolean().meta({ description: "Put the triggering group's tags into the title." }),
  notifyAudit: z.boolean().meta({ description: "Notify when the monitor is edited." }),
  enableLogsSample: z.boolean().meta({ description: "Log alerts only: send a sample of the logs along." }),
  enableSamples: z
    .boolean()
    .meta({ description: "CI monitors only: send a sample of the runs or tests along." }),
  groupbySimpleMonitor: z.boolean().meta({
    description:
      "One notification when a single group alerts. For logs, RUM, CI, errors and LLM only; deprecated by notifyBy.",
  }),
  schedulingOptions: schedulingOptions.meta({
    description: "When the monitor is evaluated. A custom schedule decides the window by itself.",
  }),
  variables: formulaVariables.meta({
    description:
      "Queries that the formula of `query` joins, with Datadog's own names inside. ${scope} and the like work in their texts.",
  }),
  aggregation: aggregation.meta({ description: "How values are summed up, with groupBy, metric and type." }),
  restrictedRoles: z.array(z.string().min(1).max(100)).max(20).meta({
    description:
      "IDs of the roles that may edit the monitor; [] for all. Without it people decide that in Datadog.",
  }),
  draftStatus: z.enum(["draft", "published"]).meta({
    description: "A draft notifies nobody. Without it people decide that in Datadog.",
  }),
  assets: assets.meta({
    description: "Runbooks kept with the monitor. Without it people decide that in Datadog.",
  }),
  drift: driftLayer,
};

/** A monitor of one's own: its type and query, and what can be tuned. */
export const monitorFields = {
  type: z
    .enum(MONITOR_TYPES)
    .meta({ description: "Type of the monitor, in Datadog's words. Only for a monitor of your own." }),
  query: z.string().min(1).max(4_000).meta({
    description:
      "Datadog's query. Only for a monitor of your own. ${scope} stands for the service's own tags, ${critical} for the threshold. A composite names others: ${monitor:queue-too-long} && !${monitor:other-service/x}.",
  }),
  ...tunable,
};

/** What stands under `monitors.<name>`: tunes one of the pack's, or defines one. Which of the two is decided by the pack. */
export const monitorLayer = z.strictObject(monitorFields).partial();
export type MonitorLayer = z.infer<typeof monitorLayer>;

/** A monitor as a pack brings it. */
export const packMonitor = z.strictObject({
  ...z.strictObject(monitorFields).partial().shape,
  name: monitorFields.name,
  type: monitorFields.type,
  query: monitorFields.query,
  critical: monitorFields.critical,
  summary: z
    .string()
    .min(1)
    .max(500)
    .meta({ description: "What is wrong when it alerts, in one or two sentences. Opens the message." }),
  runbook: z.array(z.string().min(1)).length(3).meta({ description: "The first three things to look at." }),
  needs: needs.optional().meta({
    description:
      "What must hold of the pack's options, or else the metric isn't there and the monitor is left out: name, !name, name=value, name!=value, or a list of those.",
  }),
  default: z
    .boolean()
    .optional()
    .meta({ description: "False if the monitor is made only when a document names it." }),
  source: z.string().optional().meta({ description: "Where the query and its metric come from." }),
});
export type PackMonitor = z.infer<typeof packMonitor>;
