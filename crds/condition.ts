import { z } from "zod";

// The schemas for editors have it as well, and not every language knows groups with names.
const CONDITION = /^(?:(!)?([a-z][A-Za-z0-9]*)|([a-z][A-Za-z0-9]*)(!?=)([^\s=]\S*))$/;

/** One condition over an option of a pack: `name`, `!name`, `name=value` or `name!=value`. */
const condition = z.string().max(200).regex(CONDITION, {
  error: "must be a condition over an option: name, !name, name=value or name!=value",
});

/** `needs`: one condition, or several that must all hold. */
export const needs = z.union([condition, z.array(condition).min(1).max(10)]).meta({
  description:
    "What must hold of the pack's options, or else this is left out: name (set and not false), !name, name=value, name!=value, or a list of those.",
});
export type Needs = string | readonly string[];

/** A condition, taken apart. */
export interface Condition {
  readonly option: string;
  /** What the option is held against. Absent if it must only be set and not false. */
  readonly value?: string;
  readonly isNegated: boolean;
}

/**
 * @param text As the schema lets it through.
 * @throws {Error} for any other text: a mistake of a caller that skipped the schema.
 */
export function readCondition(text: string): Condition {
  const [, not, lone, name, sign, value] = CONDITION.exec(text) ?? [];
  if (lone !== undefined) return { option: lone, isNegated: not !== undefined };
  if (name === undefined || value === undefined) throw new Error(`${JSON.stringify(text)} is no condition`);
  return { option: name, value, isNegated: sign === "!=" };
}

/** The conditions of a `needs`, each of which must hold. None if there is no `needs`. */
export function conditionsOf(wanted: Needs | undefined): readonly Condition[] {
  return [wanted ?? []].flat().map(readCondition);
}

/** Options by name: what a wish says, else the pack's default. Undefined is the same as absent. */
export type OptionValues = Readonly<Record<string, unknown>>;

/** True if all conditions hold. Of an option that is a list, `name=value` asks whether the list has the value. */
export function holds(wanted: Needs | undefined, options: OptionValues): boolean {
  return [wanted ?? []].flat().every((text) => isTrue(readCondition(text), options));
}

/** Those of the conditions that don't hold. */
export function unmet(wanted: Needs | undefined, options: OptionValues): readonly string[] {
  return [wanted ?? []].flat().filter((text) => !isTrue(readCondition(text), options));
}

function isTrue({ option, value, isNegated }: Condition, options: OptionValues): boolean {
  const actual = Object.hasOwn(options, option) ? options[option] : undefined;
  return isNegated !== (value === undefined ? isOn(actual) : isValue(actual, value));
}

function isOn(actual: unknown): boolean {
  return actual !== undefined && actual !== null && actual !== false;
}

function isValue(actual: unknown, value: string): boolean {
  return [actual].flat().some((one) => isScalar(one) && String(one) === value);
}

function isScalar(one: unknown): one is string | number | boolean {
  return typeof one === "string" || typeof one === "number" || typeof one === "boolean";
}

/** Keeps of some entries those whose conditions hold. */
export function thoseThatHold<Entry extends { readonly needs?: Needs | undefined }>(
  entries: readonly Entry[],
  options: OptionValues,
): readonly Entry[] {
  return entries.filter((entry) => holds(entry.needs, options));
}

/**
 * For people: what to write into a document so that all conditions hold, such as `agent.catalogChecks: true`.
 *
 * @param options Those of the pack: a switch is told from what has a value by its type.
 */
export function conditionsInWords(
  wanted: Needs | undefined,
  options: Readonly<Record<string, { readonly type: string; readonly wish?: string | undefined }>>,
): readonly string[] {
  return conditionsOf(wanted).map(({ option, value, isNegated }) => {
    const given = options[option]?.wish;
    if (given !== undefined) return isNegated ? `no ${given}` : given;
    const field = `agent.${option}`;
    if (value !== undefined) return isNegated ? `${field} other than ${value}` : `${field}: ${value}`;
    if (options[option]?.type === "boolean") return `${field}: ${!isNegated}`;
    return isNegated ? `no ${field}` : field;
  });
}
