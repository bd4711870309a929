import { formatProblem, type Problem } from "../crds/problem.ts";
import {
  countsOf,
  held,
  type ControllerPlan,
  type PlannedChange,
  type RolePlan,
  type WithheldChange,
} from "./plan-data.ts";
import { untilInWords, type DriftView } from "./drift-view.ts";
import { ago, cutTo, sideBySide, wrap } from "./table.ts";
import { printable, type Paint, type Style } from "./terminal.ts";

interface Look {
  readonly width: number | undefined;
  readonly paint: Paint;
}

/** `planned`: what would be done. `done`: what was. */
type Tense = "planned" | "done";

const SIGNS = { create: "+", update: "~", delete: "-" } as const;
const STYLES: Readonly<Record<PlannedChange["type"], Style>> = {
  create: "green",
  update: "yellow",
  delete: "red",
};

/** A plan, or what came of one, for a person. */
export function formatPlan(roles: readonly RolePlan[], tense: Tense, look: Look): string {
  const problems = held(roles);
  const blocks = [
    ...roles.flatMap((role) => role.controllers.map((one) => formatController(role, one, look))),
    ...(problems.length === 0
      ? []
      : [
          formatHeld(
            problems.map((problem) => formatProblem(problem)),
            look,
          ),
        ]),
    formatWarnings(
      roles.flatMap(({ warnings = [] }) => warnings),
      look,
    ),
    `${summaryOf(roles, tense, look.paint)}\n`,
  ];
  return blocks.filter((block) => block !== "").join("\n");
}

function formatController(role: RolePlan, one: ControllerPlan, look: Look): string {
  const { paint } = look;
  const where = role.role === "node" ? `node ${role.name}` : `cluster ${role.name}`;
  const longest = Math.min(48, Math.max(0, ...one.changes.map(({ key }) => key.length)));
  const lines = [
    ...one.changes.flatMap((change) => formatChange(change, longest, look)),
    ...formatWithheld(one, look),
    ...formatKept(one.drift, look),
    ...one.problems.map((problem) => note("red", "!", `${problem.owner}: ${problem.message}`, look)),
  ];
  if (one.waiting !== undefined) lines.push(note("yellow", "…", one.waiting.message, look));
  if (one.error !== undefined) lines.push(note("red", "✗", one.error.message, look));
  if (lines.length === 0) return "";
  return `${paint("bold", one.controller)} ${paint("dim", `(${printable(where)})`)}\n${lines.join("\n")}\n`;
}

function formatChange(change: PlannedChange, longest: number, look: Look): readonly string[] {
  const { type, key, title, ref, drifted, error } = change;
  const { paint, width } = look;
  const facts = [
    title,
    type === "create" && error === undefined && ref !== undefined ? `→ ${ref}` : undefined,
    type === "create" || ref === undefined || isPath(ref) ? undefined : `id ${ref}`,
    drifted === true ? "changed by hand" : undefined,
  ].filter((fact) => fact !== undefined);
  const head = cutTo(
    `  ${SIGNS[type]} ${printable([key.padEnd(longest), ...facts].join("  ").trimEnd())}`,
    width ?? Infinity,
  );
  const lines = [paint(STYLES[type], head)];
  if (error !== undefined) lines.push(note("red", "✗", error.message, look, "    "));
  if (type === "update") lines.push(...change.fields.flatMap((field) => formatField(field, look)));
  return lines;
}

function isPath(ref: string): boolean {
  return ref.startsWith("/");
}

/** Fields that differ, one to a line: found → wanted. */
export function formatFields(fields: readonly PlannedChange["fields"][number][], look: Look): string {
  return fields.flatMap((field) => formatField(field, look)).join("\n");
}

/** A text of several lines is shown by the lines that differ. */
function formatField(
  { path, wanted, found }: PlannedChange["fields"][number],
  { paint, width }: Look,
): readonly string[] {
  const most = width ?? Infinity;
  if (typeof wanted === "string" && typeof found === "string" && /\n/.test(wanted + found)) {
    const lines = changedLines(found.split("\n"), wanted.split("\n"));
    return [
      `      ${paint("dim", `${path}:`)}`,
      ...lines.map(([sign, line]) =>
        paint(sign === "+" ? "green" : "red", cutTo(`        ${sign} ${printable(line)}`, most)),
      ),
    ];
  }
  if (isTexts(wanted) && isTexts(found)) {
    const parts = changedLines(found, wanted).map(([sign, text]) =>
      paint(sign === "+" ? "green" : "red", `${sign} ${printable(text)}`),
    );
    return [`      ${paint("dim", `${path}:`)} ${parts.join("  ")}`];
  }
  return [
    `      ${paint("dim", `${path}:`)} ${sideBySide(shown(found), " → ", shown(wanted), Math.max(20, most - path.length - 8))}`,
  ];
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function shown(value: unknown): string {
  return value === undefined ? "(none)" : printable(JSON.stringify(value));
}

/** The lines that were taken out and put in, in order: what is left of both after their longest common part. */
export function changedLines(
  before: readonly string[],
  after: readonly string[],
): readonly (readonly ["+" | "-", string])[] {
  const common: number[][] = Array.from({ length: before.length + 1 }, () =>
    Array<number>(after.length + 1).fill(0),
  );
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i]![j] =
        before[i] === after[j]
          ? common[i + 1]![j + 1]! + 1
          : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const changed: ["+" | "-", string][] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      i++;
      j++;
    } else if (j >= after.length || (i < before.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      changed.push(["-", before[i++]!]);
    } else changed.push(["+", after[j++]!]);
  }
  return changed;
}

/** What is kept back for one reason is told together: a brake on a thousand deletes is one thing to say. */
function formatWithheld(
  { withheld, drift }: Pick<ControllerPlan, "withheld" | "drift">,
  look: Look,
): readonly string[] {
  const edited = new Set(drift.map(({ key }) => key));
  const byReason = new Map<string, WithheldChange[]>();
  for (const one of withheld) {
    const name = `${one.reason}\0${one.message}`;
    byReason.set(name, [...(byReason.get(name) ?? []), one]);
  }
  return [...byReason.values()].flatMap((group) => {
    const { reason, message } = group[0]!;
    const names = group.slice(0, MOST_NAMES).map(({ type, key }) => `${SIGNS[type]} ${key}`);
    if (group.length > MOST_NAMES) names.push(`and ${group.length - MOST_NAMES} more`);
    return [
      note(reason === "BrakeEngaged" ? "red" : "yellow", "kept back:", `${reason}: ${message}`, look),
      look.paint("dim", wrap(names.join(", "), look.width, "      ")),
      // What people changed is told by itself, with when and by whom.
      ...group
        .filter(({ key }) => reason === "Frozen" && !edited.has(key))
        .slice(0, MOST_NAMES)
        .flatMap(({ fields }) => fields.flatMap((field) => formatField(field, look))),
    ];
  });
}

const MOST_NAMES = 12;

/** What people changed and what stays so for now, field by field. */
function formatKept(drift: readonly DriftView[], look: Look): readonly string[] {
  const { paint, width } = look;
  const now = Date.now();
  return drift
    .filter(({ until, path }) => until !== undefined && path !== "")
    .flatMap((field) => {
      const { key, path, wanted, found, since, by } = field;
      const facts = [
        `changed by hand ${ago(now - Date.parse(since))} ago`,
        ...(by === undefined ? [] : [`by ${by}`]),
        untilInWords(field, now),
      ];
      const name = `      ${printable(key)}: ${path}:`;
      const room = Math.max(40, (width ?? Infinity) - name.length - 1);
      return [
        `${paint("dim", name)} ${sideBySide(shown(found), ", wished: ", shown(wanted), room)}`,
        paint("dim", wrap(facts.join(", "), width, "        ")),
      ];
    });
}

function formatHeld(problems: readonly string[], look: Look): string {
  return `${look.paint("bold", "Wishes that cannot be used")} ${look.paint("dim", "(what stands there stays)")}\n${problems
    .map((problem) => note("red", "!", problem, look))
    .join("\n")}\n`;
}

function formatWarnings(warnings: readonly Problem[], look: Look): string {
  if (warnings.length === 0) return "";
  const lines = warnings.map((warning) => note("yellow", "!", formatProblem(warning), look));
  return `${look.paint("bold", "Likely not meant")} ${look.paint("dim", "(nothing is held for it)")}\n${lines.join("\n")}\n`;
}

function note(style: Style, sign: string, text: string, { width, paint }: Look, indent = "  "): string {
  const wrapped = wrap(text, width, `${indent}${" ".repeat(sign.length + 1)}`);
  return `${indent}${paint(style, sign)} ${wrapped.trimStart()}`;
}

function summaryOf(roles: readonly RolePlan[], tense: Tense, paint: Paint): string {
  const counts = countsOf(roles);
  const verbs =
    tense === "planned"
      ? (["to create", "to update", "to delete"] as const)
      : (["created", "updated", "deleted"] as const);
  const parts = [
    [counts.create, verbs[0], "green"],
    [counts.update, verbs[1], "yellow"],
    [counts.delete, verbs[2], "red"],
    [counts.withheld, "kept back", "yellow"],
    [counts.problems, counts.problems === 1 ? "problem" : "problems", "red"],
    [counts.waiting, "waiting", "yellow"],
    [counts.failed, "failed", "red"],
  ] as const;
  const said = parts.flatMap(([count, word, style]) =>
    count === 0 ? [] : [paint(style, `${count} ${word}`)],
  );
  const asWished = `${counts.unchanged} as wished`;
  if (said.length > 0) return `${said.join(", ")}; ${asWished}.`;
  return tense === "planned" ? `Nothing to do: ${asWished}.` : `Nothing was to do: ${asWished}.`;
}
