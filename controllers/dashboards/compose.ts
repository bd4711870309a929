import type { PackDashboardSection } from "../../crds/dashboard.ts";
import { fillIn, type Variables } from "../../crds/pack.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compareText, isSame } from "../../engine/plan/plan.ts";
import { isObject, type Json } from "../monitors/canonical.ts";
import { effectiveOptions, optionVariables } from "../options.ts";
import { scopeTags, serviceVariables } from "../scope.ts";
import { expandShortReferences } from "./references.ts";

/** As much of a service's wish as a section follows from. */
export type SectionSource = Pick<Wish, "service" | "env" | "team" | "tags" | "pack" | "agent">;

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
const COLUMNS = 12;

interface Section {
  readonly title: string;
  readonly order: number;
  readonly widgets: readonly unknown[];
}

/**
 * Puts one dashboard together from what the packs of the observed services add to it.
 *
 * @returns A definition in the API's names, without a description. Undefined if no section is left.
 * @throws {Error} if a pack's placeholder stands for nothing.
 */
export function composeDashboard({ name, clusterId, sources, exclude }: Composition): Json | undefined {
  const packs = Map.groupBy(
    sources.toSorted((a, b) => compareText(a.service, b.service)),
    ({ pack }) => pack.name,
  );
  const sections: Section[] = [];
  const services: string[] = [];
  let title: string | undefined;
  for (const [, ofPack] of [...packs].sort(([a], [b]) => compareText(a, b))) {
    const section = ofPack[0]!.pack.dashboards[name];
    if (section === undefined || exclude.includes(section.section)) continue;
    title ??= section.title;
    sections.push(...sectionsOf(section, ofPack, clusterId));
    services.push(...ofPack.map(({ service }) => service));
  }
  if (title === undefined) return undefined;
  return {
    title,
    layout_type: "ordered",
    reflow_type: "fixed",
    widgets: stacked(sections.toSorted((a, b) => a.order - b.order)),
    template_variables: [
      { name: "cluster", prefix: "cluster", defaults: [clusterId] },
      { name: "env", prefix: "env" },
      { name: "service", prefix: "service", available_values: services.sort(compareText) },
    ],
  };
}

/** The packs that add to a dashboard, by name. */
export function packsIn({ name, sources, exclude }: Composition): readonly string[] {
  const names = sources
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
    return [{ title: section, order, widgets: filled(widgets, variables) }];
  }
  if (sources.length <= MAX_SECTIONS_EACH) {
    return sources.map((source) => ({
      title: `${section}: ${source.service}`,
      order,
      widgets: expandShortReferences(
        filled(widgets, ofService(source, clusterId)),
        source.service,
      ) as readonly unknown[],
    }));
  }
  const title = `${section} (${sources.length} services)`;
  return [{ title, order, widgets: sharedWidgets(widgets, sources, clusterId) }];
}

/** Widgets of a section that are the same for every service once a viewer chooses it. The others can't be shown for many at once. */
function sharedWidgets(
  widgets: readonly unknown[],
  sources: readonly SectionSource[],
  clusterId: string,
): readonly unknown[] {
  const [one, ...others] = sources;
  const first = one === undefined ? [] : firstVersion(widgets, one, clusterId);
  const agreeing = others.map((source) => agreementOf(first, widgets, source, clusterId));
  const shared = first.filter((_widget, at) => agreeing.every((agrees) => agrees[at]));
  // What was left out leaves a hole.
  return [
    howToChoose(sources.length),
    ...(shared.length === first.length ? shared : shared.map(withoutPlace)),
  ];
}

function versionOf(
  widgets: readonly unknown[],
  source: SectionSource,
  clusterId: string,
): readonly unknown[] {
  const variables = {
    ...ofService(source, clusterId),
    ...choiceVariables(source.team, clusterId),
    service: "$service.value",
  };
  return widgets.map((widget) => expandShortReferences(fillIn(widget, variables), source.service));
}

const firstVersions = new WeakMap<readonly unknown[], readonly unknown[]>();

/** What the first service makes of a section's widgets: the same object for as long as it comes to the same. */
function firstVersion(
  widgets: readonly unknown[],
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
  widgets: readonly unknown[],
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
  return { definition: { type: "note", content, background_color: "transparent", show_tick: false } };
}

function withoutPlace(widget: unknown): unknown {
  if (!isObject(widget)) return widget;
  const { layout: _layout, ...rest } = widget;
  return rest;
}

function filled(widgets: readonly unknown[], variables: Variables): readonly unknown[] {
  return widgets.map((widget) => fillIn(widget, variables));
}

/** Variables of a section of one service: its own scope, narrowed by what a viewer chooses. */
function ofService(source: SectionSource, clusterId: string): Variables {
  const base = serviceVariables(source, clusterId);
  const own = scopeTags(source, clusterId).filter((tag) => !tag.startsWith("cluster:"));
  return {
    ...base,
    ...scopeVariables([...own, ...CHOICE]),
    ...optionVariables(source, effectiveOptions(source, base)),
  };
}

/** Variables of a section of several services: what a viewer chooses. */
function choiceVariables(team: string | undefined, clusterId: string): Variables {
  return { ...scopeVariables(CHOICE), env: "$env.value", team, cluster: clusterId };
}

function scopeVariables(tags: readonly string[]): Variables {
  return { scope: tags.join(","), scopeTags: tags.map((tag) => `"${tag}"`).join(",") };
}

function commonOf(values: readonly (string | undefined)[]): string | undefined {
  return new Set(values).size === 1 ? values[0] : undefined;
}

/** Sections as groups, one below the other, each over the whole width. */
function stacked(sections: readonly Section[]): readonly Json[] {
  let y = 0;
  return sections.map(({ title, widgets }) => {
    const { widgets: inner, height: innerHeight } = placed(widgets);
    // The group's title takes a row.
    const height = innerHeight + 1;
    const group = {
      definition: {
        type: "group",
        layout_type: "ordered",
        title,
        show_title: true,
        background_color: "vivid_blue",
        widgets: inner,
      },
      layout: { x: 0, y, width: COLUMNS, height },
    };
    y += height;
    return group;
  });
}

/** Where no place is given: three in a row, below what has a place. */
const FLOW = { width: 4, height: 2 };

function placed(widgets: readonly unknown[]): {
  readonly widgets: readonly unknown[];
  readonly height: number;
} {
  const bottoms = widgets.map(bottomOf);
  const top = Math.max(0, ...bottoms.filter((bottom) => bottom !== undefined));
  const perRow = COLUMNS / FLOW.width;
  let flowing = 0;
  const result = widgets.map((widget, at) => {
    if (bottoms[at] !== undefined || !isObject(widget)) return widget;
    const n = flowing++;
    const layout = {
      x: (n % perRow) * FLOW.width,
      y: top + Math.floor(n / perRow) * FLOW.height,
      ...FLOW,
    };
    return { ...widget, layout };
  });
  return { widgets: result, height: Math.max(1, top + Math.ceil(flowing / perRow) * FLOW.height) };
}

/** Undefined if the widget says no place. */
function bottomOf(widget: unknown): number | undefined {
  const layout = isObject(widget) ? widget["layout"] : undefined;
  if (!isObject(layout)) return undefined;
  const { y, height } = layout;
  return typeof y === "number" && typeof height === "number" ? y + height : undefined;
}
