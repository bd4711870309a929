import { isReserved } from "../crds/names.ts";
import { formatCost } from "./cost-text.ts";
import type { Described } from "./describe-data.ts";
import { untilInWords } from "./drift-view.ts";
import { sinceCell, stateCell, statusCell } from "./lists/cells.ts";
import { objectStateCell } from "./lists/objects.ts";
import { ago, formatTable, wrap, type Cell, type Column } from "./table.ts";
import { printable, type Paint, type Style } from "./terminal.ts";
import type { Finding } from "./why.ts";

interface Look {
  readonly width: number | undefined;
  readonly paint: Paint;
  /** ms since the epoch */
  readonly now: number;
}

/** Everything about a service, for a person: first whether it is well, then why not, then the rest. */
export function formatDescribed(described: Described, leader: string, look: Look): string {
  const sections = [
    head(described, leader, look),
    whySection(described.why, look),
    section("Wish", fieldsTable(described, look), look),
    section("Conditions", conditionsTable(described, look), look),
    section("Monitors", monitorsTable(described, look), look),
    ...described.objects.map(({ title, list }) => section(title, objectsTable(list, look), look)),
    section("Changed by hand", driftTable(described, look), look),
    section("Files", filesTable(described, look), look),
    section("Cost", described.cost === undefined ? "" : formatCost(described.cost, look), look),
    section("Events", eventsTable(described, look), look),
    described.pack === undefined
      ? ""
      : section(
          `Setup of ${described.pack.name}`,
          `${wrap(described.pack.setup.trim(), look.width, "  ")}\n`,
          look,
        ),
  ];
  return sections.filter((text) => text !== "").join("\n");
}

function section(title: string, body: string, { paint }: Look): string {
  return body === "" ? "" : `${paint("bold", title)}\n${body}`;
}

const STATUS_WORDS = {
  True: ["ready", "green"],
  False: ["not ready", "red"],
  Unknown: ["not known", "yellow"],
} as const satisfies Record<string, readonly [string, Style]>;

function head(described: Described, leader: string, { paint, now }: Look): string {
  const { service, ready, since, observedBy, pack, tags, nodes } = described;
  const [word, style] =
    observedBy === undefined ? (["not observed", "yellow"] as const) : STATUS_WORDS[ready.status];
  const sinceText = since === undefined ? "" : paint("dim", ` for ${ago(now - Date.parse(since))}`);
  const reason = observedBy === undefined || ready.status === "True" ? "" : `: ${ready.reason}`;
  const lines = [
    `${paint("bold", printable(service))}  ${paint(style, `${word}${reason}`)}${sinceText}`,
    row("observed by", observedBy ?? "nothing"),
    pack === undefined ? "" : row("pack", `${pack.name} (${pack.title})`),
    isReserved(service)
      ? ""
      : row(
          "runs on",
          tags === undefined
            ? "no node: Consul's catalog has no such service"
            : nodes.join(", ") || "no node",
        ),
    isReserved(service)
      ? ""
      : row("tags", tags === undefined || tags.length === 0 ? "none" : tags.join(", ")),
    `  ${leader}`,
  ];
  return `${lines.filter((line) => line !== "").join("\n")}\n`;
}

function row(name: string, text: string): string {
  return `  ${`${name}:`.padEnd(13)}${printable(text)}`;
}

const WEIGHTS = {
  wrong: ["✗", "red"],
  waiting: ["…", "yellow"],
  note: ["·", "dim"],
} as const satisfies Record<Finding["weight"], readonly [string, Style]>;

function whySection(findings: readonly Finding[], look: Look): string {
  if (findings.length === 0) return "";
  const { paint, width } = look;
  const isWrong = findings.some(({ weight }) => weight !== "note");
  const lines = findings.flatMap(({ weight, message, action }) => {
    const [sign, style] = WEIGHTS[weight];
    return [
      `  ${paint(style, sign)} ${wrap(message, width, "    ").trimStart()}`,
      ...(action === undefined ? [] : [paint("cyan", `    → ${wrap(action, width, "      ").trimStart()}`)]),
    ];
  });
  return section(isWrong ? "Why" : "Good to know", `${lines.join("\n")}\n`, look);
}

function table(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { width, paint }: Look,
): string {
  return rows.length === 0 ? "" : formatTable(columns, rows, { width, paint, indent: "  " });
}

function fieldsTable({ fields }: Described, look: Look): string {
  const columns = [{ head: "FIELD" }, { head: "VALUE", flexible: true }, { head: "FROM" }];
  const rows = fields.map(({ path, value, from }) => [
    path,
    typeof value === "string" ? value : JSON.stringify(value),
    { text: from, style: "dim" as const },
  ]);
  return table(columns, rows, look);
}

function conditionsTable({ conditions }: Described, look: Look): string {
  const columns = [
    { head: "TYPE" },
    { head: "STATUS" },
    { head: "REASON" },
    { head: "BY" },
    { head: "SINCE" },
    { head: "MESSAGE", flexible: true },
  ];
  const rows = conditions.map(({ type, status, reason, writer, lastTransitionTime, message }) => [
    type,
    statusCell(status),
    reason,
    writer,
    sinceCell(lastTransitionTime, look.now),
    message,
  ]);
  return table(columns, rows, look);
}

function monitorsTable({ monitors, statesUnknown }: Described, look: Look): string {
  const columns = [{ head: "NAME" }, { head: "STATE" }, { head: "ID" }, { head: "TITLE", flexible: true }];
  const rows = monitors.map(({ key, state, id, isWanted, name }) => [
    key.slice(key.lastIndexOf("/") + 1),
    stateCell(state, id, isWanted),
    id === undefined ? "" : String(id),
    name ?? "",
  ]);
  if (rows.length === 0) return "";
  const link = monitors.find((monitor) => monitor.link !== undefined)?.link?.replace(/\d+$/, "<id>");
  const notes = [
    link === undefined ? undefined : link,
    statesUnknown === undefined ? undefined : `The state is not known: ${statesUnknown}.`,
  ];
  return `${table(columns, rows, look)}${notes.map((note) => (note === undefined ? "" : `  ${look.paint("dim", printable(note))}\n`)).join("")}`;
}

function objectsTable(list: Described["objects"][number]["list"], look: Look): string {
  const columns = [{ head: "NAME" }, { head: "STATE" }, { head: "ID" }, { head: "WHAT", flexible: true }];
  const rows = list.map(({ key, state, id, title }) => [
    key.slice(key.lastIndexOf("/") + 1),
    objectStateCell(state),
    id ?? "",
    title ?? "",
  ]);
  return table(columns, rows, look);
}

function driftTable({ drift }: Described, look: Look): string {
  const columns = [
    { head: "OBJECT" },
    { head: "FIELD", flexible: true },
    { head: "WISHED", flexible: true },
    { head: "FOUND", flexible: true },
    { head: "AGO" },
    { head: "BY" },
    { head: "THEN" },
  ];
  const rows = drift.map((field) => [
    field.key.slice(field.key.lastIndexOf("/") + 1),
    field.path === "" ? { text: "deleted", style: "yellow" as const } : field.path,
    field.wanted === undefined ? "" : JSON.stringify(field.wanted),
    field.found === undefined ? "" : JSON.stringify(field.found),
    sinceCell(field.since, look.now),
    field.by ?? "",
    untilInWords(field, look.now),
  ]);
  return table(columns, rows, look);
}

function filesTable({ files }: Described, look: Look): string {
  const columns = [
    { head: "NODE" },
    { head: "FILE", flexible: true },
    { head: "WRITTEN" },
    { head: "LOADED" },
  ];
  const rows = files
    .filter(({ written }) => written !== undefined && written.reason !== "NothingWanted")
    .map(({ node, file, written, loaded }) => [
      node,
      file ?? "",
      written === undefined ? "" : statusCell(written.status),
      loaded === undefined ? { text: "not checked", style: "dim" as const } : statusCell(loaded.status),
    ]);
  return table(columns, rows, look);
}

const MOST_EVENTS = 10;

function eventsTable({ events }: Described, look: Look): string {
  const columns = [
    { head: "AGO" },
    { head: "REASON" },
    { head: "BY" },
    { head: "TIMES" },
    { head: "MESSAGE", flexible: true },
  ];
  const rows = events
    .slice(0, MOST_EVENTS)
    .map(({ lastSeen, reason, writer, count, message }) => [
      sinceCell(lastSeen, look.now),
      reason === "Failed" ? { text: reason, style: "red" as const } : reason,
      writer,
      String(count),
      message,
    ]);
  return table(columns, rows, look);
}
