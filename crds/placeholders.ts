import { placeholdersIn } from "./pack.ts";
import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

/** What `${…}` can stand for in the texts of SLOs and dashboards of a service. */
export const OBJECT_VARIABLES = [
  "scope",
  "scopeAnyCluster",
  "scopeTags",
  "service",
  "env",
  "team",
  "cluster",
] as const;

/** The same where there is no service. */
export const GLOBAL_OBJECT_VARIABLES: readonly string[] = OBJECT_VARIABLES.filter(
  (name) => name !== "service",
);

/** Joins a path and a field below it; an empty path is the document itself. */
export function below(path: string, field: string): string {
  return path === "" ? field : `${path}.${field}`;
}

/** Every text inside a value, with its path. */
export function textsIn(value: unknown, path = ""): readonly (readonly [path: string, text: string])[] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => textsIn(inner, below(path, name)));
}

/** Placeholders in a text that stand for nothing. */
export function checkVariables(
  { owner, path }: Pick<Problem, "owner"> & { readonly path: string },
  text: string,
  known: readonly string[],
): readonly Problem[] {
  const common = known.filter((variable) => !variable.includes("."));
  return placeholdersIn(text)
    .filter((variable) => !known.includes(variable))
    .map((variable) => {
      const hint = didYouMean(variable, known) || `; there are ${common.join(", ")}`;
      const message = `${path}: \${${variable}} stands for nothing${hint}`;
      return { owner, reason: "UnknownVariable", path, message };
    });
}

/** Names of one service's objects, by the controller that keeps them. */
export interface OwnNames {
  /** Empty if it is a pack's own, whatever the service. */
  readonly service: string;
  readonly monitors: readonly string[];
  readonly slos: readonly string[];
  readonly dashboards: readonly string[];
}

const REFERABLE = ["monitors", "slos", "dashboards"] as const;

/** Short for an object of the same service: `${slo:latency}`, and the controller that keeps it. */
export const SHORT_REFERENCES = { monitor: "monitors", slo: "slos", dashboard: "dashboards" } as const;

/** Whatever keeps objects: what names one of these is replaced by Datadog's id, wherever it stands. */
const KEEPERS = [
  ...REFERABLE,
  "downtimes",
  "metric-tags",
  "catalog",
  ...Object.keys(SHORT_REFERENCES),
] as const;
const OF_KEEPER = new RegExp(`\\$\\{(${KEEPERS.join("|")}):[^}]*\\}?`);

/** The first reference to another object in a text, and the word before its colon. Undefined if there is none. */
export function referenceIn(text: string): { readonly all: string; readonly kind: string } | undefined {
  const [all, kind] = OF_KEEPER.exec(text) ?? [];
  return all === undefined || kind === undefined ? undefined : { all, kind };
}

/** Texts that are for people: a reference in one would be filled in, and whatever it stands in would wait for that object. */
export function checkNoReferences(
  owner: string,
  texts: Iterable<readonly [path: string, text: string]>,
): readonly Problem[] {
  return [...texts].flatMap(([path, text]): Problem[] => {
    const found = referenceIn(text);
    if (found === undefined) return [];
    const message = `${path}: ${found.all} names another object; only queries of composites and SLOs' alerts and definitions of dashboards do`;
    return [{ owner, reason: "InvalidPlaceholder", path, message }];
  });
}

const REFERENCE = /\$\{([A-Za-z-]+):([^}|]*)(?:\|[^}]*)?\}/g;
const KEY = /^(?:[A-Za-z0-9][\w.-]{0,99}\/[A-Za-z0-9][\w.-]{0,99}|_[a-z]+\/[A-Za-z0-9][\w.-]{0,99})$/;

/**
 * References to other objects, `${slos:ray/latency}`, that can mean nothing. Whether an object
 * of another service exists is not known here.
 */
export function checkReferences(
  { owner, path }: Pick<Problem, "owner"> & { readonly path: string },
  text: string,
  own?: OwnNames,
): readonly Problem[] {
  return [...text.matchAll(REFERENCE)].flatMap(([all, controller = "", key = ""]): Problem[] => {
    if (isShort(controller) && !key.includes("/"))
      return [...checkShort({ owner, path }, all, { controller, name: key, own })];
    const kind = REFERABLE.find((name) => name === controller);
    if (kind === undefined) {
      const hint = didYouMean(controller, REFERABLE) || `; there are ${REFERABLE.join(", ")}`;
      return [{ owner, reason: "UnknownReference", path, message: `${path}: ${all} names no kind${hint}` }];
    }
    const isForeignFolder = key.startsWith("_") && !key.startsWith(`_${kind}/`);
    if (!KEY.test(key) || isForeignFolder) {
      const message = `${path}: ${all} must name an object as <service>/<name> or _${kind}/<name>`;
      return [{ owner, reason: "InvalidValue", path, message }];
    }
    if (own === undefined || !key.startsWith(`${own.service}/`)) return [];
    const name = key.slice(own.service.length + 1);
    if (own[kind].includes(name)) return [];
    const message = `${path}: ${all}: ${own.service} has none of that name under ${kind}${didYouMean(name, own[kind])}`;
    return [{ owner, reason: "UnknownReference", path, message }];
  });
}

function isShort(controller: string): controller is keyof typeof SHORT_REFERENCES {
  return Object.hasOwn(SHORT_REFERENCES, controller);
}

function checkShort(
  { owner, path }: Pick<Problem, "owner"> & { readonly path: string },
  all: string,
  {
    controller,
    name,
    own,
  }: {
    readonly controller: keyof typeof SHORT_REFERENCES;
    readonly name: string;
    readonly own: OwnNames | undefined;
  },
): readonly Problem[] {
  const kind = SHORT_REFERENCES[controller];
  if (own === undefined) {
    const message = `${path}: ${all} is short for an object of the same service; write \${${kind}:<service>/${name}}, as there is none`;
    return [{ owner, reason: "InvalidValue", path, message }];
  }
  if (own[kind].includes(name)) return [];
  const whose = own.service === "" ? "the pack" : own.service;
  const message = `${path}: ${all}: ${whose} has none of that name under ${kind}${didYouMean(name, own[kind])}`;
  return [{ owner, reason: "UnknownReference", path, message }];
}

/** Names of monitors that can mean nothing: of a service's own, and of one without a service. */
export function checkMonitorNames(
  { owner, path }: Pick<Problem, "owner"> & { readonly path: string },
  names: readonly string[],
  own?: OwnNames,
): readonly Problem[] {
  return names.flatMap((text, at): Problem[] => {
    const here = `${path}.${at}`;
    if (own === undefined) {
      const message = `${here}: ${text} must be <service>/<name> or _monitors/<name>, as the document belongs to no service`;
      return text.includes("/") ? [] : [{ owner, reason: "InvalidValue", path: here, message }];
    }
    const prefix = `${own.service}/`;
    const name = text.startsWith(prefix) ? text.slice(prefix.length) : text;
    if (name.includes("/") || own.monitors.includes(name)) return [];
    const whose = own.service === "" ? "the pack" : own.service;
    const message = `${here}: ${whose} has no monitor ${name}${didYouMean(name, own.monitors)}`;
    return [{ owner, reason: "UnknownMonitor", path: here, message }];
  });
}
