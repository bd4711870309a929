import type { Use } from "../../engine/plan/uses.ts";
import type { DashboardBody } from "./canonical.ts";

/** The SLOs that a dashboard's widgets show: Datadog deletes none that a dashboard uses. */
export function usesOf({ widgets }: DashboardBody): readonly Use[] {
  return [...new Set(sloIdsIn(widgets))].map((ref) => ({ controller: "slos", ref }));
}

function* sloIdsIn(value: unknown): Generator<string> {
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (name === "slo_id" && typeof inner === "string") yield inner;
    else yield* sloIdsIn(inner);
  }
}
