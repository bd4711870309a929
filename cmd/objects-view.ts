import { isOver, type DowntimeBody } from "../controllers/downtimes/canonical.ts";
import { compileDowntimes } from "../controllers/downtimes/snapshot.ts";
import type { EntityBody } from "../controllers/catalog/canonical.ts";
import { compileCatalog } from "../controllers/catalog/compile.ts";
import type { EvaluatorBody } from "../controllers/evaluators/canonical.ts";
import { compileEvaluators } from "../controllers/evaluators/compile.ts";
import { applicationUrl } from "../controllers/application-url.ts";
import type { DashboardBody } from "../controllers/dashboards/canonical.ts";
import { compileDashboards } from "../controllers/dashboards/compile.ts";
import { withoutMark } from "../controllers/datadog/text-mark.ts";
import type { MetricTagsBody } from "../controllers/metric-tags/canonical.ts";
import { querySources } from "../controllers/metric-tags/index.ts";
import { compileMetricTags } from "../controllers/metric-tags/snapshot.ts";
import type { SloBody } from "../controllers/slos/canonical.ts";
import { compileSlos } from "../controllers/slos/compile.ts";
import type { Desired, DesiredObject } from "../engine/plan/plan.ts";
import type { Snapshot } from "../engine/sources/snapshot.ts";
import { clusterIdIfKnown, type Look } from "./look.ts";

/** `NotNeeded`: nothing has to be made, such as a downtime that is over. */
export type ObjectState = "Synced" | "NotMade" | "NotNeeded" | "ChangedByHand" | "ToGo";

/** One object as it is wished and as the operator remembers it. */
export interface ObjectView {
  readonly key: string;
  readonly owner: string;
  readonly id?: string | undefined;
  readonly state: ObjectState;
  readonly title?: string | undefined;
  /** Fields that a person changed. */
  readonly drift: readonly string[];
  readonly link?: string | undefined;
}

export interface ObjectViews {
  readonly objects: readonly ObjectView[];
  /** Keys and owners whose objects stay as they are, and why. */
  readonly held: ReadonlyMap<string, string>;
}

/** What sets one kind apart for whoever looks at it. */
export interface ViewedKind<Body> {
  readonly controller: string;
  /** For headings: `Downtimes`. */
  readonly title: string;
  compile(clusterId: string, appUrl: string): (snapshot: Snapshot) => Desired<Body>;
  titleOf(body: Body): string;
  isNeedless(object: DesiredObject<Body>, nowMs: number): boolean;
  /** Below the address of Datadog's pages. */
  pathOf(id: string): string;
}

export const DOWNTIMES: ViewedKind<DowntimeBody> = {
  controller: "downtimes",
  title: "Downtimes",
  compile: compileDowntimes,
  titleOf: ({ scope, message }) => `${scope}: ${withoutMark(message).split("\n")[0] ?? ""}`,
  isNeedless: ({ body }, nowMs) => isOver(body, nowMs),
  pathOf: (id) => `/monitors/downtimes?id=${encodeURIComponent(id)}`,
};

export const METRIC_TAGS: ViewedKind<MetricTagsBody> = {
  controller: "metric-tags",
  title: "Metric tags",
  compile: (clusterId, appUrl) => compileMetricTags(querySources(clusterId, appUrl)),
  titleOf({ tags, exclude_tags_mode: excludes, include_percentiles: hasPercentiles }) {
    const kept = excludes ? (tags.length === 0 ? "all tags" : `all but ${tags.join(", ")}`) : tags.join(", ");
    return `${kept || "no tags"}${hasPercentiles ? "; percentiles" : ""}`;
  },
  // Somebody else's configuration may have what a query asks for, or there is nothing to configure.
  isNeedless: (object) => "isDerived" in object && object.isDerived === true,
  pathOf: (id) => `/metric/summary?metric=${encodeURIComponent(id)}`,
};

export const SLOS: ViewedKind<SloBody> = {
  controller: "slos",
  title: "SLOs",
  compile: compileSlos,
  titleOf: ({ name, timeframe, target_threshold: target }) => `${name}: ${target ?? "?"} % in ${timeframe}`,
  isNeedless: () => false,
  pathOf: (id) => `/slo?slo_id=${encodeURIComponent(id)}`,
};

export const DASHBOARDS: ViewedKind<DashboardBody> = {
  controller: "dashboards",
  title: "Dashboards",
  compile: compileDashboards,
  titleOf: ({ title }) => title,
  isNeedless: () => false,
  pathOf: (id) => `/dashboard/${encodeURIComponent(id)}`,
};

export const CATALOG: ViewedKind<EntityBody> = {
  controller: "catalog",
  title: "Software Catalog",
  compile: compileCatalog,
  titleOf: ({ metadata }) => String(metadata["description"] ?? metadata["displayName"] ?? metadata["name"]),
  isNeedless: () => false,
  pathOf: (id) => `/software?query=${encodeURIComponent(id.slice(id.indexOf("/") + 1))}`,
};

export const EVALUATORS: ViewedKind<EvaluatorBody> = {
  controller: "evaluators",
  title: "Evaluators",
  compile: compileEvaluators,
  titleOf({ target, llm_provider: provider }) {
    const { sampling_percentage: share = 100 } = target;
    const off = target["enabled"] === false ? "; switched off" : "";
    return `${String(provider["model_name"])} judges ${Number(share)} % of ${String(target["application_name"])}${off}`;
  },
  isNeedless: () => false,
  pathOf: () => "/llm/evaluations",
};

/** Joins what is wished and what the operator remembers. Datadog isn't asked. */
export async function viewObjects<Body>(look: Look, kind: ViewedKind<Body>): Promise<ObjectViews> {
  const { config, facts, snapshot } = look;
  const appUrl = applicationUrl(config.datadog.url);
  const desired = kind.compile((await clusterIdIfKnown(look)) ?? "unknown", appUrl)(snapshot);
  const stored = new Map(
    [...facts.statuses.values()]
      .flat()
      .flatMap(({ service, objects }) =>
        objects
          .filter(({ controller }) => controller === kind.controller)
          .map((object) => [object.key, { ...object, owner: service }] as const),
      ),
  );
  const keys = [...new Set([...desired.objects.keys(), ...stored.keys()])].sort();
  const objects = keys.map((key): ObjectView => {
    const want = desired.objects.get(key);
    const have = stored.get(key);
    const drift = (have?.drift ?? []).map(({ path }) => path);
    const state: ObjectState =
      want === undefined
        ? "ToGo"
        : have === undefined
          ? kind.isNeedless(want, Date.now())
            ? "NotNeeded"
            : "NotMade"
          : drift.length > 0
            ? "ChangedByHand"
            : "Synced";
    return {
      key,
      owner: want?.owner ?? have?.owner ?? key,
      id: have?.ref,
      state,
      title: want === undefined ? undefined : kind.titleOf(want.body),
      drift,
      link: have === undefined ? undefined : `${appUrl}${kind.pathOf(have.ref)}`,
    };
  });
  return { objects, held: desired.held };
}
