import { isObject, text, type Json } from "../controllers/monitors/canonical.ts";

/** One thing that a widget asks for. */
export interface QueryLine {
  /** As it is sent. */
  readonly full: string;
  /** What sets it apart, without what a viewer chooses: `sum ray.tasks by state`. The same if there is nothing to leave out. */
  readonly short: string;
}

/** Fields that say what a widget shows. */
const TELLING = new Set([
  "q",
  "query",
  "query_string",
  "check",
  "alert_id",
  "slo_id",
  "content",
  "text",
  "url",
  "service",
  "tags",
]);

/** What a widget asks for, one line each: formulas first, then the queries that they name. */
export function queriesOf(definition: Json): readonly QueryLine[] {
  return [...new Set(linesOf(definition, false))].map((full) => ({ full, short: shortened(full) }));
}

/** Tags by which the widget's first queries tell series apart. */
export function groupsOf(definition: Json): readonly string[] {
  const groups = [...linesOf(definition, false)].flatMap((line) =>
    [...line.matchAll(/\} by \{([^{}]*)\}/g)].flatMap((match) => (match[1] ?? "").split(",")),
  );
  return [...new Set(groups.map((group) => group.trim()).filter((group) => group !== ""))];
}

/** @param isNamed True if a formula names the queries, so that their names are told. */
function* linesOf(value: unknown, isNamed: boolean): Generator<string> {
  if (Array.isArray(value)) for (const inner of value) yield* linesOf(inner, isNamed);
  if (!isObject(value)) return;
  const formulas = formulasOf(value);
  for (const formula of formulas) yield `= ${formula}`;
  for (const [field, inner] of Object.entries(value)) {
    if (field === "widgets" || field === "formulas") continue;
    const told = TELLING.has(field) ? tellingText(inner) : undefined;
    if (told === undefined) yield* linesOf(inner, isNamed || formulas.length > 0);
    else if (told !== "") yield isNamed && field === "query" ? `${text(value["name"])}: ${told}` : told;
  }
}

/** Formulas that do more than show a query as it is. */
function formulasOf({ queries, formulas }: Json): readonly string[] {
  if (!Array.isArray(queries) || !Array.isArray(formulas)) return [];
  const names = new Set(queries.map((query: unknown) => (isObject(query) ? query["name"] : undefined)));
  return formulas
    .map((one: unknown) => (isObject(one) ? text(one["formula"]) : ""))
    .filter((formula) => formula !== "" && !names.has(formula));
}

function tellingText(value: unknown): string | undefined {
  if (typeof value === "string" || typeof value === "number") return String(value).trim();
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.join(", ");
  return undefined;
}

/** `sum:ray.tasks{$env,state:failed} by {node}.as_count()` */
const METRIC = /\b([a-z]\w*):([A-Za-z][\w.]*)\{([^{}]*)\}(?: by \{([^{}]*)\})?(?:\.as_(?:count|rate)\(\))?/g;

function shortened(line: string): string {
  return line.replaceAll(
    METRIC,
    (_all, aggregator: string, metric: string, scope: string, by: string | undefined) => {
      const filters = scope
        .split(",")
        .map((tag) => tag.trim())
        .filter((tag) => tag !== "*" && tag !== "" && !/^\$[a-z]\w*$/.test(tag));
      return [
        `${aggregator} ${metric}`,
        ...(filters.length > 0 ? [`where ${filters.join(", ")}`] : []),
        ...(by === undefined ? [] : [`by ${by.split(",").join(", ")}`]),
      ].join(" ");
    },
  );
}
