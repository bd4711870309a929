import type { Use } from "../../engine/plan/uses.ts";
import type { MonitorBody } from "./canonical.ts";

/** The monitors that a composite joins, and the SLO that an alert watches: they go after it. */
export function usesOf({ type, query }: Pick<MonitorBody, "type" | "query">): readonly Use[] {
  if (type === "composite")
    return [...query.matchAll(/\b\d+\b/g)].map(([ref]) => ({ controller: "monitors", ref }));
  if (type === "slo alert")
    return [...query.matchAll(/\b[0-9a-f]{32}\b/g)].map(([ref]) => ({ controller: "slos", ref }));
  return [];
}
