import type { DashboardBody } from "../controllers/dashboards/canonical.ts";
import { withoutMark } from "../controllers/datadog/text-mark.ts";
import { isObject, text, type Json } from "../controllers/monitors/canonical.ts";
import { PAGE_STYLE } from "./dashboard-page-style.ts";
import { groupsOf, queriesOf } from "./dashboard-queries.ts";
import { sketchOf } from "./dashboard-sketch.ts";

/** Where a widget stands, in columns and rows. */
interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const COLUMNS = 12;

/**
 * How a dashboard is laid out, as a page that needs nothing else: groups, and widgets as boxes at their
 * places with type, title and queries. It shows no data.
 */
export function dashboardPage(body: DashboardBody): string {
  const description = withoutMark(body.description);
  const paragraphs = description === "" ? [] : description.split(/\n{2,}/);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(body.title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>${escape(body.title)}</h1>
${paragraphs.map((paragraph) => `<p>${escape(paragraph)}</p>`).join("\n")}
${variables(body)}
</header>
<main>
${widgetsIn(body)}
</main>
<footer>A preview of the layout, by dd-observe: shapes stand for kinds of graphs, not for data. Queries are told without what is chosen above; open one to see it as it is sent.</footer>
</body>
</html>
`;
}

/** The variables, as a viewer would find them above the dashboard. */
function variables({ template_variables: list, tags }: DashboardBody): string {
  const chips = list.filter(isObject).map((variable) => {
    const defaults = Array.isArray(variable["defaults"]) ? variable["defaults"].map(text).join(", ") : "*";
    const values = Array.isArray(variable["available_values"]) ? variable["available_values"].map(text) : [];
    const choice = values.length === 0 ? "" : ` title="${escape(`One of: ${values.join(", ")}`)}"`;
    return `<li${choice}><b>$${escape(text(variable["name"]))}</b> ${escape(defaults)}</li>`;
  });
  const all = [...chips, ...tags.map((tag) => `<li class="tag">${escape(tag)}</li>`)];
  return all.length === 0 ? "" : `<ul class="variables">${all.join("")}</ul>`;
}

function widgetsIn({ layout_type: layoutType, widgets, tabs }: DashboardBody): string {
  if (tabs.length === 0) return grid(widgets, { isFree: layoutType === "free", columns: COLUMNS });
  return tabs
    .filter(isObject)
    .map((tab) => {
      const ids = Array.isArray(tab["widget_ids"]) ? tab["widget_ids"].map(text) : [];
      const shown = ids.flatMap((id) => widgets[Number(id.slice(1)) - 1] ?? []);
      return `<h2>${escape(text(tab["name"]))}</h2>${grid(shown, { isFree: layoutType === "free", columns: COLUMNS })}`;
    })
    .join("\n");
}

interface GridOptions {
  /** True if places are fine-grained and may overlap. */
  readonly isFree: boolean;
  readonly columns: number;
}

function grid(widgets: readonly unknown[], { isFree, columns }: GridOptions): string {
  const placed = widgets.filter(isObject).map((widget) => ({ widget, place: placeOf(widget) }));
  if (isFree) {
    const right = Math.max(
      columns,
      ...placed.map(({ place }) => (place === undefined ? 0 : place.x + place.width)),
    );
    const bottom = Math.max(
      1,
      ...placed.map(({ place }) => (place === undefined ? 0 : place.y + place.height)),
    );
    const boxes = placed.map(({ widget, place }) => box(widget, place, freeStyle(place, right)));
    return `<div class="free" style="height:${bottom * FREE_ROW_REM}rem">${boxes.join("\n")}</div>`;
  }
  const boxes = placed.map(({ widget, place }) => box(widget, place, gridStyle(widget, place, columns)));
  return `<div class="grid" style="grid-template-columns:repeat(${columns},minmax(0,1fr))">\n${boxes.join("\n")}\n</div>`;
}

const FREE_ROW_REM = 0.75;

function freeStyle(place: Place | undefined, right: number): string {
  if (place === undefined) return "position:static";
  const percent = (columns: number): string => `${Math.round((columns / right) * 10_000) / 100}%`;
  return [
    `left:${percent(place.x)}`,
    `width:${percent(place.width)}`,
    `top:${place.y * FREE_ROW_REM}rem`,
    `height:${place.height * FREE_ROW_REM}rem`,
  ].join(";");
}

/** Without a place, Datadog lays widgets out one after the other. */
function gridStyle(widget: Json, place: Place | undefined, columns: number): string {
  if (place === undefined) {
    const isGroup = isObject(widget["definition"]) && widget["definition"]["type"] === "group";
    return `grid-column:span ${isGroup ? columns : Math.min(4, columns)}${isGroup ? "" : ";grid-row:span 2"}`;
  }
  const { x, y, width, height } = place;
  const span = Math.min(width, Math.max(1, columns - x));
  return `grid-column:${x + 1}/span ${span};grid-row:${y + 1}/span ${height}`;
}

function placeOf({ layout }: Json): Place | undefined {
  if (!isObject(layout)) return undefined;
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(layout[name]));
  if (![x, y, width, height].every((one) => Number.isInteger(one) && one! >= 0)) return undefined;
  return { x: x!, y: y!, width: Math.max(1, width!), height: Math.max(1, height!) };
}

function box(widget: Json, place: Place | undefined, style: string): string {
  const definition = isObject(widget["definition"]) ? widget["definition"] : {};
  const type = text(definition["type"]);
  const title = text(definition["title"]).trim();
  if (Array.isArray(definition["widgets"])) {
    const inner = grid(definition["widgets"], { isFree: false, columns: place?.width ?? COLUMNS });
    const heading = definition["show_title"] === false || title === "" ? "" : `<h3>${escape(title)}</h3>`;
    return `<section class="group" style="${style}">${heading}${inner}</section>`;
  }
  if (type === "note")
    return `<article class="note" style="${style}"><p>${escape(text(definition["content"]))}</p></article>`;
  const isNarrow = (place?.width ?? COLUMNS) <= NARROW;
  return `<article${isNarrow ? ' class="narrow"' : ""} style="${style}">
<h4><small>${escape(type.replaceAll("_", " "))}</small>${title === "" ? "" : `<span>${escape(title)}</span>`}</h4>
${drawing(definition)}
${queryList(definition)}
</article>`;
}

/** In so few columns there is no room for the queries of a formula; they come with the rest. */
const NARROW = 3;

function drawing(definition: Json): string {
  const groups = groupsOf(definition);
  const marks = [
    ...groups.map((group) => `<li>${escape(group)}</li>`),
    ...markersOf(definition).map((label) => `<li class="marker">${escape(label)}</li>`),
  ];
  const legend = marks.length === 0 ? "" : `<ul class="legend">${marks.join("")}</ul>`;
  return sketchOf(definition, groups.length > 0) + legend;
}

/** Names of the thresholds that are drawn into a graph. */
function markersOf({ markers }: Json): readonly string[] {
  if (!Array.isArray(markers)) return [];
  return markers.filter(isObject).map((marker) => text(marker["label"]) || text(marker["value"]));
}

/** What sets the queries apart; the queries as they are sent on request. */
function queryList(definition: Json): string {
  const queries = queriesOf(definition);
  if (queries.length === 0) return "";
  const short = linesOf(queries.map((query) => breakable(escape(query.short))));
  if (queries.every(({ full, short: brief }) => full === brief)) return short;
  const full = linesOf(queries.map((query) => escape(query.full)));
  return `<details><summary>${short}</summary>${full}</details>`;
}

function linesOf(lines: readonly string[]): string {
  return `<ul class="queries">${lines.map((line) => `<li>${line}</li>`).join("")}</ul>`;
}

/** Long names break at their dots rather than in the middle of a word. */
function breakable(html: string): string {
  return html.replaceAll(/[.,:/](?=\w)/g, "$&<wbr>");
}

function escape(value: string): string {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
