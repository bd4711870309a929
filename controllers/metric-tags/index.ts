import { metricTagsReader, metricTagsWriter } from "../../clients/datadog-metric-tags.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import { Memory } from "../../engine/plan/memory.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { compilesFor, compilesOf } from "../compiles.ts";
import { registerKind } from "../datadog/registration.ts";
import type { ClusterDeps } from "../deps.ts";
import { metricTagsKind } from "./kind.ts";
import { compileMetricTags, type DesiredMetricTags, type QuerySource } from "./snapshot.ts";

/** Every kind whose queries may need percentiles. One line each. */
export function querySources(clusterId: string, appUrl: string): readonly QuerySource[] {
  const { monitors, dashboards, slos } = compilesFor(clusterId, appUrl);
  return [monitors, dashboards, slos];
}

/** The tag configurations of metrics: one for each, that all services wish together. */
export function metricTags(deps: ClusterDeps): Registration<Snapshot> {
  const compiles = compilesOf(deps);
  const compile = compileMetricTags([compiles.monitors, compiles.dashboards, compiles.slos]);
  const memory = new Memory();
  let wished: DesiredMetricTags["objects"] = new Map();
  return registerKind(deps, {
    name: "metric-tags",
    condition: "MetricTagsSynced",
    noun: "tag configuration",
    memory,
    compile(snapshot) {
      const desired = compile(snapshot);
      wished = desired.objects;
      // A configuration can't say whose it is, nor that it is to stay.
      for (const [key, { owner, retain }] of wished) memory.move(key, { owner, retain });
      return holdUnknown(desired, memory);
    },
    kind: ({ transport }) =>
      metricTagsKind({
        tags: deps.isDryRun ? metricTagsReader(transport) : metricTagsWriter(transport),
        memory,
        wished: () => wished,
        open: () => deps.openIntents("metric-tags"),
        isTakenOver: (hash) => deps.approved().has(hash),
        log: deps.log,
      }),
  });
}

/** Whoever can't be read may want what nobody else does: then it stays. */
export function holdUnknown(desired: DesiredMetricTags, memory: Memory): DesiredMetricTags {
  const { unknown, partly } = desired;
  if (unknown.length === 0 && partly.size === 0) return desired;
  const objects = new Map(desired.objects);
  const held = new Map(desired.held);
  const why = `it stays, since what ${unknown.join(", ")} wants of metrics is not known`;
  for (const [key, { owner }] of memory.entries()) {
    if (partly.has(owner) && objects.get(key)?.body.include_percentiles !== true) {
      objects.delete(key);
      held.set(
        key,
        `it stays, since something of ${owner} that can't be made as wished may ask for its percentiles`,
      );
    } else if (unknown.length > 0 && !objects.has(key) && !held.has(key)) held.set(key, why);
  }
  return { ...desired, objects, held };
}
