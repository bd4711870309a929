import { MOST_QUERIES, type MetricsReader, type SeriesPoints } from "../../clients/datadog-metrics.ts";
import { ApiError } from "../../clients/errors.ts";
import { ALL_AGENTS, type BudgetLimit, type BudgetPeriod } from "../../crds/budget.ts";
import { lower, seriesTags } from "../series-tags.ts";
import { isMeasurable, type Budgeted, type CostMetric } from "./plan.ts";

/** What was spent on one limit in its period so far. */
export type Spent =
  | { readonly state: "known"; readonly dollars: number }
  /** No cost came in the month so far, nor in the last day. */
  | { readonly state: "noData" }
  /** Datadog tells the metric in a unit that isn't known. */
  | { readonly state: "unitUnknown"; readonly unit: string | undefined }
  | { readonly state: "failed"; readonly error: ApiError };

/** One limit and what was spent on it. Undefined where no metric can tell. */
export interface Measured extends BudgetLimit {
  readonly spent: Spent | undefined;
}

export interface SpentOptions {
  readonly datadog: Pick<MetricsReader, "points">;
  readonly clusterId: string;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

const HOUR_MS = 3_600_000;
/** Periods begin at full hours of UTC, so that no point belongs to two of them; a month has 768 of them at most. */
const INTERVAL_MS = HOUR_MS;
/** Who spent nothing since midnight is told from who sends nothing by the day before. */
const LOOK_BACK_MS = 24 * HOUR_MS;

const IN_DOLLARS: Readonly<Record<string, number>> = {
  dollar: 1,
  cent: 0.01,
  microdollar: 1e-6,
  micro_dollar: 1e-6,
  nanodollar: 1e-9,
};

type Answer = readonly SeriesPoints[] | ApiError;

/**
 * Asks Datadog what services have spent in the periods of their budgets. One query for all services of one source
 * that have the same tags to be told apart by, and ten of them in a call.
 *
 * @throws the signal's reason if it is aborted.
 */
export async function measureSpent(
  budgeted: readonly Budgeted[],
  options: SpentOptions,
): Promise<ReadonlyMap<Budgeted, readonly Measured[]>> {
  const queries = new Set(
    budgeted.flatMap((one) => one.limits.flatMap((limit) => queryOf(one, limit, options.clusterId) ?? [])),
  );
  const answers = await askAll([...queries], options);
  return new Map(
    budgeted.map((one) => [
      one,
      one.limits.map((limit): Measured => {
        const query = queryOf(one, limit, options.clusterId);
        const spent = query === undefined ? undefined : spentOn(one, limit, answers.get(query)!, options);
        return { ...limit, spent };
      }),
    ]),
  );
}

/** Undefined where the metric can't tell. */
function queryOf(budgeted: Budgeted, limit: BudgetLimit, clusterId: string): string | undefined {
  const { cost, env } = budgeted;
  if (cost === undefined || !isMeasurable(budgeted, limit)) return undefined;
  const by = [
    "service",
    ...(env === undefined ? [] : ["env"]),
    ...(limit.agent === ALL_AGENTS ? [] : ["agent"]),
  ];
  const scope = cost.hasOurTags ? `cluster:${lower(clusterId)}` : "*";
  return `sum:${cost.name}{${scope}} by {${by.join(",")}}.as_count()`;
}

async function askAll(
  queries: readonly string[],
  { datadog, nowMs, signal }: SpentOptions,
): Promise<ReadonlyMap<string, Answer>> {
  const fromMs = Math.min(beginOf("monthly", nowMs), nowMs - LOOK_BACK_MS);
  const window = { fromMs: fromMs - (fromMs % HOUR_MS), toMs: nowMs, intervalMs: INTERVAL_MS };
  const answers = new Map<string, Answer>();
  for (let at = 0; at < queries.length; at += MOST_QUERIES) {
    const batch = queries.slice(at, at + MOST_QUERIES);
    try {
      const found = await datadog.points(batch, window, { signal, priority: "status" });
      batch.forEach((query, index) => answers.set(query, found[index] ?? []));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError)) throw error;
      for (const query of batch) answers.set(query, error);
    }
  }
  return answers;
}

function spentOn(
  { service, env, cost }: Budgeted,
  { agent, period }: BudgetLimit,
  answer: Answer,
  { nowMs }: SpentOptions,
): Spent {
  if (answer instanceof ApiError) return { state: "failed", error: answer };
  const own = answer.filter((series) => {
    const tags = seriesTags(series.tags);
    return (
      tags.get("service") === lower(service) &&
      (env === undefined || tags.get("env") === lower(env)) &&
      (agent === ALL_AGENTS || tags.get("agent") === agent)
    );
  });
  if (own.length === 0) return { state: "noData" };
  const fromMs = beginOf(period, nowMs);
  let dollars = 0;
  for (const { points, unit } of own) {
    const factor = dollarsOf(unit, cost);
    if (factor === undefined) return { state: "unitUnknown", unit };
    for (const [atMs, value] of points) if (atMs >= fromMs) dollars += value * factor;
  }
  return { state: "known", dollars };
}

function dollarsOf(unit: string | undefined, cost: CostMetric | undefined): number | undefined {
  const name = unit ?? cost?.unit;
  return name === undefined || !Object.hasOwn(IN_DOLLARS, name) ? undefined : IN_DOLLARS[name];
}

/** When the period began that `nowMs` is in: at midnight, or on the first of the month, of UTC. */
export function beginOf(period: BudgetPeriod, nowMs: number): number {
  const now = new Date(nowMs);
  const day = period === "daily" ? now.getUTCDate() : 1;
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), day);
}
