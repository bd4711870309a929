import { isMap, isNode, LineCounter, parseAllDocuments, type Document } from "yaml";

import type { Position } from "../../../crds/problem.ts";
import { isObject, type Json } from "../canonical.ts";
import type { RawAlert } from "./alert.ts";

/** Larger lists come in several files. */
const MAX_BYTES = 1024 * 1024;
const MAX_ALIASES = 20;

export type ReadAlerts =
  | { readonly ok: true; readonly alerts: readonly RawAlert[] }
  | { readonly ok: false; readonly message: string; readonly at?: Position };

/**
 * Finds the alerts of a YAML or JSON text of one or more documents: a list, a list or a mapping below
 * `monitors`, `alerts` or `rules`, Terraform's `resource.datadog_monitor`, or one alert alone.
 */
export function readAlerts(text: string): ReadAlerts {
  if (Buffer.byteLength(text) > MAX_BYTES)
    return { ok: false, message: `the text is larger than ${MAX_BYTES} bytes; split the list` };
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  if (!Array.isArray(documents)) return { ok: true, alerts: [] };
  const alerts: RawAlert[] = [];
  for (const document of documents) {
    const broken = document.errors[0] ?? document.warnings[0];
    if (broken !== undefined) {
      const quotes = 'a text that begins with @ or ` needs quotes, such as "@slack-ml"';
      const message = broken.code === "BAD_SCALAR_START" ? quotes : (broken.message.split("\n", 1)[0] ?? "");
      return { ok: false, message, at: positionAt(broken.pos[0]) };
    }
    const found = alertsIn(document, positionAt);
    if (typeof found === "string") return { ok: false, message: found };
    alerts.push(...found);
  }
  return { ok: true, alerts };
}

const LISTS = ["monitors", "alerts", "rules"];

function alertsIn(
  document: Document.Parsed,
  positionAt: (offset: number) => Position,
): readonly RawAlert[] | string {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    // The library throws nothing else here than for an alias: too many, or without an anchor.
    if (!(error instanceof ReferenceError)) throw error;
    return `the text uses more than ${MAX_ALIASES} aliases, or one that is not defined`;
  }
  if (value === null || value === undefined) return [];
  const at = (path: readonly (string | number)[]): { readonly at?: Position } => {
    const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
    return isNode(node) && node.range ? { at: positionAt(node.range[0]) } : {};
  };
  const list = listIn(value);
  if (list === undefined)
    return "there is no list of alerts; write them as a list, or below monitors: or alerts:";
  const wrong = list.find((one) => !isObject(one.value));
  if (wrong !== undefined) return `${wrong.path.join(".")} is no alert; write it with name and query`;
  return list.map(({ value: alert, key, path }) => ({
    value: alert as Json,
    ...(key === undefined ? {} : { key }),
    ...at(isMap(document.contents) || path.length > 0 ? path : []),
  }));
}

interface Listed {
  readonly value: unknown;
  readonly key?: string;
  readonly path: readonly (string | number)[];
}

function listIn(value: unknown): readonly Listed[] | undefined {
  if (Array.isArray(value)) return value.map((one: unknown, index) => ({ value: one, path: [index] }));
  if (!isObject(value)) return undefined;
  if (isAlert(value)) return [{ value, path: [] }];
  for (const name of LISTS) {
    const inner = value[name];
    if (Array.isArray(inner))
      return inner.map((one: unknown, index) => ({ value: one, path: [name, index] }));
    if (isObject(inner)) return entriesOf(inner, [name]);
  }
  const resource = isObject(value["resource"]) ? value["resource"]["datadog_monitor"] : undefined;
  return isObject(resource) ? entriesOf(resource, ["resource", "datadog_monitor"]) : undefined;
}

/** Terraform may write a resource as a list of one. */
function entriesOf(mapping: Json, path: readonly string[]): readonly Listed[] {
  return Object.entries(mapping).map(([key, value]) => ({
    value: Array.isArray(value) && value.length === 1 ? (value as readonly unknown[])[0] : value,
    key,
    path: [...path, key],
  }));
}

function isAlert(value: Json): boolean {
  return ["query", "metric", "check", "expr"].some((name) => typeof value[name] === "string");
}
