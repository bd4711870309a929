import { nearest } from "../../../crds/suggest.ts";
import { isObject, type Json } from "../canonical.ts";
import { newQuery, NOTHING, refuse, type Change, type Draft, type World } from "./alert.ts";
import { show } from "./shape.ts";

/** What a query's beginning says of its type. */
const BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^logs\s*\(/, "log alert"],
  [/^events\s*\(/, "event-v2 alert"],
  [/^rum\s*\(/, "rum alert"],
  [/^audits?\s*\(/, "audit alert"],
  [/^processes\s*\(/, "process alert"],
  [/^trace-analytics\s*\(/, "trace-analytics alert"],
  [/^ci-pipelines\s*\(/, "ci-pipelines alert"],
  [/^ci-tests\s*\(/, "ci-tests alert"],
  [/^error-tracking[\w-]*\s*\(/, "error-tracking alert"],
  [/^llm-observability\s*\(/, "llm-observability alert"],
  [/^(?:burn_rate|error_budget)\s*\(/, "slo alert"],
  [/^["'][\w.-]+["']\s*(?:$|\.\s*(?:over|by|last|exclude|count_by_status|pct_by_status)\b)/, "service check"],
];

const COMPOSITE_TOKEN = /"[^"]*"|'[^']*'|\$\{[^}]*\}|[A-Za-z0-9_][\w./-]*|&&|\|\||[()!]/g;

/** A query without a type: how it begins says which one it is. */
export function deduceType({ type, query }: Draft): Change {
  if (type !== undefined || query === "") return NOTHING;
  if (/^formula\s*\(/.test(query)) {
    const advice = "add the type: query alert for metrics, log alert for logs, rum alert, cost alert, …";
    return refuse("MissingType", "type", "a formula does not say what it counts", advice);
  }
  const found = BEGINNINGS.find(([pattern]) => pattern.test(query))?.[1];
  const deduced = found ?? (isComposite(query) ? "composite" : "query alert");
  const why = "Datadog asks for a type; the query is one of this";
  return { set: { type: deduced }, repairs: [{ path: "type", to: deduced, why }] };
}

/** Names with && or || and nothing that looks like a metric. */
function isComposite(query: string): boolean {
  if (!/&&|\|\|/.test(query)) return false;
  return query.replaceAll(COMPOSITE_TOKEN, "").trim() === "";
}

/** A type that is a slip away from one that there is, such as `metric-alert`. */
export function typeByAnotherName({ type, query }: Draft): Change {
  const named = ALIASES.get(type?.toLowerCase().replaceAll(/[_-]/g, " ") ?? "");
  if (type === undefined || named === undefined || named === type || query === "") return NOTHING;
  return {
    set: { type: named },
    repairs: [{ path: "type", from: type, to: named, why: "Datadog's own word" }],
  };
}

const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    metric: "query alert",
    "metric alert": "metric alert",
    "metric monitor": "query alert",
    query: "query alert",
    "query alert": "query alert",
    log: "log alert",
    logs: "log alert",
    "log alert": "log alert",
    "service check": "service check",
    servicecheck: "service check",
    check: "service check",
    slo: "slo alert",
    "slo alert": "slo alert",
    composite: "composite",
    "composite alert": "composite",
  }),
);

/** A composite joins monitors by number; documents name them, since numbers are not known before. */
export function compositeByName(draft: Draft, { references }: World): Change {
  const { type, query } = draft;
  if (type !== "composite") return NOTHING;
  const unknown: string[] = [];
  const named = query.replaceAll(COMPOSITE_TOKEN, (token) => {
    if (/^(?:&&|\|\||[()!]|\d+|\$\{[^}]*\})$/.test(token)) return token;
    const name = token.replaceAll(/^["']|["']$/g, "");
    const key = references.get(name.toLowerCase());
    if (key === undefined) unknown.push(name);
    return key === undefined ? token : `\${monitor:${key}}`;
  });
  const [name] = unknown;
  if (name !== undefined) {
    const near = nearest(name, references.keys());
    const hint = near === undefined ? "" : `; the nearest is "${near}"`;
    const message = `no alert in this list is named "${name}"${hint}`;
    return refuse("UnknownMonitor", "query", message, "name alerts of the list, or write Datadog's numbers");
  }
  return newQuery(
    draft,
    named,
    "Datadog joins monitors by number; a reference stands for the number that the monitor will have",
  );
}

/** `"ray.up" > 3`, `ray.up`, no `.last()`, no `.count_by_status()`: completed to the form that Datadog takes. */
export function serviceCheckForm(draft: Draft): Change {
  if (draft.type !== "service check" || draft.query === "") return NOTHING;
  const compared = /\s*(>=?|==?)\s*(\d+)\s*$/.exec(draft.query);
  const body = draft.query.slice(0, compared?.index);
  const match =
    /^(["']?)([A-Za-z_][\w.-]*?)\1((?:\s*\.\s*(?:over|by|last|exclude|count_by_status|pct_by_status)\(.*)?)$/s.exec(
      body.trim(),
    );
  if (match === null) return NOTHING;
  const calls = (match[3] ?? "").trim();
  const thresholds = isObject(draft.options["thresholds"]) ? draft.options["thresholds"] : {};
  const said = compared === null ? undefined : Number(compared[2]) + (compared[1] === ">" ? 1 : 0);
  const limits: Json = said === undefined ? thresholds : { ...thresholds, critical: said };
  const highest = Math.max(1, ...Object.values(limits).filter((one) => typeof one === "number"));
  if (/\.\s*pct_by_status\(/.test(calls) || highest > MAX_LAST) return NOTHING;

  const withLast = lastAtLeast(
    calls === "" ? '.over("*")' : calls,
    Object.keys(limits).length === 0 ? 4 : highest,
  );
  const whole = /\.\s*count_by_status\(/.test(withLast) ? withLast : `${withLast}.count_by_status()`;
  const query = `"${match[2]}"${whole}`;
  const change = newQuery(
    draft,
    query,
    'a service check reads "<check>".over("<scope>").last(<at least the highest threshold>).count_by_status()',
  );
  if (said === undefined) return change;
  const options = { ...draft.options, thresholds: limits };
  const repair = {
    path: "options.thresholds.critical",
    ...("critical" in thresholds ? { from: show(thresholds["critical"]) } : {}),
    to: String(said),
    why: "a service check has its limit in the thresholds, not in the query",
  };
  return { set: { ...change.set, options }, repairs: [...(change.repairs ?? []), repair] };
}

/** Datadog's `last(n)` holds at most this many checks. */
const MAX_LAST = 100;

function lastAtLeast(calls: string, least: number): string {
  const last = /\.\s*last\(\s*(\d+)\s*\)/.exec(calls);
  if (last !== null) return Number(last[1]) >= least ? calls : calls.replace(last[0], `.last(${least})`);
  const counted = calls.search(/\.\s*count_by_status\(/);
  return counted === -1
    ? `${calls}.last(${least})`
    : `${calls.slice(0, counted)}.last(${least})${calls.slice(counted)}`;
}
