import { canonicalDesired, type Json, type MonitorBody } from "../../controllers/monitors/canonical.ts";
import { markTags } from "../../controllers/monitors/mark.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";

export const CLUSTER = "dc1";

/** A wished monitor with our mark. `wire` replaces fields, named as the API names them. */
export function wishedMonitor(key: string, wire: Json = {}): DesiredObject<MonitorBody> {
  const owner = key.slice(0, key.indexOf("/"));
  const tags = [`service:${owner}`, ...markTags({ clusterId: CLUSTER, key, retain: false })];
  const body = canonicalDesired({
    type: "query alert",
    name: `[${owner}] ${key}`,
    query: "avg(last_5m):avg:system.load.1{*} by {host} > 4",
    message: "Load is high @slack-ops",
    tags,
    priority: 3,
    options: { thresholds: { critical: 4, warning: 3 }, notify_no_data: true, no_data_timeframe: 20 },
    ...wire,
  });
  return { key, owner, body, drift: { rule: "correct", fields: {} }, retain: false };
}
