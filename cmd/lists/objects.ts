import { didYouMean } from "../../crds/suggest.ts";
import {
  CATALOG,
  DOWNTIMES,
  EVALUATORS,
  METRIC_TAGS,
  SLOS,
  viewObjects,
  type ObjectState,
  type ObjectView,
  type ViewedKind,
} from "../objects-view.ts";
import { UsageError } from "../print.ts";
import type { Cell } from "../table.ts";
import type { List, Listed, Opened } from "./listing.ts";

export const listDowntimes: List = async (opened, names) => await listObjects(opened, names, DOWNTIMES);
export const listSlos: List = async (opened, names) => await listObjects(opened, names, SLOS);
export const listMetricTags: List = async (opened, names) => await listObjects(opened, names, METRIC_TAGS);

export const listCatalog: List = async (opened, names) => await listObjects(opened, names, CATALOG);

export const listEvaluators: List = async (opened, names) => await listObjects(opened, names, EVALUATORS);

/** @param names Owners, keys, or what stands behind a key's slash. */
async function listObjects<Body>(
  opened: Opened,
  names: readonly string[],
  kind: ViewedKind<Body>,
): Promise<Listed> {
  const look = await opened.look();
  const { objects, held } = await viewObjects(look, kind);
  const unknown = names.find((name) => !objects.some((one) => isNamed(one, name)) && !isHeld(held, name));
  if (unknown !== undefined) throw noSuchObject(unknown, objects, kind.controller);
  const shown = objects.filter((one) => names.length === 0 || names.some((name) => isNamed(one, name)));
  return {
    facts: look.facts,
    listing: {
      columns: [
        { head: "KEY" },
        { head: "OWNER", isWide: true },
        { head: "ID" },
        { head: "STATE" },
        { head: "WHAT", flexible: true },
        { head: "LINK", isWide: true },
      ],
      rows: shown.map((one) => [
        one.key,
        one.owner,
        one.id ?? "",
        objectStateCell(one.state),
        one.title ?? "",
        one.link ?? "",
      ]),
      data: shown,
      notes: [...held]
        .filter(([key]) => isHeldKey(key, kind.controller))
        .map(([key, why]) => `${key} stays as it is: ${why}`),
    },
  };
}

function isNamed({ key, owner }: ObjectView, name: string): boolean {
  return name === key || name === owner || key.slice(key.indexOf("/") + 1) === name;
}

function isHeld(held: ReadonlyMap<string, string>, name: string): boolean {
  return held.has(name) || held.has(`_metrics/${name}`) || held.has(`_slos/${name}`);
}

/** What is held of other kinds is told of by their own lists; a service that is held as a whole, by the list of services. */
function isHeldKey(key: string, controller: string): boolean {
  if (controller === "metric-tags") return key.startsWith("_metrics/");
  return controller === "slos" && (key.startsWith("_") ? key.startsWith("_slos/") : key.includes("/"));
}

const STATES: Readonly<Record<ObjectState, Cell>> = {
  Synced: { text: "as wished", style: "green" },
  NotMade: { text: "not made yet", style: "yellow" },
  NotNeeded: { text: "not needed", style: "dim" },
  ChangedByHand: { text: "changed by hand", style: "yellow" },
  ToGo: { text: "to go", style: "dim" },
};

export function objectStateCell(state: ObjectState): Cell {
  return STATES[state];
}

function noSuchObject(name: string, objects: readonly ObjectView[], kind: string): UsageError {
  const keys = objects.map(({ key }) => key);
  return new UsageError(
    `nothing in ${kind} is named ${name}${didYouMean(name, [...keys, ...objects.map(({ owner }) => owner)])}`,
    keys.length === 0 ? "No wish asks for one." : `There are ${keys.slice(0, 10).join(", ")}`,
  );
}
