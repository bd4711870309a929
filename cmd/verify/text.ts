import { wrap } from "../table.ts";
import { printable, type Paint, type Style } from "../terminal.ts";
import { counted, STEPS, type Step, type StepName, type StepState } from "./step.ts";

interface Look {
  readonly width: number | undefined;
  readonly paint: Paint;
  /** True to show the details of what is well, too. */
  readonly isWide: boolean;
}

const SIGNS = {
  well: ["✓", "green"],
  broken: ["✗", "red"],
  unknown: ["?", "yellow"],
  none: ["–", "dim"],
} as const satisfies Record<StepState, readonly [string, Style]>;

const LABELS: Readonly<Record<StepName, string>> = {
  registered: "registered",
  wished: "asked for",
  accepted: "accepted",
  file: "file",
  endpoint: "endpoint",
  receivers: "receivers",
  agent: "Agent",
  data: "data",
  controller: "controller",
  monitors: "monitors",
  objects: "the rest",
};
const LABEL_WIDTH = 10;
const INDENT = " ".repeat(4 + LABEL_WIDTH + 2);
/** On a narrower terminal texts stand below their labels. */
const NARROW = 60;

/** The whole way for a person: what is broken first says what to do. */
export function formatWalk(service: string, steps: readonly Step[], look: Look): string {
  const first = firstBreak(steps);
  const lines = steps.map((step) => formatStep(step, look, step === first));
  const [words, style] = verdict(steps);
  const head = wrap(`${service}: ${words}`, look.width, "").replaceAll("\n", "\n    ");
  const name = printable(service);
  return `${look.paint("bold", name)}${look.paint(style, head.slice(name.length))}\n\n${lines.join("")}`;
}

/** One step, its details below it. */
export function formatStep(
  { step, state, message, details = [], action }: Step,
  { width, paint, isWide }: Look,
  isFirst: boolean,
): string {
  const [sign, style] = SIGNS[state];
  const isNarrow = width !== undefined && width < NARROW;
  const indent = isNarrow ? "    " : INDENT;
  const label = LABELS[step].padEnd(LABEL_WIDTH);
  const dim = (text: string): string => (state === "none" ? paint("dim", text) : text);
  const text = wrap(message, width, indent);
  const head = isNarrow
    ? `  ${paint(style, sign)} ${dim(label.trimEnd())}\n${dim(text)}\n`
    : `  ${paint(style, sign)} ${dim(label)}  ${dim(text.trimStart())}\n`;
  const isShown = isWide || state !== "well";
  const more = isShown
    ? details.map(
        (detail) =>
          `${paint("dim", wrap(detail, width, `${indent}· `).replaceAll(`\n${indent}· `, `\n${indent}  `))}\n`,
      )
    : [];
  const isHelpful = action !== undefined && (isFirst || state === "unknown");
  const help = isHelpful
    ? `${paint("cyan", `${indent}→ ${wrap(action, width, `${indent}  `).trimStart()}`)}\n`
    : "";
  return head + more.join("") + help;
}

function verdict(steps: readonly Step[]): readonly [words: string, style: Style] {
  const first = firstBreak(steps);
  const unknown = steps.filter(({ state }) => state === "unknown").length;
  const rest = unknown === 0 ? "" : `; ${counted(unknown, "step")} not known`;
  if (first !== undefined) return [`breaks at: ${STEPS[first.step]}${rest}`, "red"];
  return unknown > 0
    ? [`nothing is broken, but ${counted(unknown, "step")} could not be looked at`, "yellow"]
    : ["all is well, from Consul to Datadog", "green"];
}

export function firstBreak(steps: readonly Step[]): Step | undefined {
  return steps.find(({ state }) => state === "broken");
}
