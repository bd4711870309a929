import { fillIn } from "../../crds/pack.ts";
import type { Wish } from "../../crds/resolve.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { effectiveOptions, optionVariables } from "../options.ts";
import { scopeTags, serviceVariables } from "../scope.ts";

/** What must arrive in Datadog if all is well with one service. */
export interface Expected {
  readonly service: string;
  readonly env: string | undefined;
  /** What every point of it carries: `service:ray`, `env:prod`, `cluster:dc1`. */
  readonly scope: readonly string[];
  /** The pack's key metrics. Without any, whatever carries the scope counts. */
  readonly metrics: readonly string[];
  /** A point that is older than this counts as none. */
  readonly windowMs: number;
}

/** An Agent's check runs every 15 s, a file takes a minute to be loaded, and Datadog some seconds to show a point. */
const WINDOW_MS = 10 * 60_000;
/** What is left beside two runs of a check that runs rarely. */
const SLACK_MS = 5 * 60_000;

/** Works out what is expected of every service whose wish is accepted. Pure. */
export function expectedArrivals({ services }: Snapshot, clusterId: string): readonly Expected[] {
  return [...services.values()].flatMap((one) =>
    one.state === "accepted" ? [expectedOf(one.wish, clusterId)] : [],
  );
}

export function expectedOf(wish: Wish, clusterId: string): Expected {
  const { service, env, pack } = wish;
  const common = serviceVariables(wish, clusterId);
  const options = effectiveOptions(wish, common);
  const variables = { ...common, ...optionVariables(wish, options) };
  const seconds = options["minCollectionInterval"];
  return {
    service,
    env,
    scope: scopeTags(wish, clusterId),
    metrics: pack.keyMetrics.flatMap((metric) => namesOf(fillIn(metric, variables))),
    windowMs: Math.max(WINDOW_MS, typeof seconds === "number" ? 2_000 * seconds + SLACK_MS : 0),
  };
}

/** An option may name several metrics, or none. */
function namesOf(filled: unknown): readonly string[] {
  const names: readonly unknown[] = Array.isArray(filled) ? filled : [filled];
  return names.filter((name) => typeof name === "string").filter((name) => name !== "");
}
