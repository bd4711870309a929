import type { MonitorLayer } from "../../crds/monitor.ts";

/** A pack's monitor with a document's tuning over it, or a document's own. */
export interface Definition extends MonitorLayer {
  readonly summary?: string;
  readonly runbook?: readonly string[];
  /** Fields that the document itself states; the others yield where they contradict these. */
  readonly stated: ReadonlySet<string>;
}

export function isMetricType(type: string | undefined): boolean {
  return type === "query alert" || type === "metric alert";
}

/** True if missing data notifies somebody. */
export function alertsOnMissingData({ notifyNoData, onMissingData }: MonitorLayer): boolean {
  return notifyNoData === true || onMissingData === "show_and_notify_no_data";
}
