/** One measured figure and what it must reach. */
export interface Row {
  readonly figure: string;
  readonly services: number | undefined;
  readonly measured: number;
  readonly unit: string;
  /** What the floor script came to in the same run. */
  readonly floor?: number;
  /** The most that is good enough, in the same unit. Absent for what is only told. */
  readonly bar?: number;
  /** Where the bar comes from: `1.5 × floor`. */
  readonly barText?: string;
  readonly note?: string;
}

export interface Skipped {
  readonly figure: string;
  readonly skipped: string;
}

/** Makes a row whose bar is a multiple of the floor. */
export function againstFloor(
  row: Pick<Row, "figure" | "services" | "unit" | "note">,
  measured: number,
  floor: number,
  times: number,
): Row {
  return { ...row, measured, floor, bar: floor * times, barText: `${times} × floor` };
}

export type Verdict = "met" | "missed" | "";

export function verdictOf({ measured, bar }: Row): Verdict {
  if (bar === undefined) return "";
  return measured <= bar ? "met" : "missed";
}

/** A Markdown table, so that it can be pasted as it is. */
export function renderRows(rows: readonly Row[]): string {
  const head = ["figure", "services", "measured", "floor", "ratio", "bar", "verdict", "note"];
  const cells = rows.map((row) => [
    row.figure,
    row.services?.toLocaleString("en-US") ?? "",
    `${inWords(row.measured)} ${row.unit}`.trim(),
    row.floor === undefined ? "" : inWords(row.floor),
    row.floor === undefined ? "" : (row.measured / row.floor).toFixed(2),
    row.bar === undefined ? "" : `≤ ${row.barText ?? inWords(row.bar)}`,
    verdictOf(row),
    row.note ?? "",
  ]);
  const widths = head.map((_, at) => Math.max(...[head, ...cells].map((line) => line[at]!.length)));
  const line = (parts: readonly string[]): string =>
    `| ${parts.map((part, at) => part.padEnd(widths[at]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

function inWords(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Math.round(value * 100) / 100);
}

/** The value below which the given share of the values lies. NaN if there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
