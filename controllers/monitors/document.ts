import { globalMonitorLayer, type GlobalMonitorLayer } from "../../crds/global-monitor.ts";
import { explainIssue } from "../../crds/issues.ts";
import type { Problem } from "../../crds/problem.ts";
import { filledIn } from "../datadog/filled-in.ts";
import { statedTags } from "../datadog/stated-tags.ts";
import { isObject, type Json } from "./canonical.ts";
import {
  NESTED_FIELDS,
  OPTION_FIELDS,
  OUTER_FIELDS,
  THRESHOLD_FIELDS,
  WINDOW_FIELDS,
  withDocumentNames,
} from "./fields.ts";

export type MonitorDocument =
  | {
      readonly ok: true;
      /** What stands in the document of a monitor of no service; without `env` and `team`, also below `monitors.<name>`. */
      readonly layer: GlobalMonitorLayer;
      /** Tags that no document can state, as dd-observe sets them itself or Datadog alone knows their form. */
      readonly lost: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Texts that are filled in. */
const TEXTS = ["name", "query", "message", "escalationMessage"];

/**
 * Turns a monitor as Datadog returns it into the fields of a document that makes the same monitor.
 *
 * Defaults of dd-observe that the monitor doesn't have are switched off by name, so that nothing
 * changes when the document takes it over. Whom it tells stands in its message, so `notify` is empty.
 *
 * @param owner Whose problem it is if it can't be done, such as the monitor's id.
 */
export function documentOf(raw: Json, owner: string): MonitorDocument {
  if (raw["type"] === "synthetics alert") {
    const message = "a synthetic test makes this monitor and keeps it; change the test instead";
    return { ok: false, problems: [{ owner, reason: "NotAllowed", path: "type", message }] };
  }
  const { stated, lost } = statedTags(raw["tags"]);
  const layer = withoutEmpty({
    type: raw["type"],
    query: trimmed(raw["query"]),
    name: trimmed(raw["name"]),
    message: trimmed(raw["message"]) ?? "",
    ...stated,
    priority: priorityOf(raw["priority"]),
    notify: [],
    ...optionFieldsOf(isObject(raw["options"]) ? raw["options"] : {}, raw["type"]),
    ...outerOf(raw),
  });

  const result = globalMonitorLayer.safeParse(layer);
  const problems = result.success
    ? filledIn(owner, only(layer, TEXTS))
    : result.error.issues.flatMap((issue) => explainIssue(owner, issue, globalMonitorLayer, layer));
  if (!result.success || problems.length > 0) return { ok: false, problems };
  return { ok: true, layer: result.data, lost };
}

/** The fields of a document that make these options, whatever dd-observe would add by itself. */
export function optionFieldsOf(options: Json, type: unknown): Json {
  const fields: Record<string, unknown> = {
    ...fieldsFrom(isObject(options["thresholds"]) ? options["thresholds"] : {}, THRESHOLD_FIELDS),
    ...fieldsFrom(isObject(options["threshold_windows"]) ? options["threshold_windows"] : {}, WINDOW_FIELDS),
    ...fieldsFrom(options, OPTION_FIELDS),
  };
  const leave = (...names: readonly string[]): void => {
    for (const name of names) delete fields[name];
  };
  // Counted by service checks alone, and kept by Datadog elsewhere without a meaning.
  if (type !== "service check") leave("ok", "unknown");
  if (fields["notifyNoData"] !== true) leave("noDataTimeframe");
  if (fields["onMissingData"] !== undefined && fields["notifyNoData"] !== true) leave("notifyNoData");
  if (fields["newGroupDelay"] !== undefined) leave("newHostDelay");
  else fields["newHostDelay"] ??= 300;
  const scheduling = fields["schedulingOptions"];
  if (isObject(scheduling) && scheduling["customSchedule"] !== undefined)
    leave("requireFullWindow", "notifyNoData");

  // What dd-observe would add by itself.
  fields["renotifyInterval"] ??= 0;
  if (fields["renotifyInterval"] === 0) leave("renotifyStatuses", "renotifyOccurrences");
  else fields["renotifyStatuses"] ??= [];
  if (type !== "service check") {
    fields["criticalRecovery"] ??= fields["critical"] === undefined ? undefined : false;
    fields["warningRecovery"] ??= fields["warning"] === undefined ? undefined : false;
  }
  return fields;
}

function fieldsFrom(from: Json, names: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(names)
      .filter(([, apiName]) => !isEmpty(from[apiName]))
      .map(([name, apiName]) => [
        name,
        NESTED_FIELDS.has(name) ? withDocumentNames(from[apiName]) : from[apiName],
      ]),
  );
}

/** What people keep in Datadog stays theirs unless it says something. */
function outerOf(raw: Json): Json {
  const fields = fieldsFrom(raw, OUTER_FIELDS);
  const assets = Array.isArray(fields["assets"]) ? fields["assets"].filter(isObject) : [];
  const known = ["name", "url", "category", "resourceType", "resourceKey"];
  return {
    ...fields,
    ...(fields["draftStatus"] === "published" ? { draftStatus: undefined } : {}),
    assets: assets.length === 0 ? undefined : assets.map((asset) => withoutEmpty(only(asset, known))),
  };
}

function only(fields: Json, names: readonly string[]): Json {
  return Object.fromEntries(names.filter((name) => name in fields).map((name) => [name, fields[name]]));
}

function trimmed(text: unknown): string | undefined {
  return typeof text === "string" ? text.trim() : undefined;
}

/** Old monitors have it as a text, and 0 for none. */
function priorityOf(priority: unknown): number | undefined {
  const number = Number(priority ?? 0);
  return number > 0 ? number : undefined;
}

function withoutEmpty(fields: Json): Json {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  );
}

/** Nulls, and lists and mappings without anything in them: not stored, or stored without a meaning. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.values(value).every(isEmpty);
}
