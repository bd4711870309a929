import { z } from "zod";

import { handle, tagValue } from "./names.ts";

const handles = z.array(handle).max(20);

/** Who is told in one state only, by the block that Datadog shows in that state. */
export const STATE_BLOCKS = {
  alert: "is_alert",
  warning: "is_warning",
  recovery: "is_recovery",
  noData: "is_no_data",
} as const;

export const PRIORITIES = ["p1", "p2", "p3", "p4", "p5"] as const;

const routes = z
  .strictObject({
    inherit: z
      .literal(false)
      .meta({ description: "False: nothing of what is inherited holds. Without it routes are joined." }),
    all: handles.meta({ description: "Told of every monitor." }),
    p1: handles.meta({ description: "Told as well of monitors of priority 1." }),
    p2: handles.meta({ description: "Told as well of priority 2." }),
    p3: handles.meta({ description: "Told as well of priority 3." }),
    p4: handles.meta({ description: "Told as well of priority 4." }),
    p5: handles.meta({ description: "Told as well of priority 5." }),
    teams: z
      .record(tagValue, handles)
      .meta({ description: "By team: told as well of what that `team` owns." }),
    on: z
      .strictObject({
        alert: handles.meta({ description: "Told when it alerts, and not when it warns or recovers." }),
        warning: handles.meta({ description: "Told when it warns." }),
        recovery: handles.meta({ description: "Told when it recovers." }),
        noData: handles.meta({ description: "Told when data is missing." }),
      })
      .partial()
      .meta({ description: "Told as well, in one state only." }),
  })
  .partial();

/** What stands under `notify`: a list for everything, or routes. */
export const notify = z.union([handles, routes]);
export type Notify = z.infer<typeof notify>;

/** Who is told of what. Lists join: a monitor's handles are `all`, its priority's, and its team's. */
type NotifyRoutes = z.infer<typeof routes>;

/**
 * Joins what a layer says with what it inherits, route by route. A list stands for `all`, and
 * leaves the other routes as they are inherited; the empty list switches every route off.
 */
export function mergeNotify(under: Notify | undefined, over: Notify | undefined): Notify | undefined {
  if (over === undefined || under === undefined) return inShort(over ?? under);
  const below = routesOf(under);
  const above = routesOf(over);
  if (above.inherit === false) return inShort(above);
  const teams = { ...below.teams, ...above.teams };
  const on = { ...below.on, ...above.on };
  return inShort({
    ...below,
    ...above,
    ...(Object.keys(teams).length === 0 ? {} : { teams }),
    ...(Object.keys(on).length === 0 ? {} : { on }),
  });
}

/** What holds once every layer is joined. */
export function effectiveNotify(said: Notify | undefined): Notify {
  return inShort(said) ?? [];
}

function routesOf(said: Notify): NotifyRoutes {
  if (!Array.isArray(said)) return said;
  return said.length === 0 ? { inherit: false, all: [] } : { all: said };
}

/** A list where there is no more to say, so that people see again what they wrote. */
function inShort(said: Notify | undefined): Notify | undefined {
  if (said === undefined || Array.isArray(said)) return said;
  const { inherit, all, ...others } = said;
  if (all === undefined || Object.keys(others).length > 0) return said;
  return (all.length === 0) === (inherit === false) ? all : said;
}

/** What decides who is told of a monitor. */
export interface Routed {
  readonly priority?: number | undefined;
  readonly team?: string | undefined;
}

/**
 * The handles as they stand in a monitor's message: those who are always told on the first
 * line, then a block for each state that has some of its own. Nobody stands twice.
 */
export function handlesText(notified: Notify, { priority, team }: Routed): string {
  const said = routesOf(notified);
  const byPriority = PRIORITIES[(priority ?? 0) - 1];
  const always = [
    ...(said.all ?? []),
    ...(byPriority === undefined ? [] : (said[byPriority] ?? [])),
    ...(team === undefined || said.teams === undefined || !Object.hasOwn(said.teams, team)
      ? []
      : (said.teams[team] ?? [])),
  ];
  const told = new Set(always);
  const blocks = stateNames().flatMap((state) => {
    const handlesOfState = [...new Set(said.on?.[state] ?? [])].filter((one) => !told.has(one));
    const block = STATE_BLOCKS[state];
    return handlesOfState.length === 0 ? [] : [`{{#${block}}}${handlesOfState.join(" ")}{{/${block}}}`];
  });
  return [...(told.size === 0 ? [] : [[...told].join(" ")]), ...blocks].join("\n");
}

/** Every handle that the routes name, with its place below `notify`. */
export function* notifiedBy(notified: Notify): Generator<{ readonly path: string; readonly handle: string }> {
  const said = routesOf(notified);
  // A list stands at `notify` itself, so that is where `all` is looked for.
  for (const one of said.all ?? []) yield { path: "notify", handle: one };
  for (const priority of PRIORITIES)
    for (const one of said[priority] ?? []) yield { path: `notify.${priority}`, handle: one };
  for (const [team, list] of Object.entries(said.teams ?? {}))
    for (const one of list) yield { path: `notify.teams.${team}`, handle: one };
  for (const state of stateNames())
    for (const one of said.on?.[state] ?? []) yield { path: `notify.on.${state}`, handle: one };
}

/** True if the routes, as one layer states them, name somebody by a path of {@link notifiedBy}. */
export function statesRoute(said: unknown, path: string): boolean {
  const routesSaid = Array.isArray(said) ? { all: said } : said;
  let inner: unknown = routesSaid;
  for (const name of path === "notify" ? ["all"] : path.split(".").slice(1)) {
    if (typeof inner !== "object" || inner === null || !Object.hasOwn(inner, name)) return false;
    inner = (inner as Readonly<Record<string, unknown>>)[name];
  }
  return true;
}

function stateNames(): readonly (keyof typeof STATE_BLOCKS)[] {
  return Object.keys(STATE_BLOCKS) as (keyof typeof STATE_BLOCKS)[];
}
