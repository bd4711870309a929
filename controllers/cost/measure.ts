import type { MetricTagsReader, TagsEstimate } from "../../clients/datadog-metric-tags.ts";
import { ApiError } from "../../clients/errors.ts";
import type { SeriesCost } from "../../engine/status/cost.ts";

export interface MeasureOptions {
  readonly datadog: Pick<MetricTagsReader, "volumes" | "estimate">;
  readonly estimates: ReadonlyMap<string, TagsEstimate>;
  /** So many calls are made. Of the metrics after that it is said that they were not asked for. */
  readonly mostCalls: number;
  readonly signal: AbortSignal;
}

/** Said where the keys are refused. Datadog's documents ask for no scope here, so that a person should look. */
export const MAY_NOT_READ = "the keys may not read it";

/** After these no further call is made: it would end the same way, or make things worse. */
const ENDS_ALL: ReadonlySet<ApiError["failure"]> = new Set(["unauthorized", "unavailable", "rateLimited"]);

/**
 * Asks Datadog how many series each metric has. One call for each, and one more where documents say which tags
 * are kept.
 *
 * @returns By metric. What could not be learnt is there with the reason.
 * @throws the signal's reason if it is aborted.
 */
export async function measureSeries(
  metrics: readonly string[],
  { datadog, estimates, mostCalls, signal }: MeasureOptions,
): Promise<ReadonlyMap<string, SeriesCost>> {
  const measured = new Map<string, SeriesCost>();
  let calls = 0;
  let ended: string | undefined;
  for (const metric of metrics) {
    const wanted = estimates.get(metric);
    const needed = wanted === undefined ? 1 : 2;
    if (ended === undefined && calls + needed > mostCalls)
      ended = `not asked for: at most ${mostCalls} calls are made at once`;
    if (ended !== undefined) {
      measured.set(metric, { metric, unknown: ended });
      continue;
    }
    calls += needed;
    try {
      measured.set(metric, await measureOne(metric, wanted, datadog, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError)) throw error;
      const unknown = whyUnknown(error);
      measured.set(metric, { metric, unknown });
      if (ENDS_ALL.has(error.failure)) ended = unknown;
    }
  }
  return measured;
}

async function measureOne(
  metric: string,
  wanted: TagsEstimate | undefined,
  datadog: MeasureOptions["datadog"],
  signal: AbortSignal,
): Promise<SeriesCost> {
  const call = { signal, priority: "status" } as const;
  const { ingested, indexed } = await datadog.volumes(metric, call);
  const asWished = wanted === undefined ? undefined : await datadog.estimate(metric, wanted, call);
  return {
    metric,
    ...(indexed === undefined ? {} : { indexed }),
    ...(ingested === undefined ? {} : { ingested }),
    ...(asWished === undefined ? {} : { asWished }),
    ...(indexed === undefined && ingested === undefined ? { unknown: "Datadog tells no volume of it" } : {}),
  };
}

const WHY: Readonly<Partial<Record<ApiError["failure"], string>>> = {
  notFound: "not sent lately",
  unauthorized: MAY_NOT_READ,
  rateLimited: "Datadog's rate limit is reached",
  unavailable: "Datadog doesn't answer",
};

function whyUnknown(error: ApiError): string {
  return WHY[error.failure] ?? error.message;
}
