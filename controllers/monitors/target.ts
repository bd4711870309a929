import type { DatadogReader, DatadogValidator, DatadogWriter } from "../../clients/datadog.ts";
import { Organisation } from "../datadog/organisation.ts";
import type { MarkedObjectsOptions, MarkedTarget } from "../datadog/marked.ts";
import { MarkedObjects } from "../datadog/target.ts";
import type { MonitorBody } from "./canonical.ts";
import { monitorKind } from "./kind.ts";

export interface MonitorTargetOptions extends Omit<
  MarkedObjectsOptions<MonitorBody>,
  "kind" | "organisation"
> {
  /** A `DatadogReader` makes a target that can only observe: for dry runs. */
  readonly datadog: DatadogReader | DatadogWriter;
  readonly validator?: DatadogValidator | undefined;
  readonly clusterId: string;
  /** What is common to all kinds. Without it: any organisation is the right one. */
  readonly organisation?: Organisation;
}

export type MonitorTarget = MarkedTarget<MonitorBody>;

/** The monitors of one Datadog organisation that carry this operator's mark. */
export function monitorTarget(options: MonitorTargetOptions): MonitorTarget {
  const { datadog, validator, clusterId } = options;
  const organisation =
    options.organisation ??
    new Organisation({ read: async (signal) => await datadog.organisation({ signal }) });
  const kind = monitorKind({ datadog, validator, clusterId, organisation });
  return new MarkedObjects({ ...options, kind, organisation });
}
