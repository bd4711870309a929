import { holds } from "../../crds/condition.ts";
import type { PackDashboardSection, PackWidget } from "../../crds/dashboard.ts";
import { fillIn, type Variables } from "../../crds/pack.ts";
import { compareText, isSame } from "../../engine/plan/plan.ts";
import type { Json } from "../monitors/canonical.ts";
import { optionVariables } from "../options.ts";
import { anyCluster, scopeTags, serviceVariables } from "../scope.ts";
import { COLUMNS, stacked, type Section } from "./arrange.ts";
import { closingOf } from "./frames.ts";
import { expandShortReferences } from "./references.ts";
import { addsTo, optionsOf, wantedWidgets, withoutNeeds, type SectionSource } from "./section.ts";

export interface Composition {
  /** The dashboard's name: `infrastructure-overview`. */
  readonly name: string;
  readonly clusterId: string;
  /** Services whose packs add to it. */
  readonly sources: readonly SectionSource[];
  /** Titles of sections that are left out. */
  readonly exclude: readonly string[];
}

/** More sections of one kind than these become a single one, in which a viewer chooses the service. */
export const MAX_SECTIONS_EACH = 6;

/** What a viewer chooses above the dashboard narrows every section. */
const CHOICE = ["$cluster", "$env", "$service"];

/**
 * Puts one dashboard together from what the packs of the observed services add to it.
 *
 * @returns A definition in the API's names, without a description. Undefined if no section is left.
 * @throws {Error} if a pack's placeholder stands for nothing.
 */
export function composeDashboard({ name, clusterId, sources, exclude }: Composition): Json | undefined {
  const packs = Map.groupBy(
    sources
      .filter((source) => addsTo(name, source, clusterId))
      .toSorted((a, b) => compareText(a.service, b.service)),
    ({ pack }) => pack.name,
  );
  const sections: Section[] = [];
  const services: string[] = [];
  const variables: string[] = [];
  let title: string | undefined;
  for (const [, ofPack] of [...packs].sort(([a], [b]) => compareText(a, b))) {
    const section = ofPack[0]!.pack.dashboards[name];
    if (section === undefined || exclude.includes(section.section)) continue;
    const made = sectionsOf(section, ofPack, clusterId).filter(({ widgets }) => widgets.length > 0);
    if (made.length === 0) continue;
    title ??= section.title;
    sections.push(...made);
    services.push(...ofPack.map(({ service }) => service));
    variables.push(...section.variables);
  }
  if (title === undefined) return undefined;
  const closing = closingOf(name, clusterId);
  if (closing !== undefined && !exclude.includes(closing.title)) sections.push(closing);
  const widgets = stacked(sections.toSorted((a, b) => a.order - b.order));
  const choices = [
    { name: "cluster", prefix: "cluster", defaults: [clusterId] },
    { name: "env", prefix: "env" },
    { name: "service", prefix: "service", available_values: services.sort(compareText) },
    ...[...new Set(variables)].sort(compareText).map((variable) => ({ name: variable, prefix: variable })),
  ];
  return {
    title,
    layout_type: "ordered",
    reflow_type: "fixed",
    widgets,
    // What no widget that is left asks for would narrow nothing.
    template_variables: choices.filter((choice) => isChosenIn(widgets, choice.name)),
  };
}

function isChosenIn(widgets: readonly Json[], variable: string): boolean {
  return new RegExp(`\\$${variable}\\b`).test(JSON.stringify(widgets));
}

/** The packs that add to a dashboard, by name. */
export function packsIn({ name, clusterId, sources, exclude }: Composition): readonly string[] {
  const names = sources
    .filter((source) => addsTo(name, source, clusterId))
    .filter(({ pack }) => !exclude.includes(pack.dashboards[name]?.section ?? ""))
    .map(({ pack }) => pack.name);
  return [...new Set(names)].sort(compareText);
}

function sectionsOf(
  { section, order, per, widgets }: PackDashboardSection,
  sources: readonly SectionSource[],
  clusterId: string,
): readonly Section[] {
  if (per === "pack") {
    const variables = choiceVariables(commonOf(sources.map(({ team }) => team)), clusterId);
    const wanted = wantedWidgets(
      widgets,
      sources.map((source) => optionsOf(source, clusterId)),
    );
    return [{ title: section, order, widgets: filled(wanted, variables) }];
  }
  if (sources.length <= MAX_SECTIONS_EACH) {
    return sources.map((source) => ({
      title: `${section}: ${source.service}`,
      order,
      widgets: expandShortReferences(
        filled(wantedWidgets(widgets, [optionsOf(source, clusterId)]), ofService(source, clusterId)),
        source.service,
      ) as readonly unknown[],
    }));
  }
  const title = `${section} (${sources.length} services)`;
  return [{ title, order, widgets: sharedWidgets(widgets, sources, clusterId) }];
}

/** Widgets of a section that every service has, and that are the same once a viewer chooses one. The others can't be shown for many at once. */
function sharedWidgets(
  widgets: readonly PackWidget[],
  sources: readonly SectionSource[],
  clusterId: string,
): readonly unknown[] {
  const [one, ...others] = sources;
  const first = one === undefined ? [] : firstVersion(widgets, one, clusterId);
  const agreeing = others.map((source) => agreementOf(first, widgets, source, clusterId));
  const shared = first.filter((widget, at) => widget !== undefined && agreeing.every((agrees) => agrees[at]));
  return [howToChoose(sources.length), ...shared];
}

/** Undefined where the service hasn't the widget. */
function versionOf(
  widgets: readonly PackWidget[],
  source: SectionSource,
  clusterId: string,
): readonly unknown[] {
  const variables = {
    ...ofService(source, clusterId),
    ...choiceVariables(source.team, clusterId),
    service: "$service.value",
  };
  const options = optionsOf(source, clusterId);
  return widgets.map((widget) =>
    holds(widget.needs, options)
      ? expandShortReferences(fillIn(withoutNeeds(widget), variables), source.service)
      : undefined,
  );
}

const firstVersions = new WeakMap<readonly unknown[], readonly unknown[]>();

/** What the first service makes of a section's widgets: the same object for as long as it comes to the same. */
function firstVersion(
  widgets: readonly PackWidget[],
  source: SectionSource,
  clusterId: string,
): readonly unknown[] {
  const version = versionOf(widgets, source, clusterId);
  const before = firstVersions.get(widgets);
  if (before !== undefined && isSame(before, version)) return before;
  firstVersions.set(widgets, version);
  return version;
}

interface Agreement {
  readonly clusterId: string;
  readonly agrees: readonly boolean[];
}

/** By the first version and the service's wish. Of thousands that share a section one has changed: the others needn't be compared anew. */
const agreements = new WeakMap<readonly unknown[], WeakMap<SectionSource, Agreement>>();

/** Which widgets are the same for a service as they are for the first one. */
function agreementOf(
  first: readonly unknown[],
  widgets: readonly PackWidget[],
  source: SectionSource,
  clusterId: string,
): readonly boolean[] {
  let known = agreements.get(first);
  if (known === undefined) agreements.set(first, (known = new WeakMap()));
  const before = known.get(source);
  if (before?.clusterId === clusterId) return before.agrees;
  const version = versionOf(widgets, source, clusterId);
  const agrees = version.map((widget, at) => isSame(widget, first[at]));
  known.set(source, { clusterId, agrees });
  return agrees;
}

function howToChoose(services: number): Json {
  const content = `${services} services: choose one above with **$service**.`;
  return {
    layout: { x: 0, y: 0, width: COLUMNS, height: 1 },
    definition: { type: "note", content, background_color: "transparent", show_tick: false },
  };
}

function filled(widgets: readonly unknown[], variables: Variables): readonly unknown[] {
  return widgets.map((widget) => fillIn(widget, variables));
}

/** Variables of a section of one service: its own scope, narrowed by what a viewer chooses. */
function ofService(source: SectionSource, clusterId: string): Variables {
  const base = serviceVariables(source, clusterId);
  const own = anyCluster(scopeTags(source, clusterId));
  return {
    ...base,
    ...scopeVariables([...own, ...CHOICE]),
    ...optionVariables(source, optionsOf(source, clusterId)),
  };
}

/** Variables of a section of several services: what a viewer chooses. */
function choiceVariables(team: string | undefined, clusterId: string): Variables {
  return { ...scopeVariables(CHOICE), env: "$env.value", team, cluster: clusterId };
}

function scopeVariables(tags: readonly string[]): Variables {
  return {
    scope: tags.join(","),
    scopeAnyCluster: tags.filter((tag) => tag !== "$cluster").join(","),
    scopeTags: tags.map((tag) => `"${tag}"`).join(","),
  };
}

function commonOf(values: readonly (string | undefined)[]): string | undefined {
  return new Set(values).size === 1 ? values[0] : undefined;
}
