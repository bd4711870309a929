import { MONITOR_TYPES, type MonitorLayer } from "../../crds/monitor.ts";
import { resolve, type Resolution } from "../../crds/resolve.ts";
import { toWire, type Json } from "../../controllers/monitors/canonical.ts";
import { compileMonitors } from "../../controllers/monitors/compile.ts";
import { exampleGround, examplePack } from "./packs.ts";

/** The fields that say what a monitor is. `drift` says what becomes of it. */
export type MonitorField = Exclude<keyof MonitorLayer, "type" | "query" | "drift">;

/** Values that say something, so that a field that gets lost is seen. One entry for each field of the schema. */
export const FIELD_VALUES: Readonly<Record<MonitorField, readonly unknown[]>> = {
  name: ["Another name"],
  message: ["Something is wrong."],
  critical: [5, 0.5],
  warning: [3, 0.3],
  criticalRecovery: [4, 0.4],
  warningRecovery: [2],
  criticalQuery: ["avg:a.limit{*}"],
  criticalRecoveryQuery: ["avg:a.low{*}"],
  ok: [2],
  unknown: [3],
  triggerWindow: ["last_15m"],
  recoveryWindow: ["last_30m"],
  priority: [1, 4],
  notify: [["@slack-x"]],
  runbookUrl: ["https://wiki.example.com/x"],
  tags: [["a:b"]],
  requireFullWindow: [true, false],
  notifyNoData: [true],
  noDataTimeframe: [20],
  onMissingData: ["show_no_data", "resolve"],
  groupRetentionDuration: ["2h"],
  renotifyInterval: [30],
  renotifyOccurrences: [3],
  renotifyStatuses: [["alert", "warn"]],
  notifyBy: [["*"], ["host"]],
  notificationPresetName: ["hide_query"],
  evaluationDelay: [300],
  newGroupDelay: [120],
  newHostDelay: [600],
  timeoutHours: [2],
  minFailureDuration: [60],
  minLocationFailed: [2],
  escalationMessage: ["Still wrong."],
  includeTags: [false],
  notifyAudit: [true],
  enableLogsSample: [true],
  enableSamples: [true],
  groupbySimpleMonitor: [true],
  schedulingOptions: [
    { evaluationWindow: { dayStarts: "04:00", timezone: "Europe/Berlin" } },
    { customSchedule: { recurrences: [{ rrule: "FREQ=DAILY;INTERVAL=1", timezone: "UTC" }] } },
  ],
  variables: [[{ data_source: "metrics", name: "query1", query: "avg:a.b{*}" }]],
  aggregation: [{ groupBy: "host", metric: "count", type: "count" }],
  restrictedRoles: [["role-1"]],
  draftStatus: ["draft"],
  assets: [[{ name: "Runbook", url: "/notebooks/1", category: "runbook", resourceType: "notebook" }]],
};

export const QUERIES = [
  "avg(last_5m):avg:a.b{${scope}} by {host} > ${critical}",
  "avg(last_5m):avg:a.b{${scope}} > threshold",
  "avg(last_4h):anomalies(avg:a.b{*}, 'basic', 2) >= 5",
  'logs("service:x").index("*").rollup("count").by("host").last("5m") > 5',
  'formula("query1").last("5m") > 5',
  '"a.up".over("*").by("host").last(6).count_by_status()',
  "12 && !34",
];

const GROUND = exampleGround({ packs: new Map([["ray", examplePack()]]) });

/** The monitor of a document that defines one, or why there is none. */
export function compiledMonitor(layer: MonitorLayer): {
  readonly body?: Json | undefined;
  readonly problems: readonly string[];
} {
  const resolution = resolve(
    "ray",
    [],
    { text: JSON.stringify({ monitors: { tried: layer } }), generation: 1 },
    GROUND,
  )!;
  if (resolution.state === "held") return { problems: resolution.problems.map(({ message }) => message) };
  const { objects, problems } = compileMonitors("dc1", { appUrl: "https://app.datadoghq.com" })({
    services: new Map<string, Resolution>([["ray", resolution]]),
    paused: new Set(),
  });
  const body = objects.get("ray/tried")?.body;
  return {
    body: body === undefined ? undefined : toWire(body),
    problems: problems.map(({ message }) => message),
  };
}

/** Fields without which others mean nothing. */
const BESIDE: Partial<Record<MonitorField, object>> = {
  enableSamples: {
    variables: [
      {
        data_source: "ci_tests",
        name: "query1",
        search: { query: "" },
        compute: { aggregation: "count" },
        indexes: ["*"],
        group_by: [],
      },
    ],
  },
  warningRecovery: { warning: 3 },
  criticalRecoveryQuery: { criticalQuery: "avg:a.limit{*}" },
  noDataTimeframe: { notifyNoData: true },
  renotifyOccurrences: { renotifyInterval: 30 },
  renotifyStatuses: { renotifyInterval: 30 },
};

/** Whether a query is one that monitors of a type have. */
export function suits(type: string, query: string): boolean {
  if (/^\d/.test(query)) return type === "composite";
  if (query.startsWith("logs(")) return type === "log alert";
  if (query.startsWith('"')) return type === "service check";
  if (query.startsWith("formula(")) return type === "query alert" || type === "ci-tests alert";
  return type === "query alert" || type === "metric alert";
}

/** A monitor with a field, for each value, type and fitting query that can have it. */
export function* monitorsWith(field: MonitorField): Generator<Json> {
  for (const value of FIELD_VALUES[field])
    for (const type of MONITOR_TYPES)
      for (const query of QUERIES.filter((one) => suits(type, one))) {
        const { body } = compiledMonitor({ type, query, critical: 5, ...BESIDE[field], [field]: value });
        if (body !== undefined) yield body;
      }
}
