import { holds, type OptionValues } from "../../crds/condition.ts";
import type { PackWidget } from "../../crds/dashboard.ts";
import type { Wish } from "../../crds/resolve.ts";
import { effectiveOptions } from "../options.ts";
import { serviceVariables } from "../scope.ts";

/** As much of a service's wish as a section follows from. */
export type SectionSource = Pick<Wish, "service" | "env" | "team" | "tags" | "pack" | "agent"> &
  Partial<Pick<Wish, "budget">>;

/** Asked anew for every service whenever one document changes. */
const known = new WeakMap<SectionSource, { readonly clusterId: string; readonly options: OptionValues }>();

/** The options of a service, as its pack's conditions see them. */
export function optionsOf(source: SectionSource, clusterId: string): OptionValues {
  const before = known.get(source);
  if (before?.clusterId === clusterId) return before.options;
  const options = effectiveOptions(source, serviceVariables(source, clusterId));
  known.set(source, { clusterId, options });
  return options;
}

/** True if a service's pack has a section on a dashboard, and something to show in it. */
export function addsTo(dashboard: string, source: SectionSource, clusterId: string): boolean {
  const section = Object.hasOwn(source.pack.dashboards, dashboard)
    ? source.pack.dashboards[dashboard]
    : undefined;
  if (section === undefined) return false;
  const isUnconditional =
    section.needs === undefined && section.widgets.some(({ needs }) => needs === undefined);
  if (isUnconditional) return true;
  const options = optionsOf(source, clusterId);
  return holds(section.needs, options) && wantedWidgets(section.widgets, [options]).length > 0;
}

/** The dashboards that a service's pack adds to, in the pack's order. */
export function dashboardsOf(source: SectionSource, clusterId: string): readonly string[] {
  return Object.keys(source.pack.dashboards).filter((name) => addsTo(name, source, clusterId));
}

/** Widgets that at least one service has the metrics for, as Datadog takes them. */
export function wantedWidgets(
  widgets: readonly PackWidget[],
  services: readonly OptionValues[],
): readonly unknown[] {
  return widgets.filter(({ needs }) => services.some((options) => holds(needs, options))).map(withoutNeeds);
}

/** What only dd-observe reads. */
export function withoutNeeds({ needs: _needs, ...widget }: PackWidget): object {
  return widget;
}
