import { isObject, text, type Json } from "../controllers/monitors/canonical.ts";

const LINES = '<polyline points="0,30 12,24 24,27 36,14 48,18 60,9 72,15 84,6 100,11"/>';
const AREA =
  '<path class="fill" d="M0,40 L0,28 L14,24 L28,26 L42,15 L56,19 L70,9 L84,14 L100,7 L100,40 Z"/><polyline points="0,28 14,24 28,26 42,15 56,19 70,9 84,14 100,7"/>';
const BARS = [30, 18, 24, 12, 20, 8, 15, 22]
  .map((top, at) => `<rect class="fill" x="${at * 12.5 + 2}" y="${top}" width="8.5" height="${40 - top}"/>`)
  .join("");
const TOPLIST = [92, 70, 46, 28]
  .map((width, at) => `<rect class="fill" x="0" y="${at * 10 + 1}" width="${width}" height="7"/>`)
  .join("");
const TABLE = [0, 1, 2, 3]
  .map((row) => `<path d="M0,${row * 10 + 5} H55 M65,${row * 10 + 5} H100"/>`)
  .join("");
const VALUE = '<text x="50" y="31" text-anchor="middle">42</text>';
const STATES =
  '<rect class="good" x="4" y="8" width="26" height="24" rx="3"/><rect class="wait" x="37" y="8" width="26" height="24" rx="3"/><rect class="bad" x="70" y="8" width="26" height="24" rx="3"/>';
const LIST = [0, 1, 2, 3]
  .map(
    (row) =>
      `<rect class="${row === 0 ? "bad" : "good"}" x="0" y="${row * 10 + 2}" width="6" height="6"/><path d="M11,${row * 10 + 5} H${95 - row * 13}"/>`,
  )
  .join("");
const HEAT = Array.from({ length: 40 }, (_, at) => {
  const [column, row] = [at % 10, Math.floor(at / 10)];
  const strength = ((column * 7 + row * 5) % 9) / 9;
  return `<rect class="fill" opacity="${(0.25 + strength * 0.75).toFixed(2)}" x="${column * 10 + 0.5}" y="${row * 10 + 0.5}" width="9" height="9"/>`;
}).join("");
const PIE =
  '<circle cx="50" cy="20" r="18"/><path class="fill" d="M50,20 L50,2 A18,18 0 0 1 65,30 Z"/><path d="M50,20 L34,28"/>';
const POINTS = [8, 20, 33, 41, 52, 66, 74, 88]
  .map((x, at) => `<circle class="fill" cx="${x}" cy="${34 - ((x * 3 + at * 7) % 29)}" r="2.6"/>`)
  .join("");

/** The shape of a kind of widget, in a field of 100 × 40. */
const SHAPES: Readonly<Record<string, string>> = {
  alert_graph: LINES,
  bar_chart: BARS,
  distribution: BARS,
  event_timeline: BARS,
  toplist: TOPLIST,
  funnel: TOPLIST,
  sankey: TOPLIST,
  change: TABLE,
  query_table: TABLE,
  list_stream: LIST,
  log_stream: LIST,
  event_stream: LIST,
  slo_list: LIST,
  manage_status: LIST,
  query_value: VALUE,
  alert_value: VALUE,
  slo: VALUE,
  check_status: STATES,
  heatmap: HEAT,
  hostmap: HEAT,
  treemap: HEAT,
  geomap: HEAT,
  sunburst: PIE,
  scatterplot: POINTS,
  point_plot: POINTS,
};

/** A drawing of what a widget looks like. Empty for those that are text. */
export function sketchOf(definition: Json): string {
  const shape = shapeOf(definition);
  if (shape === undefined) return "";
  const fit = STRETCHED.has(shape) ? "none" : FROM_LEFT.has(shape) ? "xMinYMid meet" : "xMidYMid meet";
  return `<svg viewBox="0 0 100 40" preserveAspectRatio="${fit}" aria-hidden="true">${shape}</svg>`;
}

const STRETCHED = new Set([AREA, LINES, BARS]);
const FROM_LEFT = new Set([TOPLIST, LIST, TABLE]);

function shapeOf({ type, requests }: Json): string | undefined {
  const name = text(type);
  if (name !== "timeseries") return Object.hasOwn(SHAPES, name) ? SHAPES[name] : undefined;
  const [first] = Array.isArray(requests) ? requests.filter(isObject) : [];
  const display = first?.["display_type"];
  return display === "bars" ? BARS : display === "area" ? AREA : LINES;
}
