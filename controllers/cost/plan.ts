import type { TagsEstimate } from "../../clients/datadog-metric-tags.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compareText } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { Compiles } from "../compiles.ts";
import { joinMetricTags } from "../metric-tags/compile.ts";
import type { MonitorBody } from "../monitors/canonical.ts";
import { parseMetricQuery, seriesOf } from "../monitors/lint/metric-query.ts";
import { packParts } from "../pack-parts.ts";

/** What there is to say of a service's cost without a look at Datadog. */
export interface ServiceParts {
  readonly service: string;
  readonly monitors: MonitorCount;
  /** Metrics of its pack, its document, and the queries of its monitors, SLOs and dashboards. Sorted. */
  readonly metrics: readonly string[];
}

/** A grouped monitor counts once for each of its groups. */
export interface MonitorCount {
  readonly simple: number;
  readonly grouped: number;
}

export interface CostPlan {
  readonly services: ReadonlyMap<string, ServiceParts>;
  /** What would be kept of a metric if the documents' `metrics` were in force, by metric. */
  readonly estimates: ReadonlyMap<string, TagsEstimate>;
}

/** Makes a function that works out what belongs to the cost of each service. Pure. */
export function planCost(
  { monitors, slos, dashboards }: Compiles,
  clusterId: string,
): (snapshot: Snapshot) => CostPlan {
  return (snapshot) => {
    const seenOf = Map.groupBy(
      [slos, dashboards].flatMap((compile) => [...compile(snapshot).objects.values()]),
      ({ owner }) => owner,
    );
    const bodiesOf = Map.groupBy(monitors(snapshot).objects.values(), ({ owner }) => owner);
    const wishes = [...snapshot.services.values()].flatMap((one) =>
      one.state === "accepted" ? [one.wish] : [],
    );
    const services = wishes.map((wish): readonly [string, ServiceParts] => [
      wish.service,
      partsOf(
        wish,
        packParts(wish, clusterId).keyMetrics,
        (bodiesOf.get(wish.service) ?? []).map(({ body }) => body),
        seenOf.get(wish.service) ?? [],
      ),
    ]);
    return { services: new Map(services), estimates: estimatesOf(wishes) };
  };
}

function partsOf(
  wish: Wish,
  keyMetrics: readonly string[],
  bodies: readonly MonitorBody[],
  others: readonly object[],
): ServiceParts {
  const grouped = bodies.filter(isGrouped).length;
  const metrics = new Set([
    ...keyMetrics,
    ...Object.keys(wish.metrics),
    ...bodies.flatMap(metricsOf),
    ...others.flatMap(metricsInTexts),
  ]);
  return {
    service: wish.service,
    monitors: { simple: bodies.length - grouped, grouped },
    metrics: [...metrics].sort(compareText),
  };
}

/** True if the monitor alerts for each group by itself: `… by {host}`, or `.by("host")` of a service check or a search. */
export function isGrouped({ query }: Pick<MonitorBody, "query">): boolean {
  return /\bby\s*\{\s*[^}\s]/.test(query) || /\.by\(\s*["']/.test(query);
}

function metricsOf({ type, query }: MonitorBody): readonly string[] {
  if (type !== "query alert" && type !== "metric alert") return [];
  return seriesOf(parseMetricQuery(query).parts).map(({ metric }) => metric);
}

/** `avg:app.latency{`: a metric in a query, wherever an SLO or a widget has it. */
const METRIC = /(?<![\w.])([A-Za-z]\w*(?:\.\w+)+)\s*\{/g;

function metricsInTexts(value: unknown): readonly string[] {
  if (typeof value === "string") return [...value.matchAll(METRIC)].map(([, name]) => name!);
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(metricsInTexts) : [];
}

/** An organisation has one configuration for each metric: what all documents together ask for. */
function estimatesOf(wishes: readonly Wish[]): ReadonlyMap<string, TagsEstimate> {
  const { objects } = joinMetricTags(
    wishes.map(({ service, metrics, drift, deletion }) => ({
      owner: service,
      metrics,
      drift,
      retain: deletion === "retain",
      queries: [],
    })),
  );
  return new Map(
    objects.map(({ body }) => [
      body.metric,
      {
        tags: body.tags,
        isExcluding: body.exclude_tags_mode,
        ...(body.include_percentiles ? { hasPercentiles: true } : {}),
      },
    ]),
  );
}
