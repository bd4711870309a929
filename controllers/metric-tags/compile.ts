import type { Problem } from "../../crds/problem.ts";
import { compareText, type DesiredObject } from "../../engine/plan/plan.ts";
import { textSet } from "../datadog/texts.ts";
import { canonicalDesired, type MetricTagsBody } from "./canonical.ts";
import { percentileMetrics } from "./percentiles.ts";

/** What a document says of one metric. */
export interface MetricWish {
  /** Keys of tags. Without it the wish says nothing about tags. */
  readonly tags?: readonly string[] | undefined;
  /** True: the tags are those left out. */
  readonly excludeTags?: boolean | undefined;
  readonly percentiles?: boolean | undefined;
  readonly type?: "gauge" | "count" | "rate" | "distribution" | undefined;
}

/** What one owner has to do with metrics. */
export interface MetricsWish extends Pick<DesiredObject<MetricTagsBody>, "owner" | "drift" | "retain"> {
  /** By the metric's name. */
  readonly metrics: Readonly<Record<string, MetricWish>>;
  /** Queries of its compiled monitors and widgets: percentiles that they ask for are wished as well. */
  readonly queries: readonly string[];
}

export interface MetricTagsObject extends DesiredObject<MetricTagsBody> {
  /**
   * True if no document names the metric and only queries ask for its percentiles. Then it is no
   * failure that Datadog doesn't know the metric yet, or keeps it as an integration's.
   */
  readonly isDerived: boolean;
  /** All who have a part in it, sorted; the owner is the first of those who wish it. */
  readonly sharedBy: readonly string[];
}

export interface CompiledMetricTags {
  readonly objects: readonly MetricTagsObject[];
  /** Keys of metrics that stay as they are, since somebody with a part in them may want more than is known. */
  readonly held: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** The key of a metric's configuration. It stays the same when those who wish it change. */
export function metricKey(metric: string): string {
  return `${METRIC_KEYS}${metric}`;
}

const METRIC_KEYS = "_metrics/";

/**
 * Joins what all services wish of metrics: an organisation has one configuration for each.
 *
 * Tags that anybody keeps are kept, and percentiles that anybody wants are there. Whoever comes
 * first by name decides what can't be joined; the others get a problem.
 *
 * @param unknown Owners whose wish can't be read at the moment. They may keep any tag of any metric, so
 *   that only what takes nothing away is made until they are known.
 */
export function joinMetricTags(
  wishes: Iterable<MetricsWish>,
  unknown: readonly string[] = [],
): CompiledMetricTags {
  const problems: Problem[] = [];
  const partsByMetric = new Map<string, Part[]>();
  for (const wish of [...wishes].sort((a, b) => compareText(a.owner, b.owner))) {
    for (const [metric, part] of partsOf(wish)) {
      const parts = partsByMetric.get(metric) ?? [];
      partsByMetric.set(metric, [...parts, part]);
    }
  }
  const joined = [...partsByMetric]
    .sort(([a], [b]) => compareText(a, b))
    .map(([metric, parts]) => joinParts(metric, parts, problems))
    .filter((object) => object !== undefined);
  if (unknown.length === 0) return { objects: joined, held: new Map(), problems };

  const why = `what ${unknown.join(", ")} wants of metrics is not known, and may be more than the others want`;
  const objects = joined.filter(({ body }) => takesNothing(body));
  const held = new Map(joined.filter(({ body }) => !takesNothing(body)).map(({ key }) => [key, why]));
  return { objects, held, problems };
}

/** Owners of whom not everything is known. */
export interface Unclear {
  /** Their wish can't be read. */
  readonly unknown: readonly string[];
  /** Their wish is known, and some of its objects can't be made of it: others may still have the queries of before. */
  readonly partly: ReadonlySet<string>;
}

export interface StoodIn {
  readonly wishes: readonly MetricsWish[];
  /** Of `unclear`, those of whom the process doesn't know what they wished last. */
  readonly left: Unclear;
}

/** Stands in for owners of whom not everything is known: what they wished last, as long as the process knows. */
export function lastKnownWishes(): (known: readonly MetricsWish[], unclear: Unclear) => StoodIn {
  let last: ReadonlyMap<string, MetricsWish> = new Map();
  return (known, { unknown, partly }) => {
    const before = last;
    const standIns = unknown.map((owner) => before.get(owner)).filter((wish) => wish !== undefined);
    const joined = known.map((wish) => (partly.has(wish.owner) ? joinQueries(wish, before) : wish));
    const wishes = [...joined, ...standIns];
    const left = {
      unknown: unknown.filter((owner) => !before.has(owner)),
      partly: new Set([...partly].filter((owner) => !before.has(owner))),
    };
    last = new Map(wishes.filter(({ owner }) => !left.partly.has(owner)).map((wish) => [wish.owner, wish]));
    return { wishes, left };
  };
}

function joinQueries(wish: MetricsWish, last: ReadonlyMap<string, MetricsWish>): MetricsWish {
  const before = last.get(wish.owner)?.queries ?? [];
  return { ...wish, queries: [...new Set([...wish.queries, ...before])] };
}

/** True if nobody could want more: all tags, and percentiles. */
function takesNothing({ tags, exclude_tags_mode: excludes, include_percentiles }: MetricTagsBody): boolean {
  return excludes && tags.length === 0 && include_percentiles;
}

/** What one owner has to do with one metric. */
interface Part {
  readonly from: MetricsWish;
  /** Absent if only queries name it. */
  readonly stated?: MetricWish;
  readonly isAskedByQuery: boolean;
}

function partsOf(from: MetricsWish): ReadonlyMap<string, Part> {
  const asked = new Set(from.queries.flatMap(percentileMetrics));
  const parts = new Map<string, Part>();
  for (const metric of asked) parts.set(metric, { from, isAskedByQuery: true });
  for (const [metric, stated] of Object.entries(from.metrics))
    parts.set(metric, { from, stated, isAskedByQuery: asked.has(metric) });
  return parts;
}

function joinParts(
  metric: string,
  parts: readonly Part[],
  problems: Problem[],
): MetricTagsObject | undefined {
  const stated = parts.filter(({ stated: one }) => one !== undefined);
  const owner = (stated[0] ?? parts[0])?.from;
  if (owner === undefined) return undefined;

  const type = joinTypes(metric, parts, problems);
  const hasPercentiles = joinPercentiles(metric, parts, type, problems);
  if (stated.length === 0 && !hasPercentiles) return undefined;
  const body = canonicalDesired({
    id: metric,
    attributes: {
      // Percentiles are of distributions alone, so that asking for them says what the metric is.
      metric_type: type ?? (hasPercentiles ? "distribution" : undefined),
      ...joinTags(metric, parts, problems),
      include_percentiles: hasPercentiles,
    },
  });
  return {
    key: metricKey(metric),
    owner: owner.owner,
    body,
    drift: owner.drift,
    retain: owner.retain,
    isDerived: stated.length === 0,
    sharedBy: parts.map(({ from }) => from.owner),
  };
}

function joinTypes(
  metric: string,
  parts: readonly Part[],
  problems: Problem[],
): MetricWish["type"] | undefined {
  const [first, ...later] = parts.filter(({ stated }) => stated?.type !== undefined);
  const type = first?.stated?.type;
  for (const { from, stated } of later) {
    if (stated?.type === type) continue;
    const message = `it is a ${stated?.type} here and a ${type} for ${first?.from.owner}, which comes first; agree on what it is`;
    problems.push(problemOf(from, metric, "type", message));
  }
  return type;
}

/** Whoever says no to percentiles is heard against queries, since they cost money, but not against another's yes. */
function joinPercentiles(
  metric: string,
  parts: readonly Part[],
  type: MetricWish["type"] | undefined,
  problems: Problem[],
): boolean {
  const isDistribution = type === undefined || type === "distribution";
  const wishers = parts.filter(({ stated }) => stated?.percentiles === true);
  if (!isDistribution) {
    for (const { from } of wishers) {
      const message = `only a distribution has percentiles, and this is a ${type}; leave them out`;
      problems.push(problemOf(from, metric, "percentiles", message));
    }
    for (const { from, stated, isAskedByQuery } of parts) {
      if (!isAskedByQuery || stated?.percentiles === true) continue;
      const message = `A query asks for percentiles of ${metric}, and by the wishes this is a ${type}, which has none; ask for avg or max`;
      problems.push({ owner: from.owner, reason: "Conflict", message });
    }
    return false;
  }
  if (wishers.length > 0) return true;
  const isRefused = parts.some(({ stated }) => stated?.percentiles === false);
  return !isRefused && parts.some(({ isAskedByQuery }) => isAskedByQuery);
}

/** The tags part of a configuration that keeps all of them: nothing is left out. */
const ALL_TAGS = { tags: [] as readonly string[], exclude_tags_mode: true } as const;

function joinTags(
  metric: string,
  parts: readonly Part[],
  problems: Problem[],
): { readonly tags: readonly string[]; readonly exclude_tags_mode: boolean } {
  const [first, ...later] = parts.filter(({ stated }) => stated?.tags !== undefined);
  if (first?.stated === undefined) return ALL_TAGS;
  const excludes = first.stated.excludeTags === true;
  let tags = textSet(first.stated.tags);
  for (const { from, stated } of later) {
    if ((stated?.excludeTags === true) !== excludes) {
      const [here, there] = excludes ? ["keeps", "leaves out"] : ["leaves out", "keeps"];
      const message = `this ${here} certain tags and ${first.from.owner}, which comes first, ${there} certain tags; agree on one of both`;
      problems.push(problemOf(from, metric, "excludeTags", message));
      continue;
    }
    const more = textSet(stated?.tags);
    // What anybody keeps is kept, so that only what all leave out is left out.
    tags = excludes ? tags.filter((tag) => more.includes(tag)) : textSet([...tags, ...more]);
  }
  return { tags, exclude_tags_mode: excludes };
}

function problemOf(from: MetricsWish, metric: string, field: string, message: string): Problem {
  const path = `metrics.${metric}.${field}`;
  return { owner: from.owner, reason: "Conflict", path, message: `${path}: ${message}` };
}
