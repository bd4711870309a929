import { setTimeout as sleep } from "node:timers/promises";

import { didYouMean } from "../../crds/suggest.ts";
import { progressInWords } from "../../engine/budget/progress.ts";
import type { Call } from "../call.ts";
import type { ClusterFacts } from "../facts.ts";
import { leaderLine } from "../lists/cells.ts";
import { LISTS } from "../lists/index.ts";
import type { Listing } from "../lists/listing.ts";
import { openLook } from "../look.ts";
import { printData, UsageError } from "../print.ts";
import { formatTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

const LOOK_EVERY_MS = 2_000;
const SINGULAR: Readonly<Record<string, string>> = {
  service: "services",
  monitor: "monitors",
  slo: "slos",
  dashboard: "dashboards",
  downtime: "downtimes",
  entity: "catalog",
  evaluator: "evaluators",
  file: "files",
  pack: "packs",
  node: "nodes",
};

/** `dd-observe get`: lists of one kind, from what the operator says of it and what is wished now. */
export async function get(call: Call): Promise<number> {
  const { args, flags, terminal } = call;
  const [given = "services", ...names] = args;
  const kind = SINGULAR[given] ?? given;
  if (!Object.hasOwn(LISTS, kind)) {
    const kinds = Object.keys(LISTS);
    throw new UsageError(
      `there is no kind ${given}${didYouMean(given, kinds) || `; there are ${kinds.join(", ")}`}`,
      `For one service: dd-observe get services ${given}, or dd-observe describe ${given}`,
    );
  }
  const opened = openLook(call);
  let last: string | undefined;
  let lastProgress: string | undefined;
  for (;;) {
    const { listing, facts } = await LISTS[kind as keyof typeof LISTS](opened, names);
    // Not the text: that a minute has gone by is no change.
    const now = JSON.stringify([listing.data, facts?.leader]);
    if (now !== last) {
      const text = await render(listing, facts, flags.output ?? "table", terminal);
      terminal.out(last === undefined ? text : `\n${text}`);
    }
    const isTable = flags.output === undefined || flags.output === "table" || flags.output === "wide";
    const progress = isTable ? progressLine(facts) : undefined;
    // While only that goes on, the table is not shown again and again.
    if (progress !== undefined && (now !== last || progress !== lastProgress))
      terminal.out(`${now !== last ? "\n" : ""}${terminal.paint("yellow", progress)}\n`);
    last = now;
    lastProgress = progress;
    if (flags.watch !== true) return 0;
    await sleep(LOOK_EVERY_MS);
  }
}

/** What the leader's calls to Datadog wait for. */
function progressLine(facts: ClusterFacts | undefined): string | undefined {
  return facts?.progress === undefined ? undefined : progressInWords(facts.progress, Date.now());
}

async function render(
  { columns, rows, data, notes, page }: Listing,
  facts: ClusterFacts | undefined,
  format: NonNullable<Call["flags"]["output"]>,
  terminal: Terminal,
): Promise<string> {
  if (format === "html") {
    if (page !== undefined) return page();
    throw new UsageError(
      "-o html shows one dashboard",
      "Say which: dd-observe get dashboards _dashboards/infrastructure-overview -o html",
    );
  }
  let text = "";
  if (format === "json" || format === "yaml") {
    await printData(data, format, { out: (part) => (text += part) });
    return text;
  }
  const isWide = format === "wide";
  const shown = columns.flatMap((column, at) => (column.isWide === true && !isWide ? [] : [at]));
  const table = formatTable(
    shown.map((at) => columns[at]!),
    rows.map((row) => shown.map((at) => row[at]!)),
    { width: isWide ? undefined : terminal.width, paint: terminal.paint },
  );
  const { paint } = terminal;
  const head = facts === undefined ? "" : `${leaderLine(facts, paint)}\n\n`;
  const body = rows.length === 0 ? `${paint("dim", "none")}\n` : table;
  return `${head}${body}${notes.map((note) => `${paint("dim", note)}\n`).join("")}`;
}
