import { isObject } from "./monitors/canonical.ts";
import { parseMetricQuery, seriesOf } from "./monitors/lint/metric-query.ts";
import type { Needs } from "../crds/condition.ts";
import type { Pack } from "../crds/pack.ts";

/** A metric query of one object of a pack, with its placeholders. */
export interface PackQuery {
  readonly kind: "monitor" | "SLO" | "dashboard";
  /** Name of the monitor, the SLO or the dashboard. */
  readonly object: string;
  /** Title of the widget. */
  readonly widget?: string;
  readonly query: string;
  /** What must hold of the options for the object to be made. */
  readonly needs: readonly string[];
}

/** One metric of a query, and what the query asks of its tags. */
export interface UsedMetric {
  readonly metric: string;
  readonly aggregator: string | undefined;
  /** Keys in scope and groups, without what placeholders and template variables stand for. */
  readonly tags: readonly string[];
}

/** Every metric query in the monitors, SLOs and dashboard sections of a pack. */
export function packQueries({ monitors, slos, dashboards }: Pack): readonly PackQuery[] {
  return [
    ...Object.entries(monitors).flatMap(([object, { type, query, variables, needs }]) => {
      const isPlain = (type === "query alert" || type === "metric alert") && !/^\s*formula\s*\(/.test(query);
      const queries = [...(isPlain ? [query] : []), ...queriesIn(variables)];
      return queries.map((one): PackQuery => ({
        kind: "monitor",
        object,
        query: one,
        needs: listOf(needs),
      }));
    }),
    ...Object.entries(slos).flatMap(([object, { numerator, denominator, query, queries, needs }]) =>
      [numerator, denominator, query, ...Object.values(queries ?? {})]
        .filter((one) => one !== undefined)
        .map((one): PackQuery => ({ kind: "SLO", object, query: one, needs: listOf(needs) })),
    ),
    ...Object.entries(dashboards).flatMap(([object, section]) =>
      section.widgets.flatMap(({ definition, needs }) =>
        queriesIn(definition).map((query): PackQuery => ({
          kind: "dashboard",
          object,
          widget: titleOf(definition),
          query,
          needs: [...listOf(section.needs), ...listOf(needs)],
        })),
      ),
    ),
  ];
}

/** Metric queries anywhere in a definition in Datadog's own words. */
function queriesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((one: unknown) => queriesIn(one));
  if (!isObject(value)) return [];
  const query = value["data_source"] === "metrics" ? value["query"] : value["q"];
  const own = typeof query === "string" ? [query] : [];
  // What stands under `events` is a search among events.
  const inner = Object.entries(value).flatMap(([name, one]) => (name === "events" ? [] : queriesIn(one)));
  return [...own, ...inner];
}

function titleOf(definition: Readonly<Record<string, unknown>>): string {
  const title = definition["title"] ?? definition["type"];
  return typeof title === "string" ? title : "";
}

function listOf(needs: Needs | undefined): readonly string[] {
  return [needs ?? []].flat();
}

const IN_NAME = /(?<=:\s*)\$\{option\.([A-Za-z0-9]+)\}(?=[.{])|(?<=\.)\$\{option\.([A-Za-z0-9]+)\}/g;
const OPTION_OR_LIMIT = /\$\{(?:option\.[A-Za-z0-9]+|critical)\}/g;

/** The metrics of a query. Their names keep `${option.…}`. */
export function metricsIn(query: string): readonly UsedMetric[] {
  // A name is read by its letters; a placeholder among them would end it. Elsewhere one stands for a number.
  const readable = query
    .replaceAll(IN_NAME, (_all, first?: string, later?: string) => `__option__${first ?? later}__`)
    .replaceAll(OPTION_OR_LIMIT, "1");
  return seriesOf(parseMetricQuery(readable).parts).map(({ metric, aggregator, scope, by }) => ({
    metric: metric.replaceAll(/__option__([A-Za-z0-9]+?)__/g, "${option.$1}"),
    aggregator,
    tags: [...new Set([...keysInScope(scope ?? ""), ...keysInGroups(by)])],
  }));
}

/** `a:b,!c:d AND e IN (f,g)`, without `${scope}` and `$env`. */
function keysInScope(scope: string): readonly string[] {
  const own = scope.replaceAll(/\$\{[^}]*\}|\$[A-Za-z_][\w-]*(?:\.(?:key|value))?/g, "");
  const filters = own.replaceAll(/\(([^()]*)\)/g, (group) => (group.includes(":") ? group : " "));
  return [...filters.matchAll(/([A-Za-z_][\w./-]*)\s*(?::|\s(?:NOT\s+)?IN\b)/g)].map(([, key = ""]) => key);
}

function keysInGroups(by: string): readonly string[] {
  const [, keys = ""] = /\{([^}]*)\}/.exec(by) ?? [];
  return keys
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "" && !key.startsWith("$"));
}
