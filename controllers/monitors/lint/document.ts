import { monitorLayer } from "../../../crds/monitor.ts";
import { isObject } from "../canonical.ts";
import type { Draft } from "./alert.ts";
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
  const given = Object.entries({ ...limits, ...others }).filter(([, value]) => value !== null);
  const fields: Record<string, unknown> = { name, type, query, message, priority };
  for (const [option, value] of given) {
    const field = camelCase(option);
    if (!Object.hasOwn(monitorLayer.shape, field))
      return { ok: false, message: `a document can't say the option ${option}; remove it` };
    fields[field] = value;
  }
  if (tags.length > 0) fields["tags"] = tags;
  if (notify.length > 0) fields["notify"] = notify;
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  const rank = (field: string): number => (ORDER.includes(field) ? ORDER.indexOf(field) : ORDER.length);
  return { ok: true, fields: Object.fromEntries(said.toSorted(([a], [b]) => rank(a) - rank(b))) };
}
