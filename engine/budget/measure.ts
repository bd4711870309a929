import { Gauge, type Registry } from "prom-client";

import type { BudgetStatus } from "./status.ts";

/** Shows the budget in Prometheus' format. Worked out when it is asked for. */
export function measureBudget(registry: Registry, budget: { readonly status: BudgetStatus }): void {
  const registers = [registry];
  const gauge = (name: string, help: string, collect: (this: Gauge<"limit">) => void): void => {
    void new Gauge({
      name: `dd_observe_datadog_${name}`,
      help,
      labelNames: name.startsWith("limit_") ? ["limit"] : [],
      registers,
      collect,
    });
  };
  gauge("waiting", "Objects and calls that wait for Datadog's rate limit.", function collect() {
    this.set(budget.status.waiting);
  });
  gauge("wait_seconds", "How long they wait, as estimated.", function collect() {
    this.set(budget.status.estimatedWaitMs / 1_000);
  });
  gauge("down", "1 while Datadog is down and calls fail at once.", function collect() {
    this.set(budget.status.down === undefined ? 0 : 1);
  });
  gauge("limit_remaining", "Calls that may still be made in the present window.", function collect() {
    this.reset();
    for (const { name, remaining } of budget.status.limits) this.set({ limit: name }, remaining);
  });
  gauge("limit_waiting", "Calls that wait for this limit.", function collect() {
    this.reset();
    for (const { name, waiting } of budget.status.limits) this.set({ limit: name }, waiting);
  });
}
