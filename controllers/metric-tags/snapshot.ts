import { isReserved } from "../../crds/names.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { MetricTagsBody } from "./canonical.ts";
import { joinMetricTags, lastKnownWishes, type MetricsWish, type MetricTagsObject } from "./compile.ts";
import { percentileQueries } from "./queries.ts";

export interface DesiredMetricTags extends Desired<MetricTagsBody> {
  readonly objects: ReadonlyMap<string, MetricTagsObject>;
  /** Owners who may want more of metrics than is known: while there are any, nothing is given up. */
  readonly unknown: readonly string[];
}

/** The compile of a kind whose objects have queries. */
export type QuerySource = (snapshot: Snapshot) => Desired<unknown>;

/**
 * Works out the tag configurations that all services wish together. The same snapshot costs nothing again.
 *
 * @param sources Where queries stand that may need percentiles.
 */
export function compileMetricTags(
  sources: readonly QuerySource[],
): (snapshot: Snapshot) => DesiredMetricTags {
  const standIn = lastKnownWishes();
  let last: { readonly snapshot: Snapshot; readonly desired: DesiredMetricTags } | undefined;
  return (snapshot) => {
    if (last?.snapshot.services === snapshot.services && last.snapshot.paused === snapshot.paused)
      return last.desired;
    const desired = joined(snapshot, sources, standIn);
    last = { snapshot, desired };
    return desired;
  };
}

function joined(
  snapshot: Snapshot,
  sources: readonly QuerySource[],
  standIn: ReturnType<typeof lastKnownWishes>,
): DesiredMetricTags {
  const queries = percentileQueries(sources.map((compile) => compile(snapshot)));
  const known: MetricsWish[] = [];
  const held = new Map<string, string>();
  const paused = new Set(snapshot.paused);
  for (const resolution of snapshot.services.values()) {
    const { service } = resolution;
    if (resolution.state === "held") {
      held.set(service, resolution.problems[0]?.message ?? "the wish cannot be read");
      if (resolution.paused) paused.add(service);
      continue;
    }
    const { wish } = resolution;
    if (wish.paused) paused.add(service);
    known.push({
      owner: service,
      drift: wish.drift,
      retain: wish.deletion === "retain",
      metrics: resolution.state === "accepted" ? resolution.wish.metrics : {},
      queries: queries.get(service) ?? [],
    });
  }
  const composed = new Set([...queries.keys()].filter((owner) => !snapshot.services.has(owner)));
  for (const owner of composed)
    known.push({ owner, drift: "correct", retain: false, metrics: {}, queries: queries.get(owner) ?? [] });
  const { wishes, unknown } = standIn(known, [...held.keys()].filter(mayHaveQueries));
  const { objects, held: heldKeys, problems } = joinMetricTags(wishes.filter(hasPart), unknown);
  for (const [key, why] of heldKeys) held.set(key, why);
  const byKey = new Map(objects.map((object) => [object.key, object]));
  return { objects: byKey, held, paused, problems, composed, unknown };
}

/** False for a downtime of no service: it has no queries. */
function mayHaveQueries(owner: string): boolean {
  return !isReserved(owner) || !owner.startsWith("_downtimes/");
}

function hasPart({ metrics, queries }: MetricsWish): boolean {
  return queries.length > 0 || Object.keys(metrics).length > 0;
}
