import { plain, printable, type Paint, type Style } from "./terminal.ts";

export interface Column {
  readonly head: string;
  /** True if it may be cut where the line is too long. */
  readonly flexible?: boolean;
  /** A flexible column says nothing below so many letters: spare columns go first. */
  readonly least?: number;
  /** True if it may be left out where the line is too long even so. */
  readonly spare?: boolean;
}

/** Text, or text with a style. */
export type Cell = string | { readonly text: string; readonly style: Style | undefined };

export interface TableLook {
  /** Columns to fit into. Undefined to cut nothing. */
  readonly width?: number | undefined;
  readonly paint?: Paint;
  /** Before every line. */
  readonly indent?: string;
}

const GAP = "  ";
/** A flexible column is never cut shorter than this, unless it says otherwise. */
const LEAST = 10;

/**
 * Lays out a table, its last line ended. Cells have one line each; a long one ends in … where the width asks for it,
 * and where that isn't enough, spare columns are left out, the last one first.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  look: TableLook = {},
): string {
  const { width, paint = plain, indent = "" } = look;
  const texts = rows.map((row) => columns.map((_column, at) => oneLine(textOf(row[at] ?? ""))));
  const natural = columns.map(({ head }, at) =>
    Math.max(lengthOf(head), ...texts.map((row) => lengthOf(row[at]!))),
  );
  const least = columns.map(({ flexible, least: own = LEAST }, at) =>
    flexible === true ? Math.min(own, natural[at]!) : natural[at]!,
  );
  const spare = columns.findLastIndex((column) => column.spare === true);
  if (width !== undefined && spare !== -1 && lineLength(least) > width - indent.length)
    return formatTable(
      columns.toSpliced(spare, 1),
      rows.map((row) => row.toSpliced(spare, 1)),
      look,
    );
  const widths = width === undefined ? natural : fitted(columns, natural, width - indent.length);
  const line = (cells: readonly string[], style: (at: number) => Style | undefined): string => {
    const padded = cells.map((text, at) => {
      const cut = cutTo(text, widths[at]!);
      const painted = style(at) === undefined || cut === "" ? cut : paint(style(at)!, cut);
      return at === cells.length - 1 ? painted : painted + " ".repeat(widths[at]! - lengthOf(cut));
    });
    return `${indent}${padded.join(GAP)}`.trimEnd();
  };
  const head = line(
    columns.map((column) => column.head),
    () => "bold",
  );
  const body = rows.map((row, index) => line(texts[index]!, (at) => styleOf(row[at] ?? "")));
  return `${[head, ...body].join("\n")}\n`;
}

function lineLength(widths: readonly number[]): number {
  return widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
}

/** Takes from the longest flexible column what is too much, until the line fits or nothing more can be taken. */
function fitted(columns: readonly Column[], natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural];
  let excess = lineLength(widths) - width;
  // What a column needs to say something is taken last.
  for (const leastOf of [({ least = LEAST }: Column) => least, () => LEAST]) {
    while (excess > 0) {
      let longest = -1;
      for (const [at, column] of columns.entries()) {
        const canGive = column.flexible === true && widths[at]! > leastOf(column);
        if (canGive && (longest === -1 || widths[at]! > widths[longest]!)) longest = at;
      }
      if (longest === -1) break;
      widths[longest]!--;
      excess--;
    }
  }
  return widths;
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

function styleOf(cell: Cell): Style | undefined {
  return typeof cell === "string" ? undefined : cell.style;
}

function oneLine(text: string): string {
  return printable(text).replaceAll(/\s*\n\s*/g, " ");
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}

/** Cuts a text to a number of columns; the last one is … if anything is missing. */
export function cutTo(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** Breaks prose at blanks so that no line is longer than `width`. Line ends that are there stay. */
export function wrap(text: string, width: number | undefined, indent = ""): string {
  const most = (width ?? Infinity) - indent.length;
  return printable(text)
    .split("\n")
    .flatMap((paragraph) => {
      const hang = /^(\s*(?:[-*]|\d+\.)?\s*)/.exec(paragraph)![1]!.length;
      const lines: string[] = [];
      let line = "";
      for (const word of paragraph.trimEnd().split(/(?<=\S) +/)) {
        if (line !== "" && lengthOf(line) + 1 + lengthOf(word) > most) {
          lines.push(line);
          line = " ".repeat(hang) + word;
        } else line = line === "" ? word : `${line} ${word}`;
      }
      return [...lines, line];
    })
    .map((line) => (line === "" ? "" : indent + line))
    .join("\n");
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** A duration as people say it: `42s`, `7m`, `3h`, `12d`. */
export function ago(ms: number): string {
  const [unit, size] = UNITS.find(([, most]) => ms >= most * (most === 1_000 ? 0 : 1)) ?? UNITS[3];
  return `${Math.max(0, Math.floor(ms / size))}${unit}`;
}

/** A time ahead, with the next smaller unit where hours and days are too coarse to wait by: `3h59m`, `2d4h`, `45s`. */
export function ahead(ms: number): string {
  const at = UNITS.findIndex(([, size]) => ms >= size);
  if (at === -1 || at > 1) return ago(ms);
  const [, size] = UNITS[at]!;
  const [unit, smaller] = UNITS[at + 1]!;
  const rest = Math.floor((ms % size) / smaller);
  return rest === 0 ? ago(ms) : `${ago(ms)}${rest}${unit}`;
}

/**
 * Two values that differ, on one line: where it is too short for both, the beginning that they share is left out
 * first, and then each is cut, so that neither hides the other.
 */
export function sideBySide(one: string, between: string, other: string, width: number): string {
  const room = width - lengthOf(between);
  if (lengthOf(one) + lengthOf(other) <= room) return `${one}${between}${other}`;
  const [a, b] = [Array.from(one), Array.from(other)];
  const differs = a.findIndex((letter, at) => letter !== b[at]);
  const shared = (differs === -1 ? Math.min(a.length, b.length) : differs) - SHARED;
  const [left, right] = [a, b].map((text) =>
    shared <= 1 ? text.join("") : `…${text.slice(shared).join("")}`,
  ) as [string, string];
  const half = Math.floor(room / 2);
  const most = Math.max(half, room - lengthOf(right));
  const cut = cutTo(left, most);
  return `${cut}${between}${cutTo(right, Math.max(LEAST, room - lengthOf(cut)))}`;
}

/** What is shown of a shared beginning. */
const SHARED = 12;
