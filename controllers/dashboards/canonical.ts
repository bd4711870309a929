import { hashOf } from "../../engine/hash.ts";
import { compareText } from "../../engine/plan/plan.ts";
import { canonicalTags, isEmpty, isObject, text, type Json } from "../monitors/canonical.ts";

/**
 * A dashboard in canonical form: what we want and what Datadog stores, brought to the same
 * shape, so that two equal dashboards are deeply equal. Names are the API's own.
 *
 * Further fields of a wish are kept under their own names. What Datadog sets itself is never part of it.
 */
export interface DashboardBody {
  readonly title: string;
  /** With our mark as its last line. */
  readonly description: string;
  readonly layout_type: string;
  readonly reflow_type?: string;
  /** Without ids, which Datadog hands out anew, and without nulls. */
  readonly widgets: readonly unknown[];
  readonly template_variables: readonly unknown[];
  /** By name, and so are the variables of each. */
  readonly template_variable_presets: readonly unknown[];
  readonly notify_list: readonly string[];
  /** Datadog takes `team:` alone. */
  readonly tags: readonly string[];
  /** Without ids; `widget_ids` name the widgets by position: `@1` is the first. */
  readonly tabs: readonly unknown[];
  readonly default_timeframe?: Json;
  /** Who may edit it. Absent for everybody; counts only if the wish sets it. */
  readonly restricted_roles?: readonly string[];
  readonly [further: string]: unknown;
}

/** The body that we would send for a wish, in canonical form. Equal to its argument if that is canonical already. */
export function canonicalDesired(wire: Json): DashboardBody {
  const widgets = listOf(wire["widgets"]);
  const timeframe = withoutNulls(wire["default_timeframe"]);
  const roles = canonicalTags(wire["restricted_roles"]);
  return {
    ...furtherFields(wire),
    title: text(wire["title"]).trim(),
    description: text(wire["description"]).trim(),
    layout_type: text(wire["layout_type"]),
    ...(isEmpty(wire["reflow_type"]) ? {} : { reflow_type: text(wire["reflow_type"]) }),
    widgets: widgets.map(canonicalWidget),
    template_variables: listOf(wire["template_variables"]).map(canonicalVariable),
    template_variable_presets: byName(listOf(wire["template_variable_presets"]).map(canonicalPreset)),
    notify_list: canonicalTags(wire["notify_list"]),
    tags: canonicalTags(wire["tags"]),
    tabs: listOf(wire["tabs"]).map((tab) => canonicalTab(tab, widgets)),
    ...(isObject(timeframe) && !isEmpty(timeframe) ? { default_timeframe: timeframe } : {}),
    ...(roles.length > 0 ? { restricted_roles: roles } : {}),
  };
}

/**
 * A dashboard as Datadog returned it, in canonical form.
 *
 * @param wanted The wish, if there is one. Who may edit the dashboard is people's to say, and
 *   Datadog may add fields newer than this code: both count only if the wish sets them.
 */
export function canonicalObserved(raw: Json, wanted?: DashboardBody): DashboardBody {
  const body = canonicalDesired(raw);
  if (wanted === undefined) return body;
  const counts = (field: string) => field in wanted || (FIELDS.has(field) && field !== "restricted_roles");
  // Every field that a body must have counts.
  return Object.fromEntries(Object.entries(body).filter(([field]) => counts(field))) as DashboardBody;
}

/** What is sent to create or replace a dashboard. A replacement takes everything away that it doesn't name. */
export function toWire(body: DashboardBody): Json {
  const { tabs, ...wire } = body;
  if (tabs.length === 0) return wire;
  return {
    ...wire,
    tabs: tabs.map((tab, at) => (isObject(tab) ? { id: tabId(at, text(tab["name"])), ...tab } : tab)),
  };
}

/** Every field of a body. */
const FIELDS: ReadonlySet<string> = new Set([
  "default_timeframe",
  "description",
  "layout_type",
  "notify_list",
  "reflow_type",
  "restricted_roles",
  "tabs",
  "tags",
  "template_variable_presets",
  "template_variables",
  "title",
  "widgets",
]);

/** Fields of an answer that Datadog sets by itself. `is_read_only` is no longer taken, and `restricted_roles` says the same. */
export const SET_BY_DATADOG: ReadonlySet<string> = new Set([
  "author_handle",
  "author_name",
  "created_at",
  "deleted_at",
  "experience_type",
  "id",
  "is_read_only",
  "modified_at",
  "url",
]);

function furtherFields(wire: Json): Json {
  return Object.fromEntries(
    Object.entries(wire).filter(
      ([field, value]) =>
        !FIELDS.has(field) && !SET_BY_DATADOG.has(field) && value !== null && value !== undefined,
    ),
  );
}

/** A group holds widgets with ids of their own. */
function canonicalWidget(widget: unknown): unknown {
  const plain = withoutNulls(widget);
  if (!isObject(plain)) return plain;
  const { id: _id, ...rest } = plain;
  const definition = rest["definition"];
  if (!isObject(definition) || !Array.isArray(definition["widgets"])) return rest;
  return { ...rest, definition: { ...definition, widgets: definition["widgets"].map(canonicalWidget) } };
}

/** Without a default, a variable stands for everything: `*`. An older name holds a single default. */
function canonicalVariable(variable: unknown): unknown {
  const plain = withoutNulls(variable);
  if (!isObject(plain)) return plain;
  const { default: single, defaults: several, available_values: values, ...rest } = plain;
  const defaults = (isEmpty(several) ? listOf([single]) : listOf(several)).filter((one) => !isBlank(one));
  const isEverything = defaults.length === 0 || (defaults.length === 1 && defaults[0] === "*");
  return {
    ...rest,
    ...(isEverything ? {} : { defaults }),
    ...(isEmpty(values) ? {} : { available_values: values }),
  };
}

/** A saved view. Datadog was seen to sort them by name (kennel#117). */
function canonicalPreset(preset: unknown): unknown {
  const plain = withoutNulls(preset);
  if (!isObject(plain)) return plain;
  return { ...plain, template_variables: byName(listOf(plain["template_variables"]).map(canonicalChoice)) };
}

function canonicalChoice(choice: unknown): unknown {
  if (!isObject(choice)) return choice;
  const { value: single, values: several, ...rest } = choice;
  const values = isEmpty(several) ? listOf([single]).filter((one) => one !== undefined) : several;
  return { ...rest, ...(isEmpty(values) ? {} : { values }) };
}

/** @param widgets As they were given, with their ids. An id that is none of theirs stays as it is. */
function canonicalTab(tab: unknown, widgets: readonly unknown[]): unknown {
  const plain = withoutNulls(tab);
  if (!isObject(plain)) return plain;
  const { id: _id, ...rest } = plain;
  const positions = listOf(plain["widget_ids"]).map((id) => {
    const at = widgets.findIndex(
      (widget) => isObject(widget) && !isEmpty(widget["id"]) && widget["id"] === id,
    );
    return at === -1 ? id : `@${at + 1}`;
  });
  return { ...rest, widget_ids: positions };
}

/** Datadog wants a UUID for each tab; this one is the same at every write, so that links to the tab go on working. */
function tabId(position: number, name: string): string {
  const hex = hashOf(["tab", position, name]) + hashOf(["of", position, name]);
  // Version 5 and the common variant: the form that Datadog was recorded to take.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function byName(list: readonly unknown[]): readonly unknown[] {
  const name = (one: unknown) => (isObject(one) ? text(one["name"]) : "");
  return [...list].sort((a, b) => compareText(name(a), name(b)));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isBlank(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/** Fields that are null mean the same as fields that are absent; a null within a list has its place. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null && inner !== undefined)
      .map(([name, inner]) => [name, withoutNulls(inner)]),
  );
}
