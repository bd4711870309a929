import { canonicalDesired, type SloBody } from "../../controllers/slos/canonical.ts";
import { sloMarkTags } from "../../controllers/slos/mark.ts";
import type { Json } from "../../controllers/monitors/canonical.ts";
import type { DesiredObject } from "../../engine/plan/plan.ts";
import { CLUSTER } from "./monitors.ts";

/** A wished SLO with our mark. `wire` replaces fields, named as the API names them. */
export function wishedSlo(key: string, wire: Json = {}): DesiredObject<SloBody> {
  const owner = key.slice(0, key.indexOf("/"));
  const tags = [`service:${owner}`, ...sloMarkTags({ clusterId: CLUSTER, key, retain: false })];
  const body = canonicalDesired({
    type: "metric",
    name: `[${owner}] ${key}`,
    description: "Requests without an error",
    tags,
    thresholds: [{ timeframe: "30d", target: 99.5, warning: 99.9 }],
    query: { numerator: "sum:a.good{*}.as_count()", denominator: "sum:a.all{*}.as_count()" },
    ...wire,
  });
  return { key, owner, body, drift: { rule: "correct", fields: {} }, retain: false };
}
