import { ALL_AGENTS, limitsOf, type BudgetLimit } from "../../crds/budget.ts";
import type { Wish } from "../../crds/resolve.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { effectiveOptions } from "../options.ts";
import { allTags, scopeTags, serviceVariables } from "../scope.ts";

/** The metric that says what calls of models cost, and whose tags tell the parts of it apart. */
export interface CostMetric {
  readonly name: string;
  /** Whether it carries the tags `cluster` and `agent`, as what the applications send does. */
  readonly hasOurTags: boolean;
  /** The unit of a metric for which Datadog tells none. Undefined if that can't be known. */
  readonly unit: string | undefined;
}

/** By the option `source` of the pack. OpenTelemetry's conventions have no metric of cost. */
const COST_METRICS: Readonly<Record<string, CostMetric>> = {
  dogstatsd: { name: "ai.agent.cost", hasOurTags: true, unit: "dollar" },
  llmobs: { name: "ml_obs.span.llm.total.cost", hasOurTags: false, unit: undefined },
};

/** A service with a budget. */
export interface Budgeted {
  readonly service: string;
  readonly env: string | undefined;
  /** All tags of the service's data, for the gauges. */
  readonly tags: readonly string[];
  /** Those by which its cost is found. */
  readonly scope: readonly string[];
  readonly limits: readonly BudgetLimit[];
  /** The pack's option `source`. */
  readonly source: string;
  /** Undefined if the source has none. */
  readonly cost: CostMetric | undefined;
}

/** The services that have a budget. Pure. */
export function budgetedServices(snapshot: Snapshot, clusterId: string): readonly Budgeted[] {
  return [...snapshot.services.values()].flatMap((one) =>
    one.state === "accepted" ? (budgetedService(one.wish, clusterId) ?? []) : [],
  );
}

function budgetedService(wish: Wish, clusterId: string): Budgeted | undefined {
  const limits = limitsOf(wish.budget);
  if (limits.length === 0) return undefined;
  const source = String(effectiveOptions(wish, serviceVariables(wish, clusterId))["source"]);
  const cost = Object.hasOwn(COST_METRICS, source) ? COST_METRICS[source] : undefined;
  const { service, env } = wish;
  const scope = scopeTags(wish, clusterId);
  return { service, env, tags: allTags(wish, clusterId), scope, limits, source, cost };
}

/** True if the metric of cost can tell what a limit is held against. */
export function isMeasurable({ cost }: Budgeted, { agent }: BudgetLimit): boolean {
  return cost !== undefined && (agent === ALL_AGENTS || cost.hasOurTags);
}
