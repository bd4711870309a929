import {
  errors,
  fieldsOf,
  isFields,
  textsOf,
  preciseTimestamp,
  type FakeAnswer,
  type FakeRequest,
  type FakeWorld,
  type Fields,
  type Route,
  type StoredObject,
} from "./datadog-api.ts";

const READ = "dashboards_read";
const WRITE = "dashboards_write";
const ALL = /^\/api\/v1\/dashboard$/;
const ONE = /^\/api\/v1\/dashboard\/([^/]+)$/;
/** What counts if only one of `count` and `start` is given. */
const DEFAULT_COUNT = 100;

export const dashboardRoutes: readonly Route[] = [
  {
    method: "POST",
    path: ALL,
    permission: WRITE,
    run: ({ world, body }) => refusal(body) ?? { status: 200, body: makeDashboard(world, body) },
  },
  { method: "GET", path: ALL, permission: READ, run: list },
  {
    method: "GET",
    path: ONE,
    permission: READ,
    run(request) {
      const dashboard = request.world.dashboards.readable().get(idOf(request));
      return dashboard === undefined ? notFound(request) : { status: 200, body: dashboard };
    },
  },
  {
    method: "PUT",
    path: ONE,
    permission: WRITE,
    run(request) {
      const { world, body } = request;
      const existing = world.dashboards.get(idOf(request));
      if (existing === undefined) return notFound(request);
      const refused = refusal(body);
      if (refused !== undefined) return refused;
      const dashboard = normalise(world, body, existing);
      world.dashboards.set(existing.id, dashboard);
      return { status: 200, body: dashboard };
    },
  },
  {
    method: "DELETE",
    path: ONE,
    permission: WRITE,
    run(request) {
      const id = idOf(request);
      if (!request.world.dashboards.delete(id)) return notFound(request);
      return { status: 200, body: { deleted_dashboard_id: id } };
    },
  },
];

/** Stores a dashboard as Datadog would, without a look at whether it makes sense. */
export function makeDashboard(world: FakeWorld, body: Fields): StoredObject {
  const dashboard = normalise(world, body, undefined);
  world.dashboards.set(dashboard.id, dashboard);
  return dashboard;
}

/** Summaries. Without `count` and `start`, of every dashboard. */
function list({ world, query }: FakeRequest): FakeAnswer {
  const all = [...world.dashboards.readable().values()];
  const [count, start] = [query.get("count"), query.get("start")];
  const from = Number(start ?? 0);
  const isPaged = count !== null || start !== null;
  const shown = isPaged ? all.slice(from, from + Number(count ?? DEFAULT_COUNT)) : all;
  return { status: 200, body: { dashboards: shown.map(summaryOf) } };
}

function summaryOf(dashboard: StoredObject): Fields {
  const { id, title, description, layout_type, url, created_at, modified_at, author_handle } = dashboard;
  const times = { created_at, modified_at, deleted_at: null };
  return { id, title, description, layout_type, url, is_read_only: false, author_handle, ...times };
}

/** What Datadog refuses, in its words. Queries inside of widgets are never looked at. */
function refusal(body: Fields): FakeAnswer | undefined {
  const missing = ["title", "layout_type", "widgets"].find((field) => body[field] === undefined);
  if (missing !== undefined) return errors(400, `The parameter '${missing}' is required`);
  if (body["layout_type"] !== "ordered" && body["layout_type"] !== "free") {
    return errors(400, "'layout_type' is invalid");
  }
  const widgets = listOf(body["widgets"]);
  for (const [position, widget] of widgets.entries()) {
    const type = fieldsOf(widget["definition"])["type"];
    if (typeof type !== "string" || !WIDGET_TYPES.has(type)) {
      const text = `Invalid widget definition at position ${position} of type ${String(type)}.`;
      return errors(400, `${text} Error: '${String(type)}' is not one of the known types.`);
    }
  }
  if (textsOf(body["tags"]).some((tag) => !tag.startsWith("team:"))) {
    return errors(400, "Invalid tag format. Valid tag keys are: team.");
  }
  return refusedVariables(body) ?? refusedTabs(body, widgets.length);
}

function refusedVariables(body: Fields): FakeAnswer | undefined {
  for (const variable of listOf(body["template_variables"])) {
    const { default: one, defaults } = variable;
    if (isSet(one) && isSet(defaults)) return errors(400, "'template_variables' is invalid");
    if (textsOf(defaults).includes(""))
      return errors(400, "Minimum length of parameter 'defaults' should be 1");
  }
  for (const preset of listOf(body["template_variable_presets"])) {
    for (const variable of listOf(preset["template_variables"])) {
      if (isSet(variable["value"]) && isSet(variable["values"])) {
        return errors(400, "'template_variables' value is invalid");
      }
      if (Array.isArray(variable["values"]) && variable["values"].length === 0) {
        return errors(400, "Minimum number of elements in parameter 'values' should be 1");
      }
    }
  }
  return undefined;
}

/** Tabs name their widgets by position, `@1` for the first, or by id. */
function refusedTabs(body: Fields, widgets: number): FakeAnswer | undefined {
  const positions = listOf(body["tabs"]).flatMap((tab) => textsOf(tab["widget_ids"]));
  const isRight = positions.every((position) => Number(position.slice(1)) <= widgets);
  return isRight ? undefined : errors(400, "'tabs' is invalid");
}

/** What Datadog makes of a body before it stores it: widgets as they are sent, with ids. */
function normalise(world: FakeWorld, body: Fields, existing: StoredObject | undefined): StoredObject {
  const id = existing?.id ?? newId(world);
  const widgets = withIds(world, body["widgets"]);
  const now = preciseTimestamp();
  const kept = ["template_variable_presets", "tags", "reflow_type", "default_timeframe"].filter(
    (field) => field in body,
  );
  return {
    id,
    title: body["title"],
    description: body["description"] ?? null,
    layout_type: body["layout_type"],
    url: `/dashboard/${id}/${slug(String(body["title"]))}`,
    author_handle: "dd-observe@example.com",
    author_name: "dd-observe",
    template_variables: body["template_variables"] ?? null,
    widgets,
    notify_list: Array.isArray(body["notify_list"]) ? textsOf(body["notify_list"]).toSorted() : null,
    restricted_roles: body["restricted_roles"] ?? [],
    created_at: existing?.["created_at"] ?? now,
    modified_at: now,
    ...Object.fromEntries(kept.map((field) => [field, body[field]])),
    ...(body["tabs"] === undefined ? {} : { tabs: withWidgetIds(listOf(body["tabs"]), widgets) }),
  };
}

/** New ones at every write, except for those that are sent. */
function withIds(world: FakeWorld, widgets: unknown): readonly Fields[] {
  return listOf(widgets).map((widget) => {
    const definition = fieldsOf(widget["definition"]);
    const inner = definition["widgets"];
    const nested = inner === undefined ? definition : { ...definition, widgets: withIds(world, inner) };
    const id = typeof widget["id"] === "number" ? widget["id"] : Number.parseInt(world.newHex(12), 16);
    return { ...widget, definition: nested, id };
  });
}

function withWidgetIds(tabs: readonly Fields[], widgets: readonly Fields[]): readonly Fields[] {
  return tabs.map((tab) => {
    const ids = Array.isArray(tab["widget_ids"]) ? tab["widget_ids"] : [];
    const named = ids.map((id: unknown) =>
      typeof id === "string" && id.startsWith("@") ? widgets[Number(id.slice(1)) - 1]?.["id"] : id,
    );
    return { ...tab, widget_ids: named };
  });
}

function newId(world: FakeWorld): string {
  const text = world.newHex(9);
  return `${text.slice(0, 3)}-${text.slice(3, 6)}-${text.slice(6)}`;
}

function slug(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

function notFound(request: FakeRequest): FakeAnswer {
  return errors(404, `Dashboard with ID ${idOf(request)} not found`);
}

function idOf({ params }: FakeRequest): string {
  return params[0] ?? "";
}

const WIDGET_TYPES = new Set(
  (
    "alert_graph alert_value bar_chart change check_status cohort distribution event_stream event_timeline " +
    "free_text funnel geomap group heatmap hostmap iframe image list_stream log_stream manage_status note " +
    "point_plot powerpack query_table query_value retention_curve run_workflow sankey scatterplot servicemap " +
    "slo slo_list split_group sunburst timeseries toplist topology_map trace_service treemap wildcard"
  ).split(" "),
);
