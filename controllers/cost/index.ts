import { metricTagsReader } from "../../clients/datadog-metric-tags.ts";
import { datadogReader } from "../../clients/datadog.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import type { Metrics } from "../../engine/metrics.ts";
import { compareText } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { Board } from "../../engine/status/board.ts";
import { compilesOf } from "../compiles.ts";
import { connect } from "../datadog/connection.ts";
import { MANAGED_BY, ownerTag } from "../datadog/mark.ts";
import type { ClusterDeps } from "../deps.ts";
import { MAY_NOT_READ, measureSeries } from "./measure.ts";
import { planCost } from "./plan.ts";

export interface CostOptions {
  readonly deps: ClusterDeps;
  /** What is wished now. Undefined while that is not known. */
  readonly snapshot: () => Snapshot | undefined;
  readonly board: Board;
  readonly metrics: Metrics;
  readonly log: Log;
  /** 0 for never. */
  readonly intervalMs: number;
  readonly clock?: Clock;
}

/** A new leader has more urgent things to ask. */
const FIRST_MS = 5 * 60_000;
/** Calls of one round. An organisation has a few hundred metrics that packs and documents name. */
const MOST_CALLS = 1_000;

/**
 * Measures what services cost, again and again until the signal aborts, and puts it into their statuses. One call
 * for each metric, however many services have it. What fails is told once, and tried again the next time.
 */
export async function watchCost(options: CostOptions, signal: AbortSignal): Promise<void> {
  const { intervalMs, log, metrics, clock = systemClock } = options;
  if (intervalMs === 0) return;
  let told: string | undefined;
  const round = costRound(options);
  try {
    for (let pauseMs = Math.min(FIRST_MS, intervalMs); !signal.aborted; pauseMs = intervalMs) {
      await clock.sleep(pauseMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      const wrong = await round(signal).catch((error: unknown) => whyOf(error));
      if (signal.aborted) return;
      if (wrong !== undefined && wrong !== told) log.warn({ error: wrong }, "cost not fully measured");
      told = wrong;
    }
  } finally {
    for (const gauge of [metrics.costMonitors, metrics.costGroups, metrics.costSeries]) gauge.reset();
  }
}

/**
 * Makes a function that measures once.
 *
 * @returns of that function: why something could not be learnt, if it is worth a look.
 */
function costRound({
  deps,
  snapshot: newest,
  board,
  metrics,
  clock = systemClock,
}: CostOptions): (signal: AbortSignal) => Promise<string | undefined> {
  const plan = planCost(compilesOf(deps), deps.clusterId);
  return async (signal) => {
    const snapshot = newest();
    const connection = connect(deps);
    if (snapshot === undefined || connection === undefined) return undefined;
    const { services, estimates } = plan(snapshot);
    const names = [...new Set([...services.values()].flatMap((one) => one.metrics))].sort(compareText);
    const datadog = metricTagsReader(connection.transport);
    const measured = await measureSeries(names, { datadog, estimates, mostCalls: MOST_CALLS, signal });
    const at = new Date(clock.wallMs()).toISOString();

    metrics.costMonitors.reset();
    for (const [service, { monitors, metrics: own }] of services) {
      const series = own.flatMap((metric) => measured.get(metric) ?? []);
      board.setCost(service, { at, monitors, series });
      metrics.costMonitors.set({ service, type: "simple" }, monitors.simple);
      metrics.costMonitors.set({ service, type: "grouped" }, monitors.grouped);
    }
    metrics.costSeries.reset();
    for (const { metric, indexed, ingested, asWished } of measured.values()) {
      for (const [kind, value] of Object.entries({ indexed, ingested, asWished }))
        if (value !== undefined) metrics.costSeries.set({ metric, kind }, value);
    }

    const ours = [MANAGED_BY, ownerTag(deps.clusterId)];
    const groups = await datadogReader(connection.transport).countGroups(ours, {
      signal,
      priority: "status",
    });
    metrics.costGroups.set(groups.total);
    const isRefused = [...measured.values()].some(({ unknown }) => unknown === MAY_NOT_READ);
    return isRefused ? "the Datadog keys may not read the volumes of metrics" : undefined;
  };
}

function whyOf(error: unknown): string {
  const { message } = toError(error);
  return error instanceof ApiError && error.hint !== undefined ? `${message}. ${error.hint}` : message;
}
