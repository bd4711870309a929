import { MONITOR_TYPES } from "../../crds/monitor.ts";
import { isObject, type Json } from "./canonical.ts";
import { problem, splitComparison, type MonitorProblem } from "./comparison.ts";
import { checkThresholdOrder } from "./thresholds.ts";

/**
 * Finds what Datadog would refuse, without asking it: no call is spent, and the message says
 * what to do. It holds only rules that Datadog was seen to apply; the grammar of functions
 * and scopes is left to Datadog's own answer.
 *
 * @param monitor With the API's names: `type`, `query`, `options`.
 */
export function checkMonitor(monitor: Json): readonly MonitorProblem[] {
  const type = typeof monitor["type"] === "string" ? monitor["type"] : "";
  const query = typeof monitor["query"] === "string" ? monitor["query"].trim() : "";
  const options = isObject(monitor["options"]) ? monitor["options"] : {};

  const wrongType = checkType(type);
  if (wrongType !== undefined) return [wrongType];
  if (query === "") return [problem("MissingQuery", "query", "The monitor has no query")];
  const unbalanced = checkBalance(query);
  if (unbalanced !== undefined) return [unbalanced];

  if (type === "composite") return checkComposite(query);
  if (type === "service check") return checkServiceCheck(query, options);
  const comparison = splitComparison(query);
  if (comparison === undefined) return [missingComparison(query)];
  const isMetric = (type === "metric alert" || type === "query alert") && !/^formula\s*\(/.test(query);
  return [
    ...(isMetric ? checkMetricQuery(comparison.left) : []),
    ...checkThresholdOrder(comparison, options),
  ];
}

function invalid(message: string): MonitorProblem {
  return problem("InvalidQuery", "query", message);
}

function checkType(type: string): MonitorProblem | undefined {
  if (type === "synthetics alert") {
    const message =
      "A synthetic test makes its own monitor; dd-observe never keeps one. Change the test instead";
    return problem("NotAllowed", "type", message);
  }
  if ((MONITOR_TYPES as readonly string[]).includes(type)) return undefined;
  return problem(
    "UnknownType",
    "type",
    `No monitor type is named "${type}". Types: ${MONITOR_TYPES.join(", ")}`,
  );
}

function missingComparison(query: string): MonitorProblem {
  if (/(>=|<=|>|<)\s*-?\.\d+$/.test(query)) {
    return invalid(
      `Datadog does not take "${/\.\d+$/.exec(query)?.[0]}"; write the zero: 0${/\.\d+$/.exec(query)?.[0]}`,
    );
  }
  return invalid("The query ends without a comparison, such as > 0.9");
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "{": "}", "[": "]" };

/** Brackets inside quotes don't count. A lone `'` is an apostrophe in a log query, so only `"` quotes there. */
export function checkBalance(query: string): MonitorProblem | undefined {
  const open: string[] = [];
  let isQuoted = false;
  for (let at = 0; at < query.length; at++) {
    const char = query[at] ?? "";
    if (char === "\\") at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (char in CLOSING) open.push(char);
    else if (char === ")" || char === "}" || char === "]") {
      const last = open.pop();
      // A range in a scope may close with another bracket than it opened with.
      if (last === undefined) return invalid(`"${char}" at character ${at + 1} closes nothing`);
      if (CLOSING[last] !== char && last !== "[" && char !== "]") {
        return invalid(`"${char}" at character ${at + 1} closes "${last}"`);
      }
    }
  }
  const last = open.pop();
  if (last !== undefined) return invalid(`"${last}" is never closed; a "${CLOSING[last]}" is missing`);
  return isQuoted ? invalid('A " is never closed') : undefined;
}

/** A number, or a reference that becomes one before it is sent. */
const OPERAND = String.raw`(?:\d+|\$\{monitors:[^{}|\s]+\})`;
const COMPOSITE = new RegExp(String.raw`^[\s!(]*${OPERAND}[\s)]*(?:(?:&&|\|\|)[\s!(]*${OPERAND}[\s)]*)*$`);

/** @see https://docs.datadoghq.com/monitors/types/composite/ */
const MAX_PARTS = 10;

function checkComposite(query: string): readonly MonitorProblem[] {
  if (!COMPOSITE.test(query))
    return [
      invalid(
        "A composite joins monitors, by name or number, with &&, || and !: ${monitor:queue-too-long} && !123",
      ),
    ];
  const count = query.match(new RegExp(OPERAND, "g"))?.length ?? 0;
  return count <= MAX_PARTS
    ? []
    : [invalid(`A composite joins at most ${MAX_PARTS} monitors, and this one ${count}`)];
}

/** Datadog's `last(n)` holds at most this many checks. */
const MAX_LAST = 100;

function checkServiceCheck(query: string, options: Json): readonly MonitorProblem[] {
  const match = /^(["'])[^"']+\1((?:\s*\.\s*[a-z_]+\((?:[^()"']|"[^"]*"|'[^']*')*\))+)$/.exec(query);
  const calls = [...(match?.[2] ?? "").matchAll(/\.\s*([a-z_]+)\(((?:[^()"']|"[^"]*"|'[^']*')*)\)/g)];
  const final = calls.at(-1)?.[1];
  if (final !== "count_by_status" && final !== "pct_by_status") {
    return [invalid('A service check reads "<check>".over("<scope>").by("host").last(4).count_by_status()')];
  }
  if (final === "pct_by_status") return [];
  const last = Number(calls.find((call) => call[1] === "last")?.[2] ?? Number.NaN);
  if (!Number.isInteger(last))
    return [invalid("A service check counts the last checks: add .last(4) before .count_by_status()")];
  if (last > MAX_LAST) return [invalid(`.last(${last}) is more than Datadog keeps; at most ${MAX_LAST}`)];

  const thresholds = isObject(options["thresholds"]) ? options["thresholds"] : {};
  const highest = Math.max(0, ...Object.values(thresholds).filter((value) => typeof value === "number"));
  if (highest <= last) return [];
  const message = `The threshold ${highest} is more than the ${last} checks of .last(${last}); write .last(${highest}) or lower the threshold`;
  return [problem("InvalidThreshold", "options.thresholds", message)];
}

const TIME_AGGREGATORS = "avg|sum|min|max|percentile|count|last|stddev|var";
const WINDOW = /^(?:last|next)_\d+(?:s|m|h|d|w|mo|y)$|^current_\d+(?:h|d|w|mo)$/;
const SHIFT = /^(?:last_\d+|\d+)(?:m|h|d|w|mo)(?:_ago)?$/;
const PLAIN = new RegExp(`^(?:${TIME_AGGREGATORS})\\s*\\(\\s*([^()]*?)\\s*\\)\\s*:`);
const CHANGE = new RegExp(
  `^(?:change|pct_change)\\s*\\(\\s*(?:${TIME_AGGREGATORS})\\s*\\(\\s*([^()]*?)\\s*\\)\\s*,\\s*([^()]*?)\\s*\\)\\s*:`,
);

function checkMetricQuery(left: string): readonly MonitorProblem[] {
  const change = CHANGE.exec(left);
  const head = change ?? PLAIN.exec(left);
  if (head === null) return [invalid("A metric query begins with how to sum up time, such as avg(last_5m):")];
  const window = head[1] ?? "";
  if (!WINDOW.test(window))
    return [invalid(`"${window}" is no time window; write last_5m, last_1h, last_1d or current_1mo`)];
  if (change !== null && !SHIFT.test(change[2] ?? "")) {
    return [invalid(`"${change[2]}" is no shift to compare with; write last_1h or 1h_ago`)];
  }
  return checkMetricExpression(left.slice(head[0].length));
}

/** What stands between scopes, texts and numbers: names, and the signs between them. */
const TOKEN =
  /\s+|\{(?:[^{}"]|"[^"]*"|\{[^{}]*\})*\}|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*|\d[A-Za-z0-9_]*(?:\.\d+)?|\.\d+|./gs;

/** Every metric needs a scope, `{*}` at least. Function names, aggregators, keywords and bare words are no metrics. */
export function checkMetricExpression(expression: string): readonly MonitorProblem[] {
  const tokens = (expression.match(TOKEN) ?? []).filter((token) => token.trim() !== "");
  for (const [at, token] of tokens.entries()) {
    const previous = tokens[at - 1] ?? "";
    const next = tokens[at + 1] ?? "";
    if (/^\.\d/.test(token)) return [invalid(`Datadog does not take "${token}"; write the zero: 0${token}`)];
    if (!/^[A-Za-z_]/.test(token)) continue;
    // No function's name has a dot: this is a metric and what is done with it, such as a.b.as_count().
    if (next === "(" && token.includes(".")) return [unscoped(token.slice(0, token.lastIndexOf(".")))];
    if (next.startsWith("{") || next === "(" || next === "=" || previous === "." || previous === "=")
      continue;
    if (next === ":" && /^(?:avg|sum|min|max|count|stddev|p\d{1,2}(?:\.\d+)?)$/.test(token)) continue;
    if (!token.includes(".") && (previous === "," || previous === "(") && (next === "," || next === ")"))
      continue;
    if (
      next === "-" &&
      /^[A-Za-z_]/.test(tokens[at + 2] ?? "") &&
      expression.includes(`${token}-${tokens[at + 2]}`)
    ) {
      const name = `${token}-${tokens[at + 2]}`;
      return [
        invalid(
          `A metric's name has no hyphen: "${name}". Datadog stores it as "${name.replaceAll("-", "_")}"`,
        ),
      ];
    }
    if (next === ":")
      return [invalid(`"${token}" is no way to sum up space; write avg, sum, min, max, count or p95`)];
    return [unscoped(token)];
  }
  return [];
}

function unscoped(metric: string): MonitorProblem {
  return invalid(`The metric ${metric} has no scope; write ${metric}{*} for all of it`);
}
