import { isReserved } from "../../crds/names.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { ownerOfKey } from "../datadog/mark.ts";
import type { MetricTagsBody } from "./canonical.ts";
import { joinMetricTags, lastKnownWishes, type MetricsWish, type MetricTagsObject } from "./compile.ts";
import { percentileQueries } from "./queries.ts";

export interface DesiredMetricTags extends Desired<MetricTagsBody> {
  readonly objects: ReadonlyMap<string, MetricTagsObject>;
  /** Owners who may want more of metrics than is known: while there are any, nothing is given up. */
  readonly unknown: readonly string[];
  /** Owners whose objects may ask for percentiles that are not known: of theirs nothing is given up. */
  readonly partly: ReadonlySet<string>;
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
  const compiled = sources.map((compile) => compile(snapshot));
  const queries = percentileQueries(compiled);
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
  const owners = [...queries.keys(), ...compiled.flatMap((one) => [...(one.composed ?? [])])];
  const composed = new Set(owners.filter((owner) => !snapshot.services.has(owner)));
  for (const owner of composed)
    known.push({ owner, drift: "correct", retain: false, metrics: {}, queries: queries.get(owner) ?? [] });
  const { wishes, left } = standIn(known, {
    unknown: [...held.keys()].filter(mayHaveQueries),
    partly: ownersOfHeld(compiled, held),
  });
  const { objects, held: heldKeys, problems } = joinMetricTags(wishes.filter(hasPart), left.unknown);
  for (const [key, why] of heldKeys) held.set(key, why);
  const byKey = new Map(objects.map((object) => [object.key, object]));
  return { objects: byKey, held, paused, problems, composed, ...left };
}

/** Owners whose wish is known, but not what one of its objects comes to: that stands as it was made last, with its queries. */
function ownersOfHeld(
  compiled: readonly Desired<unknown>[],
  unread: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  const owners = compiled.flatMap(({ held }) => [...held.keys()]).map(ownerOfKey);
  return new Set(owners.filter((owner) => !unread.has(owner)));
}

/** False for a downtime of no service: it has no queries. */
function mayHaveQueries(owner: string): boolean {
  return !isReserved(owner) || !owner.startsWith("_downtimes/");
}

function hasPart({ metrics, queries }: MetricsWish): boolean {
  return queries.length > 0 || Object.keys(metrics).length > 0;
}
