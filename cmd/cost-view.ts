import { metricTagsReader } from "../clients/datadog-metric-tags.ts";
import { DatadogTransport } from "../clients/datadog-transport.ts";
import { datadogReader } from "../clients/datadog.ts";
import { toError } from "../clients/errors.ts";
import { applicationUrl } from "../controllers/application-url.ts";
import { measureSeries } from "../controllers/cost/measure.ts";
import { compilesFor } from "../controllers/compiles.ts";
import { planCost, type ServiceParts } from "../controllers/cost/plan.ts";
import { MANAGED_BY, ownerTag } from "../controllers/datadog/mark.ts";
import type { SeriesCost, ServiceCost } from "../engine/status/cost.ts";
import { clusterIdIfKnown, type Look } from "./look.ts";

/** What one service costs, as far as it is known. */
export interface CostView extends Pick<ServiceCost, "monitors" | "series"> {
  /** Groups that its monitors watch. Undefined if Datadog could not be asked. */
  readonly groups: number | undefined;
  /** When the series were measured, ISO 8601. Undefined if just now. */
  readonly measuredAt: string | undefined;
  /** Why something is not known. */
  readonly unknown: readonly string[];
}

/** A person waits for these. */
const MOST_CALLS = 25;
const PATIENCE_MS = 20_000;

/** Asks Datadog, if there are keys; else tells what the leader measured last. Undefined for what has no cost of its own. */
export async function viewCost(look: Look, service: string): Promise<CostView | undefined> {
  const { config, facts, snapshot } = look;
  const clusterId = await clusterIdIfKnown(look);
  const plan = planCost(
    compilesFor(clusterId ?? "unknown", applicationUrl(config.datadog.url)),
    clusterId ?? "unknown",
  )(snapshot);
  const parts = plan.services.get(service);
  if (parts === undefined) return undefined;
  const stored = facts.statuses.get(service)?.find(({ cost }) => cost !== undefined)?.cost;
  const { url, apiKey, appKey } = config.datadog;
  if (apiKey === undefined || appKey === undefined || clusterId === undefined)
    return fromStatus(parts, stored);

  const transport = new DatadogTransport({ url, apiKey, appKey, timeoutMs: PATIENCE_MS, readOnly: true });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const unknown: string[] = [];
  const say = (what: string) => (error: unknown) => {
    unknown.push(`${what} not known: ${toError(error).message}`);
    return undefined;
  };
  const tags = [MANAGED_BY, ownerTag(clusterId), `service:${service}`];
  const groups = await datadogReader(transport)
    .countGroups(tags, { signal, priority: "status" })
    .catch(say("the groups are"));
  const measured = await measureSeries(parts.metrics, {
    datadog: metricTagsReader(transport),
    estimates: plan.estimates,
    mostCalls: MOST_CALLS,
    signal,
  }).catch(say("the series are"));
  return {
    monitors: parts.monitors,
    groups: groups?.total,
    series: measured === undefined ? [] : [...measured.values()],
    measuredAt: undefined,
    unknown,
  };
}

function fromStatus({ monitors, metrics }: ServiceParts, stored: ServiceCost | undefined): CostView {
  const unknown = ["the groups are not known: Datadog was not asked"];
  if (stored !== undefined)
    return { monitors, groups: undefined, series: stored.series, measuredAt: stored.at, unknown };
  const series = metrics.map((metric): SeriesCost => ({ metric, unknown: "Datadog was not asked" }));
  return { monitors, groups: undefined, series, measuredAt: undefined, unknown };
}
