import type { ApiError } from "../../clients/errors.ts";
import { ALL_AGENTS } from "../../crds/budget.ts";
import type { Condition } from "../../engine/status/status.ts";
import type { Budgeted } from "./plan.ts";
import type { Measured } from "./spent.ts";

export const BUDGET_MEASURED = "BudgetMeasured";

/**
 * Says whether a service's budget is held against its cost. Pure.
 *
 * @param unsent Why the gauges could not be sent to the Agent.
 * @returns undefined if Datadog can't answer for the moment: that is told elsewhere, and says nothing of the budget.
 */
export function judgeBudget(
  budgeted: Budgeted,
  measured: readonly Measured[],
  unsent: ApiError | undefined,
): Condition | undefined {
  const { source, scope, cost } = budgeted;
  if (unsent !== undefined) return say("False", "AgentUnreachable", inWords(unsent));
  const metric = cost?.name;
  if (metric === undefined)
    return say(
      "False",
      "NoCost",
      `with source: ${source} no metric says what calls cost, so that only ai.agent.budget.limit is sent. Use source: dogstatsd or llmobs, or leave budget out`,
    );
  const spent = measured.flatMap((one) => one.spent ?? []);
  const failed = spent.find((one) => one.state === "failed");
  if (failed !== undefined) {
    const { failure } = failed.error;
    if (failure === "unavailable" || failure === "rateLimited") return undefined;
    return say("False", failure === "unauthorized" ? "Unauthorized" : "Rejected", inWords(failed.error));
  }
  const strange = spent.find((one) => one.state === "unitUnknown");
  if (strange !== undefined) {
    const unit = strange.unit === undefined ? "no unit" : `the unit ${strange.unit}`;
    return say(
      "False",
      "UnitUnknown",
      `Datadog tells ${metric} with ${unit}, so that nobody knows how many dollars it is. Give the metric its unit in Datadog (Metrics, Summary), or use source: dogstatsd`,
    );
  }
  const unmeasured = measured.filter((one) => one.spent === undefined);
  if (unmeasured.length > 0)
    return say(
      "False",
      "NoCost",
      `${metric} has no tag of the agent, so that the budget of ${namesIn(unmeasured)} is sent and not held against anything. Use source: dogstatsd`,
    );
  const silent = measured.filter((one) => one.spent?.state === "noData");
  if (silent.length > 0)
    return say(
      "Unknown",
      "WaitingForData",
      `no points of ${metric} in this month and the last 24 hours with ${scope.join(", ")}, for ${namesIn(silent)}; ai.agent.budget.used_ratio follows when there are`,
    );
  const count = measured.length === 1 ? "the budget is" : `${measured.length} budgets are`;
  return say("True", "Measured", `${count} held against ${metric} and sent to the Agent`);
}

function namesIn(measured: readonly Measured[]): string {
  const names = measured.map(({ agent }) => (agent === ALL_AGENTS ? "the service" : agent));
  return [...new Set(names)].join(", ");
}

function inWords({ message, hint }: ApiError): string {
  return hint === undefined ? message : `${message}. ${hint}`;
}

function say(status: Condition["status"], reason: string, message: string): Condition {
  return { type: BUDGET_MEASURED, status, reason, message };
}
