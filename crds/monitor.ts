import { z } from "zod";

import { driftLayer } from "./drift.ts";
import { handle, slug, tag } from "./names.ts";

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
  criticalRecovery: z.number().meta({ description: "Value at which an alert recovers." }),
  warningRecovery: z.number().meta({ description: "Value at which a warning recovers." }),
  ok: z
    .number()
    .int()
    .min(1)
    .max(100)
    .meta({ description: "Service checks only: how many OK in a row recover." }),
  priority: z.number().int().min(1).max(5).meta({ description: "1 (highest) to 5." }),
  notify: z
    .array(handle)
    .max(20)
    .meta({ description: "Who is notified. Replaces the service's `notify` for this monitor." }),
  tags: z.array(tag).max(20).meta({ description: "More tags on the monitor." }),
  requireFullWindow: z
    .boolean()
    .meta({ description: "Evaluate only when the whole window has data. False for sparse metrics." }),
  notifyNoData: z.boolean().meta({ description: "Alert when data stops." }),
  noDataTimeframe: z
    .number()
    .int()
    .min(2)
    .max(10_080)
    .meta({ description: "Minutes without data before that alert." }),
  onMissingData: z
    .enum(["default", "show_no_data", "show_and_notify_no_data", "resolve"])
    .meta({ description: "What missing data means. Not together with notifyNoData." }),
  renotifyInterval: minutes.meta({
    description: "Minutes until an unresolved alert notifies again; 0 for never.",
  }),
  evaluationDelay: seconds.meta({ description: "Seconds to wait for late data." }),
  newGroupDelay: seconds.meta({ description: "Seconds before a new group is evaluated." }),
  timeoutHours: z
    .number()
    .int()
    .min(0)
    .max(24)
    .meta({ description: "Hours after which a group without data resolves." }),
  escalationMessage: z.string().max(8_000).meta({ description: "Text of the repeated notification." }),
  includeTags: z.boolean().meta({ description: "Put the triggering group's tags into the title." }),
  notifyAudit: z.boolean().meta({ description: "Notify when the monitor is edited." }),
  drift: driftLayer,
};

/** A monitor of one's own: its type and query, and what can be tuned. */
export const monitorFields = {
  type: z
    .enum(MONITOR_TYPES)
    .meta({ description: "Type of the monitor, in Datadog's words. Only for a monitor of your own." }),
  query: z.string().min(1).max(4_000).meta({
    description:
      "Datadog's query. Only for a monitor of your own. ${scope} stands for the service's own tags, ${critical} for the threshold.",
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
  needs: slug.optional().meta({
    description: "Agent option that must be on, or else the metric isn't there and the monitor is left out.",
  }),
  default: z
    .boolean()
    .optional()
    .meta({ description: "False if the monitor is made only when a document names it." }),
  source: z.string().optional().meta({ description: "Where the query and its metric come from." }),
});
export type PackMonitor = z.infer<typeof packMonitor>;
