import { isObject, text, type Json } from "../controllers/monitors/canonical.ts";

/** Three courses of a value over time, top first: what is grouped has several. In a field of 100 × 40. */
const COURSES = [
  [12, 9, 11, 6, 9, 5, 8, 4, 6],
  [23, 21, 22, 17, 19, 15, 18, 13, 15],
  [33, 31, 32, 29, 31, 28, 30, 27, 28],
] as const;
const ONE = [30, 24, 27, 14, 18, 9, 15, 6, 11] as const;
const GRID = [10, 20, 30].map((y) => `<path class="grid" d="M0,${y} H100"/>`).join("");

type Course = readonly number[];

function points(course: Course): string {
  const step = 100 / (course.length - 1);
  return course.map((y, at) => `${(at * step).toFixed(1)},${y}`).join(" ");
}

function lines(courses: readonly Course[]): string {
  return courses.map((course, at) => `<polyline class="s${at}" points="${points(course)}"/>`).join("");
}

/** Stacked, so that the lower ones cover the upper ones' feet. */
function areas(courses: readonly Course[]): string {
  return courses
    .map((course, at) => `<polygon class="fill s${at}" points="0,40 ${points(course)} 100,40"/>`)
    .join("");
}

function bars(courses: readonly Course[]): string {
  return courses
    .flatMap((course, at) =>
      course.map(
        (y, n) =>
          `<rect class="fill s${at}" x="${(n * 11.2 + 1).toFixed(1)}" y="${y}" width="8.4" height="${40 - y}"/>`,
      ),
    )
    .join("");
}

/** Where an alert's threshold is drawn into a graph. */
const THRESHOLD = '<path class="threshold" d="M0,3 H100"/>';

const TOPLIST = [92, 70, 46, 28]
  .map(
    (width, at) =>
      `<rect class="fill s0" x="0" y="${at * 10 + 1}" width="${width}" height="7" rx="1" opacity="${1 - at * 0.15}"/>`,
  )
  .join("");
const TABLE = [0, 1, 2, 3]
  .map((row) => `<path d="M0,${row * 10 + 5} H55 M65,${row * 10 + 5} H100"/>`)
  .join("");
const STATES = ["good", "wait", "bad"]
  .map((state, at) => `<rect class="${state}" x="${4 + at * 33}" y="8" width="26" height="24" rx="3"/>`)
  .join("");
const HEAT = Array.from({ length: 40 }, (_, at) => {
  const [column, row] = [at % 10, Math.floor(at / 10)];
  const strength = ((column * 7 + row * 5) % 9) / 9;
  return `<rect class="fill s0" opacity="${(0.25 + strength * 0.75).toFixed(2)}" x="${column * 10 + 0.5}" y="${row * 10 + 0.5}" width="9" height="9"/>`;
}).join("");
const PIE =
  '<circle cx="50" cy="20" r="18"/><path class="fill s0" d="M50,20 L50,2 A18,18 0 0 1 65,30 Z"/><path d="M50,20 L34,28"/>';
const POINTS = [8, 20, 33, 41, 52, 66, 74, 88]
  .map((x, at) => `<circle class="fill s0" cx="${x}" cy="${34 - ((x * 3 + at * 7) % 29)}" r="2.6"/>`)
  .join("");
const TIMELINE = [6, 18, 21, 24, 47, 71, 74, 93]
  .map((x, at) => `<path class="tick" d="M${x},${12 + (at % 3) * 6} V38"/>`)
  .join("");

/** Rows of a list: what stands before each, and how long it is. */
function rows(before: (row: number) => string): string {
  return [0, 1, 2, 3]
    .map((row) => `${before(row)}<path d="M13,${row * 10 + 5} H${95 - row * 13}"/>`)
    .join("");
}

const LIST = rows(
  (row) =>
    `<rect class="${row === 0 ? "bad" : "good"}" x="0" y="${row * 10 + 2}" width="6" height="6" rx="1"/>`,
);
const EVENTS = rows((row) => `<circle class="fill s0" cx="3" cy="${row * 10 + 5}" r="2.4"/>`);
const TARGETS = [96, 88, 99, 74]
  .map((share, row) => {
    const state = share > 95 ? "good" : share > 80 ? "wait" : "bad";
    const y = row * 10 + 3;
    return `<path d="M0,${y + 2} H38"/><rect class="track" x="46" y="${y}" width="52" height="4" rx="2"/><rect class="${state}" x="46" y="${y}" width="${(share * 0.52).toFixed(1)}" height="4" rx="2"/>`;
  })
  .join("");

/** The shape of a kind of widget that has the same whatever it asks for. */
const SHAPES: Readonly<Record<string, string>> = {
  distribution: bars([ONE]),
  event_timeline: TIMELINE,
  toplist: TOPLIST,
  funnel: TOPLIST,
  sankey: TOPLIST,
  bar_chart: TOPLIST,
  change: TABLE,
  query_table: TABLE,
  list_stream: EVENTS,
  log_stream: EVENTS,
  event_stream: EVENTS,
  slo_list: TARGETS,
  manage_status: LIST,
  check_status: STATES,
  heatmap: HEAT,
  hostmap: HEAT,
  treemap: HEAT,
  geomap: HEAT,
  sunburst: PIE,
  scatterplot: POINTS,
  point_plot: POINTS,
};

const VALUES = new Set(["query_value", "alert_value", "slo"]);
const OVER_TIME = new Set(["timeseries", "alert_graph"]);
const STRETCHED = new Set([...OVER_TIME, "event_timeline", "distribution", "toplist", "bar_chart"]);
const CENTRED = new Set(["check_status", "sunburst"]);

/** A drawing of what a widget looks like. Empty for those that are text. Nothing in it is of the widget's own texts. */
export function sketchOf(definition: Json, isGrouped: boolean): string {
  const type = text(definition["type"]);
  if (VALUES.has(type)) return valueOf(definition);
  const shape = OVER_TIME.has(type)
    ? overTime(definition, isGrouped)
    : Object.hasOwn(SHAPES, type)
      ? SHAPES[type]
      : undefined;
  if (shape === undefined) return "";
  const fit = STRETCHED.has(type) ? "none" : CENTRED.has(type) ? "xMidYMid meet" : "xMinYMid meet";
  return `<svg viewBox="0 0 100 40" preserveAspectRatio="${fit}" aria-hidden="true">${shape}</svg>`;
}

/** A number that nobody takes for a measured one, and the colours that it can have. */
function valueOf(definition: Json): string {
  const unit = /\(([^()]{1,3})\)\s*$/.exec(text(definition["title"]))?.[1];
  const shown = unit === "%" ? "00 %" : unit === "$" ? "$ 00" : "00";
  const palettes = JSON.stringify(definition["requests"] ?? []);
  const states = [
    ["good", /_on_green|green_on_/],
    ["wait", /_on_yellow|yellow_on_/],
    ["bad", /_on_red|red_on_/],
  ] as const;
  const lamps = states
    .filter(([, palette]) => palette.test(palettes))
    .map(([state]) => `<i class="${state}"></i>`)
    .join("");
  return `<p class="value" aria-hidden="true">${shown}${lamps === "" ? "" : `<span>${lamps}</span>`}</p>`;
}

function overTime({ requests, markers }: Json, isGrouped: boolean): string {
  const [first] = Array.isArray(requests) ? requests.filter(isObject) : [];
  const isSeveral = isGrouped || lengthOf(first?.["formulas"]) > 1;
  const courses = isSeveral ? COURSES : [ONE];
  const display = first?.["display_type"];
  const drawn = display === "bars" ? bars(courses) : display === "area" ? areas(courses) : lines(courses);
  return GRID + drawn + (lengthOf(markers) > 0 ? THRESHOLD : "");
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
