import { CORRECT } from "../../crds/drift.ts";
import type { GlobalDashboard } from "../../crds/global.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Held, Resolution } from "../../crds/resolve.ts";
import { compareText, type DesiredObject } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { withMark } from "../datadog/text-mark.ts";
import type { Json } from "../monitors/canonical.ts";
import { canonicalDesired, type DashboardBody } from "./canonical.ts";
import { checkDashboard } from "./check.ts";
import { composeDashboard, packsIn, type Composition } from "./compose.ts";
import { purposeOf } from "./frames.ts";
import { dashboardsOf, type SectionSource } from "./section.ts";

/** The dashboards that follow from several services together. */
export interface ComposedDashboards {
  readonly objects: ReadonlyMap<string, DesiredObject<DashboardBody>>;
  readonly held: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
  /** Keys, which are owners as well: no service and, mostly, no document stands for them. */
  readonly owners: ReadonlySet<string>;
}

const PREFIX = "_dashboards/";

/** What one dashboard is made of. As long as it is the same, so is the dashboard. */
interface Ingredients {
  readonly sources: readonly SectionSource[];
  readonly tuning: GlobalDashboard | undefined;
}

type Made =
  | { readonly object: DesiredObject<DashboardBody> }
  | { readonly held: string; readonly problems: readonly Problem[] };

/**
 * Composes the dashboards that packs add sections to.
 *
 * A service whose wish can't be read keeps its section: as it was wished last, or else as far as the wish is
 * certain. Where not even its pack is known, every dashboard that it may add to is held.
 */
export function composedDashboards(clusterId: string): (snapshot: Snapshot) => ComposedDashboards {
  let known: ReadonlyMap<string, SectionSource> = new Map();
  let made = new Map<string, { readonly of: Ingredients; readonly result: Made }>();
  let last: ComposedDashboards = { objects: new Map(), held: new Map(), problems: [], owners: new Set() };
  let lastUnclear: ReadonlyMap<string, string> = new Map();

  return (snapshot) => {
    const gathered = gather(snapshot, known, clusterId);
    const { ingredients, unclear } = gathered;
    known = gathered.known;
    const now = new Map(
      [...ingredients].map(([name, of]) => {
        const before = made.get(name);
        const isSame = before !== undefined && isSameIngredients(before.of, of);
        return [name, isSame ? before : { of, result: makeOne(name, of, clusterId) }];
      }),
    );
    const isUnchanged =
      now.size === made.size &&
      [...now].every(([name, one]) => made.get(name) === one) &&
      unclear.size === lastUnclear.size &&
      [...unclear].every(([key, why]) => lastUnclear.get(key) === why);
    made = now;
    lastUnclear = unclear;
    if (!isUnchanged) last = joined(now, unclear);
    return last;
  };
}

function joined(
  made: ReadonlyMap<string, { readonly result: Made }>,
  unclear: ReadonlyMap<string, string>,
): ComposedDashboards {
  const objects = new Map<string, DesiredObject<DashboardBody>>();
  const held = new Map(unclear);
  const problems: Problem[] = [];
  for (const [name, { result }] of made) {
    const key = PREFIX + name;
    if (unclear.has(key)) continue;
    if ("object" in result) objects.set(key, result.object);
    else {
      held.set(key, result.held);
      problems.push(...result.problems);
    }
  }
  return { objects, held, problems, owners: new Set([...objects.keys(), ...held.keys()]) };
}

function isSameIngredients(a: Ingredients, b: Ingredients): boolean {
  return (
    a.tuning === b.tuning &&
    a.sources.length === b.sources.length &&
    a.sources.every((source, at) => source === b.sources[at])
  );
}

interface Gathered {
  /** By the dashboard's name, sorted. */
  readonly ingredients: ReadonlyMap<string, Ingredients>;
  /** Keys of dashboards of which nobody can say what they are made of, and why. */
  readonly unclear: ReadonlyMap<string, string>;
  /** What each service adds, for when its wish can't be read any more. */
  readonly known: ReadonlyMap<string, SectionSource>;
}

function gather(
  { services }: Snapshot,
  before: ReadonlyMap<string, SectionSource>,
  clusterId: string,
): Gathered {
  const known = new Map<string, SectionSource>();
  const bySection = new Map<string, SectionSource[]>();
  const tunings = new Map<string, GlobalDashboard>();
  /** Dashboards that a document defines whole, or whose document can't be read: they are not composed. */
  const taken = new Set<string>();
  const unclear = new Map<string, string>();
  for (const resolution of services.values()) {
    const { service } = resolution;
    if (service.startsWith(PREFIX)) {
      const tuning = tuningIn(resolution);
      if (tuning === undefined) taken.add(service.slice(PREFIX.length));
      else tunings.set(tuning.name, tuning);
      continue;
    }
    const source = sourceOf(resolution, before);
    if (source === undefined) {
      if (resolution.state === "held") for (const [key, why] of mayConcern(resolution)) unclear.set(key, why);
      continue;
    }
    known.set(service, source);
    for (const name of dashboardsOf(source, clusterId)) {
      const sources = bySection.get(name);
      if (sources === undefined) bySection.set(name, [source]);
      else sources.push(source);
    }
  }
  for (const name of taken) unclear.delete(PREFIX + name);
  const names = new Set([...bySection.keys(), ...tunings.keys()]).difference(taken);
  const ingredients = [...names]
    .sort(compareText)
    .map((name) => [name, { sources: bySection.get(name) ?? [], tuning: tunings.get(name) }] as const);
  return { ingredients: new Map(ingredients), unclear, known };
}

/** What a service adds to dashboards: what it wishes, or what it wished last, or what is certain of its wish. */
function sourceOf(
  resolution: Resolution,
  before: ReadonlyMap<string, SectionSource>,
): SectionSource | undefined {
  if (resolution.state === "accepted") return resolution.wish;
  if (resolution.state === "global") return undefined;
  const { service, known } = resolution;
  return before.get(service) ?? (known === undefined ? undefined : { ...known, agent: {} });
}

/** Undefined if the document defines the dashboard whole, or can't be read. */
function tuningIn(resolution: Resolution): GlobalDashboard | undefined {
  if (resolution.state !== "global" || resolution.wish.kind !== "dashboard") return undefined;
  return resolution.wish.dashboard.definition === undefined ? resolution.wish : undefined;
}

/** Every dashboard that a service may add to whose pack isn't known. */
function mayConcern({ service, mayUse, problems }: Held): readonly (readonly [key: string, why: string])[] {
  const names = new Set([...(mayUse?.values() ?? [])].flatMap(({ dashboards }) => Object.keys(dashboards)));
  const because = problems[0]?.message ?? "it can't be read";
  const why = `the wish of ${service} may add a section and can't be read: ${because}`;
  return [...names].map((name) => [PREFIX + name, why] as const);
}

function makeOne(name: string, { sources, tuning }: Ingredients, clusterId: string): Made {
  const key = PREFIX + name;
  const composition: Composition = { name, clusterId, sources, exclude: tuning?.dashboard.exclude ?? [] };
  let definition: Json | undefined;
  try {
    definition = composeDashboard(composition);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { held: message, problems: [{ owner: key, reason: "InvalidPlaceholder", message }] };
  }
  // Only a document stands for it now: what was composed before stays until that document goes as well.
  if (definition === undefined)
    return {
      held: "no observed service adds a section to it that its document doesn't leave out",
      problems: [],
    };
  const retain = tuning?.deletion === "retain";
  const wire = {
    ...definition,
    description: withMark(describe(composition), { clusterId, key, retain }),
    tags: teamTags(tuning),
  };
  const [first, ...others] = checkDashboard(wire);
  if (first !== undefined)
    return {
      held: first.message,
      problems: [first, ...others].map((problem) => ({ ...problem, owner: key })),
    };
  const body = canonicalDesired(wire);
  return { object: { key, owner: key, body, drift: tuning?.drift ?? CORRECT, retain } };
}

function describe(composition: Composition): string {
  const packs = packsIn(composition);
  const whose = packs.length === 1 ? "of the pack" : "of the packs";
  const purpose = purposeOf(composition.name);
  return [
    ...(purpose === undefined ? [] : [purpose]),
    `What dd-observe observes in cluster ${composition.clusterId}, ${whose} ${packs.join(", ")}.`,
    `Edits here are undone; the document ${PREFIX}${composition.name} leaves sections out, or defines the whole dashboard.`,
  ].join("\n\n");
}

function teamTags(tuning: GlobalDashboard | undefined): readonly string[] {
  if (tuning === undefined) return [];
  const team = tuning.team === undefined ? [] : [`team:${tuning.team}`];
  return [...team, ...tuning.tags.filter((tag) => tag.startsWith("team:"))];
}
