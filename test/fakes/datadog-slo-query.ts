import { fieldsOf, type Fields } from "./datadog-api.ts";

/** A metric's query, a number, an operator or a bracket. */
const TOKEN =
  /\s*((?:[a-z]\w*:)?[A-Za-z][\w.]*\{[^}]*\}(?:\s*by\s*\{[^}]*\})?(?:\.\w+\([^)]*\))*|\d+(?:\.\d+)?|[-+*/()])/y;

/** What Datadog makes of the two queries of a metric SLO: named queries and formulas over them. */
export function specificationOf(query: Fields): Fields | undefined {
  const queries: { data_source: "metrics"; name: string; query: string }[] = [];
  const nameOf = (text: string) => {
    const known = queries.find((one) => one.query === text);
    if (known !== undefined) return known.name;
    const name = `query${queries.length + 1}`;
    queries.push({ data_source: "metrics", name, query: text });
    return name;
  };
  const good = formulaOf(query["numerator"], nameOf);
  const total = formulaOf(query["denominator"], nameOf);
  if (good === undefined || total === undefined) return undefined;
  return {
    count: { queries, good_events_formula: { formula: good }, total_events_formula: { formula: total } },
  };
}

/** The other way round: the formulas with their queries written out. */
export function queryOf(count: Fields): Fields {
  const queries = Array.isArray(count["queries"]) ? count["queries"].map(fieldsOf) : [];
  const byName = new Map(queries.map(({ name, query }) => [String(name), String(query)]));
  const written = (formula: unknown) => {
    const text = fieldsOf(formula)["formula"];
    if (typeof text !== "string") return "";
    return text.replaceAll(/[A-Za-z_]\w*/g, (name) => byName.get(name) ?? name);
  };
  const good = written(count["good_events_formula"]);
  const total = count["total_events_formula"];
  const denominator =
    total === undefined ? `(${good}) + (${written(count["bad_events_formula"])})` : written(total);
  return { numerator: good, denominator };
}

/** The expression with every query replaced by its name, and brackets around every operation. */
function formulaOf(expression: unknown, nameOf: (query: string) => string): string | undefined {
  const tokens = tokensOf(String(expression));
  let next = 0;
  const operand = (): string | undefined => {
    const token = tokens?.[next++];
    if (token === undefined || /^[)+*/]$/.test(token)) return undefined;
    if (token === "-") {
      const inner = operand();
      return inner === undefined ? undefined : `-${inner}`;
    }
    if (token !== "(") return /^\d/.test(token) ? token : nameOf(token);
    const inner = chain(["+", "-"], () => chain(["*", "/"], operand));
    return tokens?.[next++] === ")" ? inner : undefined;
  };
  const chain = (operators: readonly string[], part: () => string | undefined): string | undefined => {
    let left = part();
    while (left !== undefined && operators.includes(tokens?.[next] ?? "")) {
      const operator = tokens?.[next++];
      const right = part();
      left = right === undefined ? undefined : `(${left} ${operator} ${right})`;
    }
    return left;
  };
  const formula = chain(["+", "-"], () => chain(["*", "/"], operand));
  return tokens !== undefined && next === tokens.length ? formula : undefined;
}

function tokensOf(expression: string): readonly string[] | undefined {
  const text = expression.trim();
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) return undefined;
    tokens.push(token);
  }
  return tokens;
}
