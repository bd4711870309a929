import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** What the process counts and measures about itself. Names in the manner of controller-runtime. */
export interface Metrics {
  readonly registry: Registry;
  readonly reconcileTotal: Counter<"controller" | "result">;
  readonly reconcileErrors: Counter<"controller">;
  readonly reconcileTime: Histogram<"controller">;
  readonly actions: Counter<"controller" | "type" | "result">;
  readonly driftCorrected: Counter<"controller">;
  readonly objects: Gauge<"controller">;
  readonly withheld: Gauge<"controller" | "reason">;
  readonly pending: Gauge<"controller">;
  readonly lastSuccess: Gauge<"controller">;
  readonly leader: Gauge;
  readonly silent: Gauge<"reason">;
  readonly costMonitors: Gauge<"service" | "type">;
  readonly costGroups: Gauge;
  readonly costSeries: Gauge<"metric" | "kind">;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> =>
    new Counter({ name: `dd_observe_${name}`, help, labelNames, registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name: `dd_observe_${name}`, help, labelNames, registers });
  return {
    registry,
    reconcileTotal: counter("reconcile_total", "Passes, by result: success, error, requeue.", [
      "controller",
      "result",
    ]),
    reconcileErrors: counter("reconcile_errors_total", "Passes that an error stopped.", ["controller"]),
    reconcileTime: new Histogram({
      name: "dd_observe_reconcile_time_seconds",
      help: "How long a pass took.",
      labelNames: ["controller"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
      registers,
    }),
    actions: counter("actions_total", "Objects created, updated and deleted, by result.", [
      "controller",
      "type",
      "result",
    ]),
    driftCorrected: counter("drift_corrected_total", "Changes made by hand that were set right.", [
      "controller",
    ]),
    objects: gauge("objects", "Objects that we own in the other system.", ["controller"]),
    withheld: gauge("withheld_actions", "Actions that a policy keeps back at the moment.", [
      "controller",
      "reason",
    ]),
    pending: gauge("pending_actions", "Actions that the last pass did not come to.", ["controller"]),
    lastSuccess: gauge("last_success_timestamp_seconds", "When a pass last ended without an error.", [
      "controller",
    ]),
    costMonitors: gauge("cost_monitors", "Monitors of a service: simple, or grouped.", ["service", "type"]),
    costGroups: new Gauge({
      name: "dd_observe_cost_monitor_groups",
      help: "Groups that all our monitors watch.",
      registers,
    }),
    costSeries: gauge(
      "cost_series",
      "Series of a metric in the whole organisation: indexed, ingested, or asWished with the tags that documents keep.",
      ["metric", "kind"],
    ),
    silent: gauge(
      "silent_services",
      "Services whose metrics don't arrive in Datadog as they should, by reason.",
      ["reason"],
    ),
    leader: new Gauge({ name: "dd_observe_leader", help: "1 while this process leads.", registers }),
  };
}
