import { didYouMean } from "../../crds/suggest.ts";
import { dashboardPage } from "../dashboard-page.ts";
import { viewDashboards, type DashboardView } from "../dashboards-view.ts";
import { UsageError } from "../print.ts";
import type { Cell } from "../table.ts";
import type { Listed, Opened } from "./listing.ts";

/** @param names Keys, `_dashboards/infrastructure-overview`; owners; or what stands behind a key's slash. */
export async function listDashboards(opened: Opened, names: readonly string[]): Promise<Listed> {
  const look = await opened.look();
  const { dashboards, bodies, held } = await viewDashboards(look);
  const isNamed = ({ key, owner }: DashboardView, name: string): boolean =>
    name === key || name === owner || key.slice(key.indexOf("/") + 1) === name;
  const keysHeld = [...held].filter(([key]) => key.startsWith("_dashboards/") || key.includes("/"));
  const isHeld = (name: string): boolean => keysHeld.some(([key]) => isKeyNamed(key, name));
  const unknown = names.find((name) => !dashboards.some((one) => isNamed(one, name)) && !isHeld(name));
  if (unknown !== undefined) throw noSuchDashboard(unknown, dashboards);
  const shown = dashboards.filter((one) => names.length === 0 || names.some((name) => isNamed(one, name)));
  const [only, ...others] = shown;
  const body = only === undefined || others.length > 0 ? undefined : bodies.get(only.key);
  return {
    facts: look.facts,
    listing: {
      columns: [
        { head: "KEY" },
        { head: "ID" },
        { head: "STATE" },
        { head: "WIDGETS" },
        { head: "TITLE", flexible: true },
        { head: "LINK", isWide: true },
      ],
      rows: shown.map(({ key, id, state, widgets, title, link }) => [
        key,
        id ?? "",
        stateCell(state),
        widgets === undefined ? "" : String(widgets),
        title ?? "",
        link ?? "",
      ]),
      data: shown,
      notes: keysHeld
        .filter(([key]) => isDashboardKey(key) && isAsked(key, names))
        .map(([key, why]) => `${key} cannot be made: ${why}`),
      page: body === undefined ? undefined : () => dashboardPage(body),
    },
  };
}

/** What is held of other folders, such as a broken `_monitors/disk`, is told of by their own lists. */
function isDashboardKey(key: string): boolean {
  return key.startsWith("_dashboards/") || !key.startsWith("_");
}

function isKeyNamed(key: string, name: string): boolean {
  return key === name || key === `_dashboards/${name}` || key.startsWith(`${name}/`);
}

function isAsked(key: string, names: readonly string[]): boolean {
  return names.length === 0 || names.some((name) => isKeyNamed(key, name));
}

function stateCell(state: string): Cell {
  if (state === "Synced") return { text: "as wished", style: "green" };
  if (state === "NotMade") return { text: "not made yet", style: "yellow" };
  if (state === "ChangedByHand") return { text: "changed by hand", style: "yellow" };
  if (state === "ToGo") return { text: "to go", style: "dim" };
  return { text: state, style: "yellow" };
}

function noSuchDashboard(name: string, dashboards: readonly DashboardView[]): UsageError {
  const keys = dashboards.map(({ key }) => key);
  const near = didYouMean(name, [...keys, ...keys.map((key) => key.slice(key.indexOf("/") + 1))]);
  return new UsageError(
    `there is no dashboard ${name}${near}`,
    keys.length === 0
      ? "No document defines one, and no observed service's pack adds to one."
      : `There are ${keys.slice(0, 10).join(", ")}`,
  );
}
