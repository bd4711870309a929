import type { Repair } from "../../controllers/monitors/lint/alert.ts";
import type { Verdict } from "../../controllers/monitors/lint/lint.ts";
import { wrap } from "../table.ts";
import { printable, type Style, type Terminal } from "../terminal.ts";

/** What was found in one file. */
export interface LintedFile {
  readonly file: string;
  readonly verdicts: readonly Verdict[];
}

const STYLES: Readonly<Record<Verdict["state"], Style>> = { ok: "green", repaired: "yellow", refused: "red" };

/** The verdicts for people: each alert with its place, what was put right, and what can't be. */
export function formatLinted(files: readonly LintedFile[], look: Pick<Terminal, "paint" | "width">): string {
  const alerts = files.flatMap(({ file, verdicts }) =>
    verdicts.map((verdict) => formatVerdict(file, verdict, look)),
  );
  const count = (state: Verdict["state"]): number =>
    files.flatMap(({ verdicts }) => verdicts).filter((verdict) => verdict.state === state).length;
  const sums = (["ok", "repaired", "refused"] as const).map((state) =>
    count(state) === 0 ? `0 ${state}` : look.paint(STYLES[state], `${count(state)} ${state}`),
  );
  return `${alerts.join("")}${sums.join(", ")}\n`;
}

function formatVerdict(
  file: string,
  { state, name, at, repairs, refusals, notes }: Verdict,
  { paint, width }: Pick<Terminal, "paint" | "width">,
): string {
  const place = at === undefined ? file : `${file}:${at.line}`;
  const lines = [
    `${paint(STYLES[state], state.padEnd(8))}  ${paint("bold", printable(name))}  ${paint("dim", place)}`,
  ];
  for (const { path, from, to, whys } of byPath(repairs)) {
    if (from !== undefined) lines.push(paint("red", `  - ${path}: ${onOneLine(from)}`));
    if (to !== undefined) lines.push(paint("green", `  + ${path}: ${onOneLine(to)}`));
    for (const why of whys) lines.push(paint("dim", wrap(why, width, "    ")));
  }
  for (const { path, message, advice } of refusals)
    lines.push(paint("red", wrap(`${path}: ${message}`, width, "  ")), wrap(`→ ${advice}`, width, "    "));
  for (const note of notes) lines.push(paint("yellow", wrap(`note: ${note}`, width, "  ")));
  return `${lines.join("\n")}\n`;
}

interface Step {
  readonly path: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly whys: readonly string[];
}

/** Several repairs of one text are one change, from the first to the last, with all the reasons. */
function byPath(repairs: readonly Repair[]): readonly Step[] {
  const steps: Step[] = [];
  for (const { path, from, to, why } of repairs) {
    const index = steps.findIndex((step) => step.path === path && step.to !== undefined && step.to === from);
    const before = steps[index];
    if (before === undefined) steps.push({ path, from, to, whys: [why] });
    else steps[index] = { ...before, to, whys: [...before.whys, why] };
  }
  return steps;
}

function onOneLine(text: string): string {
  return printable(text).replaceAll("\n", "↵");
}
