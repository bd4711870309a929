import type { Wish } from "../../crds/resolve.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { packParts } from "../pack-parts.ts";
import { scopeTags } from "../scope.ts";

/** What must arrive in Datadog if all is well with one service. */
export interface Expected {
  readonly service: string;
  readonly env: string | undefined;
  /** What every point of it carries: `service:ray`, `env:prod`, `cluster:dc1`. */
  readonly scope: readonly string[];
  /** The pack's key metrics. Without any, whatever carries the scope counts. */
  readonly metrics: readonly string[];
  /** True if the Agent fetches its metrics, so that some must come. */
  readonly isScraped: boolean;
  /** A point that is older than this counts as none. */
  readonly windowMs: number;
}

/** An Agent's check runs every 15 s, a file takes a minute to be loaded, and Datadog some seconds to show a point. */
const WINDOW_MS = 10 * 60_000;
/** What is left beside two runs of a check that runs rarely. */
const SLACK_MS = 5 * 60_000;

/** Works out what is expected of every service whose wish is accepted. Pure. */
export function expectedArrivals({ services }: Snapshot, clusterId: string): readonly Expected[] {
  return [...services.values()]
    .flatMap((one) => (one.state === "accepted" ? [expectedOf(one.wish, clusterId)] : []))
    .filter((expected) => !mayBeSilent(expected));
}

export function expectedOf(wish: Wish, clusterId: string): Expected {
  const { service, env } = wish;
  const { keyMetrics, hasFile, options } = packParts(wish, clusterId);
  const seconds = options["minCollectionInterval"];
  return {
    service,
    env,
    scope: scopeTags(wish, clusterId),
    metrics: keyMetrics,
    isScraped: hasFile,
    windowMs: Math.max(WINDOW_MS, typeof seconds === "number" ? 2_000 * seconds + SLACK_MS : 0),
  };
}

/** A system that sends by itself, and of which no metric is known to come always: its silence says nothing. */
export function mayBeSilent({ metrics, isScraped }: Expected): boolean {
  return metrics.length === 0 && !isScraped;
}
