import type { SeriesCost } from "../engine/status/cost.ts";
import type { CostView } from "./cost-view.ts";
import { ago, formatTable, wrap } from "./table.ts";
import { printable, type Paint } from "./terminal.ts";

interface Look {
  readonly width: number | undefined;
  readonly paint: Paint;
  /** ms since the epoch */
  readonly now: number;
}

/** Metrics of one reason that are named. */
const MOST_NAMED = 5;

/** The section Cost of a service: what is counted, then what could not be learnt and why. */
export function formatCost(cost: CostView, look: Look): string {
  const { monitors, groups, series, measuredAt, unknown } = cost;
  const total = monitors.simple + monitors.grouped;
  const counted = `${total} ${total === 1 ? "monitor" : "monitors"}: ${monitors.simple} simple, ${monitors.grouped} grouped`;
  const watched = `${groups} ${groups === 1 ? "group is" : "groups are"} watched`;
  const lines = [groups === undefined ? counted : `${counted}; ${watched}`];
  const known = series.filter((one) => one.unknown === undefined);
  const notes = [
    ...(known.length === 0
      ? []
      : ["series are those of the whole organisation, whichever service sends them"]),
    ...(measuredAt === undefined ? [] : [`measured ${ago(look.now - Date.parse(measuredAt))} ago`]),
    ...unknown,
    ...unknownSeries(series),
  ];
  const dim = notes.map((note) => look.paint("dim", wrap(printable(note), look.width, "  ")));
  return [...lines.map((line) => `  ${line}`), seriesTable(known, look).trimEnd(), ...dim, ""]
    .filter((text, at, all) => text !== "" || at === all.length - 1)
    .join("\n");
}

function seriesTable(known: readonly SeriesCost[], { width, paint }: Look): string {
  if (known.length === 0) return "";
  const hasWish = known.some(({ asWished }) => asWished !== undefined);
  const number = (value: number | undefined): string => (value === undefined ? "?" : String(value));
  return formatTable(
    [
      { head: "METRIC", flexible: true },
      { head: "INDEXED" },
      { head: "INGESTED" },
      ...(hasWish ? [{ head: "AS WISHED" }] : []),
    ],
    known.map(({ metric, indexed, ingested, asWished }) => [
      metric,
      number(indexed),
      number(ingested),
      ...(hasWish ? [asWished === undefined ? "" : number(asWished)] : []),
    ]),
    { width, paint, indent: "  " },
  );
}

/** One line for each reason. */
function unknownSeries(series: readonly SeriesCost[]): readonly string[] {
  const byReason = Map.groupBy(
    series.filter((one) => one.unknown !== undefined),
    ({ unknown }) => unknown!,
  );
  return [...byReason].map(([reason, metrics]) => {
    const named = metrics.slice(0, MOST_NAMED).map(({ metric }) => metric);
    const more = metrics.length - named.length;
    return `not known of ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}: ${reason}`;
  });
}
