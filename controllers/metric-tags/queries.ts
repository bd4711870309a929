import { remember } from "../../engine/plan/compile.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import { percentileMetrics } from "./percentiles.ts";

/** Names under which bodies of monitors, widgets and SLOs have queries. */
const QUERY_FIELDS: ReadonlySet<string> = new Set(["query", "q", "numerator", "denominator"]);

/** The queries of compiled objects that ask for percentiles, by the object's owner. */
export function percentileQueries(all: readonly Desired<unknown>[]): ReadonlyMap<string, readonly string[]> {
  const byOwner = new Map<string, string[]>();
  for (const { objects } of all) {
    for (const { owner, body } of objects.values()) {
      if (typeof body !== "object" || body === null) continue;
      const queries = queriesIn(body);
      if (queries.length > 0) byOwner.set(owner, [...(byOwner.get(owner) ?? []), ...queries]);
    }
  }
  return byOwner;
}

/** A body stays the same object as long as its wish does. */
const queriesIn = remember((body: object): readonly string[] =>
  [...textsIn(body, "")].filter((query) => percentileMetrics(query).length > 0),
);

function* textsIn(value: unknown, name: string): Generator<string> {
  if (typeof value === "string") {
    if (QUERY_FIELDS.has(name)) yield value;
  } else if (Array.isArray(value)) {
    for (const item of value) yield* textsIn(item, name);
  } else if (typeof value === "object" && value !== null) {
    for (const [inner, item] of Object.entries(value)) yield* textsIn(item, inner);
  }
}
