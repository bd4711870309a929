import { monitorLayer } from "../../../crds/monitor.ts";
import { isObject } from "../canonical.ts";
import type { Draft } from "./alert.ts";
import { optionFieldsOf } from "../document.ts";
import { camelCase } from "./fields.ts";

/** An alert as a document says it, or why a document can't. */
export type DocumentFields =
  | { readonly ok: true; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly message: string };

/** Fields in the order in which people read them. */
const ORDER = ["name", "type", "query", "message"];

/** The fields of a document's monitor, without `env` and `team`, which belong around it. */
export function documentFields(alert: Draft): DocumentFields {
  const { name, type, query, message, priority, tags, notify, options } = alert;
  const { thresholds, ...others } = options;
  const limits = isObject(thresholds) ? thresholds : {};
  const given = Object.entries({ ...limits, ...others }).filter(
    ([option, value]) => !isAsGoodAsAbsent(option, value, alert),
  );
  const fields: Record<string, unknown> = { name, type, query, message, priority };
  const unsaid = given.find(
    ([option]) => option !== "threshold_windows" && !Object.hasOwn(monitorLayer.shape, camelCase(option)),
  );
  if (unsaid !== undefined)
    return { ok: false, message: `a document can't say the option ${unsaid[0]}; remove it` };
  const isStated = new Set(given.map(([option]) => camelCase(option)));
  const made = Object.entries(optionFieldsOf(options, type)).filter(
    // Where the list says nothing, what dd-observe does by default is what people want: see docs/alert-routing.md.
    ([field]) => isStated.has(field) || WINDOWS.has(field),
  );
  Object.assign(fields, Object.fromEntries(made));
  if (tags.length > 0) fields["tags"] = tags;
  if (notify.length > 0) fields["notify"] = notify;
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  const rank = (field: string): number => (ORDER.includes(field) ? ORDER.indexOf(field) : ORDER.length);
  return { ok: true, fields: Object.fromEntries(said.toSorted(([a], [b]) => rank(a) - rank(b))) };
}

const WINDOWS: ReadonlySet<string> = new Set(["triggerWindow", "recoveryWindow"]);

/** What Datadog itself fills in where an option is absent; see the monitors' canonical form. */
const DEFAULTS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["groupby_simple_monitor", false],
  ["locked", false],
  ["new_host_delay", 300],
]);

function isAsGoodAsAbsent(option: string, value: unknown, { type, options }: Draft): boolean {
  if (value === null || value === undefined || DEFAULTS.get(option) === value) return true;
  if (isObject(value)) return Object.values(value).every((one) => one === null || one === undefined);
  // Datadog sets the first by itself; a group's delay takes the place of a host's.
  if (option === "avalanche_window") return true;
  if (option === "new_host_delay") return options["new_group_delay"] !== undefined;
  // Only service checks count by status.
  return (option === "ok" || option === "unknown") && type !== "service check";
}
