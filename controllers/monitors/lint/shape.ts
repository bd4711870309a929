import { nearest } from "../../../crds/suggest.ts";
import { isObject, type Json } from "../canonical.ts";
import type { Change, Draft, Refusal, Repair } from "./alert.ts";
import { FIELD_NAMES, OPTION_NAMES, SET_BY_SERVER, SHORTHAND, snakeCase, THRESHOLD_NAMES } from "./fields.ts";
import { shorthandQuery } from "./shorthand.ts";

/** A draft with nothing in it. */
export const EMPTY: Draft = {
  name: undefined,
  type: undefined,
  query: "",
  message: undefined,
  priority: undefined,
  tags: [],
  notify: [],
  env: undefined,
  team: undefined,
  options: {},
};

/**
 * Brings an alert into the shape of Datadog's API, whatever it came in: the API's own, Terraform's flat
 * options, a document's camel case, or a metric with operator and threshold. Says what it left out.
 */
export function shapeOf(raw: Json): Change {
  const repairs: Repair[] = [];
  const refusals: Refusal[] = [];
  const fields = new Map<string, unknown>();
  const options: Record<string, unknown> = {};
  const thresholds: Record<string, unknown> = {};
  const shorthand: Record<string, unknown> = {};

  for (const [given, value] of Object.entries(raw)) {
    if (value === null || value === undefined) continue;
    const place = placeOf(given);
    if (place === undefined) repairs.push(unknownField(given, value));
    else if (place.kind === "field" && place.name === "options" && isObject(value))
      collectOptions(value, options, repairs, refusals);
    else if (place.kind === "field" && fields.has(place.name)) {
      const why = `a monitor has one ${place.name}, and that is said already; it is left out`;
      repairs.push({ path: given, from: show(value), why });
    } else if (place.kind === "field") fields.set(place.name, value);
    else if (place.kind === "option") options[place.name] = value;
    else if (place.kind === "threshold") thresholds[place.name] = value;
    else if (place.kind === "thresholds") Object.assign(thresholds, onlyOne(value));
    else if (place.kind === "shorthand") shorthand[place.name] = value;
  }
  if ("expr" in raw)
    refusals.push({
      reason: "OtherLanguage",
      path: "expr",
      message: "the alert is written in PromQL, which Datadog does not read",
      advice: "write it as a query of Datadog: avg(last_5m):avg:my.metric{*} > 1",
    });

  const limits = { ...onlyOne(options["thresholds"]), ...thresholds };
  if (Object.keys(limits).length > 0) options["thresholds"] = numbersIn(limits, repairs);
  else delete options["thresholds"];

  const draft = {
    ...EMPTY,
    name: textOf(fields.get("name")),
    type: textOf(fields.get("type")),
    query: textOf(fields.get("query")) ?? "",
    message: textOf(fields.get("message")),
    ...priorityOf(fields.get("priority"), repairs, refusals),
    tags: textsOf(fields.get("tags")),
    notify: textsOf(fields.get("notify")),
    env: textOf(fields.get("env")),
    team: textOf(fields.get("team")),
    options,
  };
  if (draft.query !== "" || refusals.some(({ reason }) => reason === "OtherLanguage"))
    return { set: draft, repairs, refusals };
  const built = shorthandQuery(shorthand, options);
  return {
    set: { ...draft, ...built.set },
    repairs: [...repairs, ...(built.repairs ?? [])],
    refusals: [...refusals, ...(built.refusals ?? [])],
  };
}

interface Place {
  readonly kind: "field" | "option" | "threshold" | "thresholds" | "shorthand" | "ignored";
  readonly name: string;
}

function placeOf(given: string): Place | undefined {
  const name = snakeCase(given);
  const field = Object.entries(FIELD_NAMES).find(([, names]) => names.includes(name))?.[0];
  if (field !== undefined) return { kind: "field", name: field };
  if (name === "monitor_thresholds" || name === "thresholds") return { kind: "thresholds", name };
  if (name === "monitor_threshold_windows") return { kind: "option", name: "threshold_windows" };
  if (THRESHOLD_NAMES.includes(name)) return { kind: "threshold", name };
  if (OPTION_NAMES.has(name)) return { kind: "option", name };
  if (SHORTHAND.includes(name)) return { kind: "shorthand", name };
  return SET_BY_SERVER.has(name) || name === "expr" ? { kind: "ignored", name } : undefined;
}

function unknownField(given: string, value: unknown): Repair {
  const known = [...Object.values(FIELD_NAMES).flat(), ...OPTION_NAMES, ...SHORTHAND];
  const near = nearest(snakeCase(given), known);
  const hint = near === undefined ? "" : `; if ${near} is meant, write that`;
  return { path: given, from: show(value), why: `a monitor has no field ${given}; it is left out${hint}` };
}

function collectOptions(
  given: Json,
  options: Record<string, unknown>,
  repairs: Repair[],
  refusals: Refusal[],
): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue;
    const path = `options.${name}`;
    const known = OPTION_NAMES.has(snakeCase(name)) ? snakeCase(name) : undefined;
    const near = known ?? nearest(snakeCase(name), OPTION_NAMES);
    if (near === undefined) {
      refusals.push({
        reason: "UnknownOption",
        path,
        message: `Datadog has no monitor option ${name}`,
        advice: "remove it; Datadog refuses a monitor with an option that it doesn't know",
      });
      continue;
    }
    if (known === undefined && near in given) {
      repairs.push({
        path,
        from: show(value),
        why: `Datadog has no monitor option ${name}, and ${near} is there`,
      });
      continue;
    }
    if (near !== name) {
      const why = `Datadog has no monitor option ${name}; the nearest is ${near}`;
      repairs.push({ path, from: name, to: near, why });
    }
    options[near] = value;
  }
}

/** Terraform writes a block as a list of one. */
function onlyOne(value: unknown): Json {
  const one: unknown = Array.isArray(value) ? value[0] : value;
  return isObject(one) ? one : {};
}

/** Limits as numbers; nulls and empty texts are absent. */
function numbersIn(limits: Json, repairs: Repair[]): Json {
  const numbers: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(limits)) {
    if (value === null || value === undefined || value === "") continue;
    const number = typeof value === "string" ? Number(value.trim()) : Number.NaN;
    const isNumber = Number.isFinite(number);
    if (isNumber)
      repairs.push({
        path: `options.thresholds.${name}`,
        from: JSON.stringify(value),
        to: String(number),
        why: "a threshold is a number, not a text",
      });
    numbers[name] = isNumber ? number : value;
  }
  return numbers;
}

function priorityOf(
  value: unknown,
  repairs: Repair[],
  refusals: Refusal[],
): { readonly priority: number | undefined } {
  // Datadog stores 0 as no priority.
  if (value === undefined || value === 0 || value === "") return { priority: undefined };
  const number = Number(/^p?([1-5])$/i.exec(textOf(value)?.trim() ?? "")?.[1] ?? Number.NaN);
  if (Number.isNaN(number)) {
    refusals.push({
      reason: "InvalidPriority",
      path: "priority",
      message: `${show(value)} is no priority`,
      advice: "write a number from 1 (highest) to 5",
    });
    return { priority: undefined };
  }
  if (number !== value)
    repairs.push({
      path: "priority",
      from: show(value),
      to: String(number),
      why: "a priority is a number from 1 (highest) to 5",
    });
  return { priority: number };
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

function textsOf(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.flatMap((one) => textOf(one) ?? []);
}

/** A value on one line. */
export function show(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
}
