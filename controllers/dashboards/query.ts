import type { Problem } from "../../crds/problem.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { isObject, text, type Json } from "../monitors/canonical.ts";
import { splitComparison } from "../monitors/comparison.ts";
import { checkBalance, checkMetricExpression } from "../monitors/query.ts";

/** A problem of one dashboard; the caller knows whose it is and where it stands. `path` is inside the definition. */
export type DashboardProblem = Omit<Problem, "owner" | "at">;

/**
 * Checks the metric queries and formulas of one widget. Datadog doesn't: it stores a broken
 * query, and the widget stays empty. Queries of other data are left to Datadog.
 *
 * @param definition Of a widget. Widgets within it are not looked at.
 * @param path Of the definition, such as `widgets.3.definition`.
 * @param subject How messages call the widget.
 */
export function checkQueries(
  definition: Json,
  { path, subject }: { readonly path: string; readonly subject: string },
): readonly DashboardProblem[] {
  return [...partsOf(definition, path)].flatMap(({ part, at }) => [
    ...metricQueries(part).flatMap(({ field, query }) =>
      checkQuery(query).map((message) => ({
        reason: "InvalidQuery",
        path: `${at}.${field}`,
        message: `${subject}: ${message}`,
      })),
    ),
    ...checkFormulas(part, at).map((found) => ({ ...found, message: `${subject}: ${found.message}` })),
  ]);
}

interface Part {
  readonly part: Json;
  readonly at: string;
}

/** Every object of a definition. What stands under `events` is a search among events, not a metric. */
function* partsOf(value: unknown, at: string): Generator<Part> {
  if (Array.isArray(value)) {
    for (const [index, inner] of value.entries()) yield* partsOf(inner, `${at}.${index}`);
  } else if (isObject(value)) {
    yield { part: value, at };
    for (const [name, inner] of Object.entries(value)) {
      if (name !== "events" && name !== "widgets") yield* partsOf(inner, `${at}.${name}`);
    }
  }
}

function metricQueries(part: Json): readonly { readonly field: string; readonly query: string }[] {
  const field = part["data_source"] === "metrics" ? "query" : "q";
  const query = part[field];
  return typeof query === "string" ? [{ field, query }] : [];
}

/** `$env`, `$env.value`: a template variable, which may stand for any scope. */
const TEMPLATE_VARIABLE = /\$[A-Za-z_][A-Za-z0-9_-]*(?:\.(?:key|value))?/g;
const TIME_AGGREGATOR = /^[a-z_]+\s*\(\s*(?:last|next|current)_\d+[a-z]+\s*\)\s*:/;

function checkQuery(query: string): readonly string[] {
  if (query.trim() === "") return ["The query is empty"];
  const overTime = TIME_AGGREGATOR.exec(query.trim());
  if (overTime !== null)
    return [`A dashboard's query sums up no time; leave "${overTime[0]}" out, it is for monitors`];
  const comparison = splitComparison(query);
  if (comparison !== undefined) {
    const { left, operator } = comparison;
    return [`A dashboard's query compares nothing; end it after "${left}", "${operator}" is for monitors`];
  }
  // A distribution's own points are asked for like a sum over space.
  const plain = query.replaceAll(TEMPLATE_VARIABLE, "0").replace(/^\s*histogram\s*:/, "avg:");
  const unbalanced = checkBalance(plain);
  if (unbalanced !== undefined) return [unbalanced.message];
  const wrong = checkMetricExpression(plain).map((problem) => problem.message);
  if (wrong.length > 0) return wrong;
  return /[A-Za-z_][\w.]*\s*\{/.test(plain) ? [] : ["The query names no metric; write avg:system.load.1{*}"];
}

/** A formula may name only the queries beside it. Where one of them has no name, nobody can tell. */
function checkFormulas(request: Json, at: string): readonly DashboardProblem[] {
  const { formulas, queries } = request;
  if (!Array.isArray(formulas) || !Array.isArray(queries)) return [];
  const names = queries.map((query: unknown) => (isObject(query) ? text(query["name"]) : ""));
  return formulas.flatMap((one: unknown, index) => {
    const formula = isObject(one) ? text(one["formula"]).trim() : "";
    const path = `${at}.formulas.${index}.formula`;
    if (formula === "") return [{ reason: "InvalidQuery", path, message: "The formula is empty" }];
    if (names.includes("")) return [];
    return [...new Set(namesIn(formula))]
      .filter((name) => !names.includes(name))
      .map((name) => ({
        reason: "InvalidQuery",
        path,
        message: `The formula "${formula}" names ${name}, which is no query beside it${didYouMean(name, names)}`,
      }));
  });
}

/** Names in a formula; not its functions, their named arguments, its texts and its numbers. */
function namesIn(formula: string): readonly string[] {
  const plain = formula.replaceAll(/'[^']*'|"[^"]*"/g, "0");
  const words = plain.matchAll(/(?<![\w.])[A-Za-z_]\w*(?!\w)(?!\s*[(=])/g);
  return [...words]
    .filter((word) => !/=\s*$/.test(plain.slice(0, word.index)))
    .map(([name]) => name)
    .filter((name) => name !== "true" && name !== "false");
}
