import type { ServiceView } from "../service-view.ts";

/** One and several of each kind in Datadog, in the order in which they are told. */
const NOUNS: Readonly<Record<string, readonly [one: string, several: string]>> = {
  monitors: ["monitor", "monitors"],
  slos: ["SLO", "SLOs"],
  dashboards: ["dashboard", "dashboards"],
  downtimes: ["downtime", "downtimes"],
  "metric-tags": ["tag configuration", "tag configurations"],
  catalog: ["entity", "entities"],
  evaluators: ["evaluator", "evaluators"],
};

/** How many objects of each kind the operator remembers, by the controller's name; no kind without one. */
export function countObjects({ statuses }: Pick<ServiceView, "statuses">): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { controller } of statuses.flatMap(({ objects }) => objects))
    if (Object.hasOwn(NOUNS, controller)) counts[controller] = (counts[controller] ?? 0) + 1;
  return counts;
}

/** `8 monitors, 2 SLOs and 3 more`: the first kinds by name, the others by their sum. */
export function countsInWords(counts: Readonly<Record<string, number>>, mostKinds = Infinity): string {
  const told = Object.entries(NOUNS).flatMap(([kind, [one, several]]) => {
    const count = counts[kind] ?? 0;
    return count === 0 ? [] : [{ count, text: `${count} ${count === 1 ? one : several}` }];
  });
  const named = told.length <= mostKinds ? told : told.slice(0, mostKinds);
  const more = told.slice(named.length).reduce((sum, { count }) => sum + count, 0);
  return `${named.map(({ text }) => text).join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}
