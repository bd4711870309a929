import { didYouMean } from "../../crds/suggest.ts";
import { isObject, text, type Json } from "../monitors/canonical.ts";
import { checkQueries, type DashboardProblem } from "./query.ts";

/**
 * Finds what Datadog would refuse, and what it would take although it can't work: no call is
 * spent, and the message says what to do.
 *
 * @param definition A dashboard with the API's names, as its page exports it.
 */
export function checkDashboard(definition: Json): readonly DashboardProblem[] {
  return [
    ...checkTitle(definition),
    ...checkTags(definition),
    ...checkVariables(definition),
    ...checkPresets(definition),
    ...checkLayout(definition),
    ...checkTabs(definition),
    ...checkWidgets(definition["widgets"], "widgets"),
  ];
}

function problem(path: string, message: string): DashboardProblem {
  return { reason: "InvalidDashboard", path, message };
}

function checkTitle(definition: Json): readonly DashboardProblem[] {
  if (text(definition["title"]).trim() !== "") return [];
  return [problem("title", "The dashboard has no title, so nobody would find it")];
}

/** @see https://docs.datadoghq.com/api/latest/dashboards/ */
const MAX_TAGS = 5;

function checkTags(definition: Json): readonly DashboardProblem[] {
  const tags = listOf(definition["tags"]);
  const wrong = tags.flatMap((tag, at) =>
    text(tag).startsWith("team:")
      ? []
      : [
          problem(
            `tags.${at}`,
            `Datadog takes only team: on a dashboard, not "${text(tag)}"; name the rest in the title or description`,
          ),
        ],
  );
  if (tags.length <= MAX_TAGS) return wrong;
  const message = `A dashboard has at most ${MAX_TAGS} tags, not ${tags.length}`;
  return [...wrong, problem("tags", message)];
}

function checkVariables(definition: Json): readonly DashboardProblem[] {
  return recordsOf(definition["template_variables"]).flatMap(({ record, at }) => {
    const path = `template_variables.${at}`;
    const name = text(record["name"]);
    const several = listOf(record["defaults"]);
    if (name === "") return [problem(`${path}.name`, `Template variable ${at + 1} has no name`)];
    if (!isAbsent(record["default"]) && !isAbsent(record["defaults"])) {
      const message = `The template variable ${name} has both default and defaults; keep defaults alone`;
      return [problem(path, message)];
    }
    if (!several.includes("")) return [];
    const message = `The template variable ${name} has an empty default; write "*" for everything, or leave it out`;
    return [problem(`${path}.defaults`, message)];
  });
}

function checkPresets(definition: Json): readonly DashboardProblem[] {
  const known = recordsOf(definition["template_variables"]).map(({ record }) => text(record["name"]));
  return recordsOf(definition["template_variable_presets"]).flatMap(({ record: preset, at }) =>
    recordsOf(preset["template_variables"]).flatMap(({ record: choice, at: choiceAt }) => {
      const path = `template_variable_presets.${at}.template_variables.${choiceAt}`;
      const name = text(choice["name"]);
      const subject = `The saved view "${text(preset["name"])}"`;
      if (!known.includes(name)) {
        const message = `${subject} sets ${name}, which is no template variable${didYouMean(name, known)}`;
        return [problem(path, message)];
      }
      if (!isAbsent(choice["value"]) && !isAbsent(choice["values"])) {
        const message = `${subject} gives ${name} both value and values; keep values alone`;
        return [problem(path, message)];
      }
      if (!Array.isArray(choice["values"]) || choice["values"].length > 0) return [];
      const message = `${subject} gives ${name} an empty list of values; write "*" for everything`;
      return [problem(`${path}.values`, message)];
    }),
  );
}

function checkLayout(definition: Json): readonly DashboardProblem[] {
  const isFixed = definition["reflow_type"] === "fixed";
  if (!isFixed && definition["layout_type"] !== "free") return [];
  const why = isFixed ? "reflow_type is fixed" : "layout_type is free";
  return recordsOf(definition["widgets"])
    .filter(({ record }) => !isObject(record["layout"]))
    .map(({ record, at }) => {
      const message = `${subjectOf(record["definition"], at)} has no layout; ${why}, so it needs {x, y, width, height}`;
      return problem(`widgets.${at}.layout`, message);
    });
}

function checkTabs(definition: Json): readonly DashboardProblem[] {
  const widgets = recordsOf(definition["widgets"]);
  const known = new Set(widgets.flatMap(({ record, at }) => [`@${at + 1}`, record["id"]]));
  return recordsOf(definition["tabs"]).flatMap(({ record: tab, at }) =>
    listOf(tab["widget_ids"]).flatMap((id, idAt) => {
      if (known.has(id)) return [];
      const message = `The tab "${text(tab["name"])}" shows widget ${text(id)}; there are ${widgets.length}, the first is @1`;
      return [problem(`tabs.${at}.widget_ids.${idAt}`, message)];
    }),
  );
}

function checkWidgets(widgets: unknown, path: string): readonly DashboardProblem[] {
  return listOf(widgets).flatMap((widget, at) => {
    const definition = isObject(widget) ? widget["definition"] : undefined;
    const place = `${path}.${at}.definition`;
    if (!isObject(definition)) return [problem(place, `Widget ${at + 1} has no definition`)];
    return checkDefinition(definition, place, subjectOf(definition, at));
  });
}

function checkDefinition(definition: Json, path: string, subject: string): readonly DashboardProblem[] {
  const source = definition["source_widget_definition"];
  return [
    ...checkType(definition, path, subject),
    ...checkQueries(definition, { path, subject }),
    ...checkWidgets(definition["widgets"], `${path}.widgets`),
    // A split graph repeats another one, whose queries were looked at with its own.
    ...(isObject(source) ? checkType(source, `${path}.source_widget_definition`, subject) : []),
  ];
}

function checkType(definition: Json, path: string, subject: string): readonly DashboardProblem[] {
  const type = text(definition["type"]);
  if (WIDGET_TYPES.includes(type)) return [];
  const message =
    type === ""
      ? `${subject} has no type. Types: ${WIDGET_TYPES.join(", ")}`
      : `${subject}: no widget type is named "${type}"${didYouMean(type, WIDGET_TYPES)}`;
  return [{ reason: "UnknownType", path: `${path}.type`, message }];
}

/**
 * Those of the API, and `custom`, which exported dashboards of Datadog's partners hold.
 *
 * @see https://docs.datadoghq.com/dashboards/widgets/
 */
const WIDGET_TYPES: readonly string[] = [
  "alert_graph",
  "alert_value",
  "bar_chart",
  "change",
  "check_status",
  "cohort",
  "custom",
  "distribution",
  "embedded_app",
  "event_stream",
  "event_timeline",
  "free_text",
  "funnel",
  "geomap",
  "group",
  "heatmap",
  "hostmap",
  "iframe",
  "image",
  "list_stream",
  "log_stream",
  "manage_status",
  "note",
  "point_plot",
  "powerpack",
  "query_table",
  "query_value",
  "retention_curve",
  "run_workflow",
  "sankey",
  "scatterplot",
  "servicemap",
  "slo",
  "slo_list",
  "split_group",
  "sunburst",
  "timeseries",
  "toplist",
  "topology_map",
  "trace_service",
  "treemap",
  "wildcard",
];

/** How messages call a widget: by its title, or else by its place. */
function subjectOf(definition: unknown, at: number): string {
  const title = isObject(definition) ? text(definition["title"]).trim() : "";
  return title === "" ? `Widget ${at + 1}` : `Widget "${title}"`;
}

/** Each with its place in the list. What is no object is the schema's to refuse. */
function recordsOf(value: unknown): readonly { readonly record: Json; readonly at: number }[] {
  return listOf(value).flatMap((record, at) => (isObject(record) ? [{ record, at }] : []));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isAbsent(value: unknown): boolean {
  return value === null || value === undefined;
}
