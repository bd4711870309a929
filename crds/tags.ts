import { explainIssue } from "./issues.ts";
import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import { wishLayer, type WishLayer } from "./wish.ts";
import { shorten } from "./yaml-text.ts";

/** What a service says by its tags in the catalog. */
export interface TagWish {
  /** True if the bare tag is there: the service wants to be observed. */
  readonly observed: boolean;
  readonly layer: WishLayer;
  readonly problems: readonly Problem[];
}

/** How the text of a tag's value becomes a field: `dd-observe.port=8080`. */
const TAG_FIELDS: Readonly<
  Record<string, { readonly path: readonly string[]; readonly read: (text: string) => unknown }>
> = {
  pack: { path: ["pack"], read: text },
  env: { path: ["env"], read: text },
  team: { path: ["team"], read: text },
  tags: { path: ["tags"], read: list },
  notify: { path: ["notify"], read: list },
  port: { path: ["endpoint", "port"], read: number },
  path: { path: ["endpoint", "path"], read: text },
  scheme: { path: ["endpoint", "scheme"], read: text },
  drift: { path: ["drift"], read: drift },
  profile: { path: ["instrumentation", "profile"], read: text },
  language: { path: ["instrumentation", "language"], read: text },
  inject: { path: ["instrumentation", "inject"], read: yesOrNo },
  deletion: { path: ["deletion"], read: text },
  paused: { path: ["paused"], read: yesOrNo },
};

/** Fields that may differ between a service's instances, as with ports that Nomad chooses. Over the union of their tags they say nothing. */
const PER_INSTANCE = new Set(["port", "path", "scheme"]);

export const TAG_FIELD_NAMES: readonly string[] = Object.keys(TAG_FIELDS);

/** The name in a tag of a field that a tag can set, by the field's path: `endpoint.port` → `port`. */
export const TAG_OF_FIELD: ReadonlyMap<string, string> = new Map(
  Object.entries(TAG_FIELDS).map(([name, { path }]) => [path.join("."), name]),
);

/**
 * Reads `dd-observe` and `dd-observe.<field>=<value>` among a service's tags; other tags are none of ours.
 * Only a service with the bare tag is observed.
 *
 * @param tags Of one instance, or the union over all: then two values for one field are a problem.
 * @param name The tag, `dd-observe` unless configured otherwise.
 */
export function readTags(owner: string, tags: readonly string[], name = "dd-observe"): TagWish {
  const observed = tags.includes(name);
  const prefix = `${name}.`;
  const problems: Problem[] = [];
  const values = new Map<string, string>();
  const varying = new Set<string>();
  for (const tag of [...new Set(tags)].sort()) {
    if (!tag.startsWith(prefix)) continue;
    const equals = tag.indexOf("=");
    const field = tag.slice(prefix.length, equals === -1 ? undefined : equals);
    if (varying.has(field)) continue;
    if (PER_INSTANCE.has(field) && values.has(field)) {
      varying.add(field);
      values.delete(field);
      continue;
    }
    const problem = wrong(owner, tag, field, equals, values, name);
    if (problem === undefined) values.set(field, tag.slice(equals + 1));
    else problems.push(problem);
  }

  const layer: Record<string, unknown> = {};
  for (const [field, value] of values) put(layer, TAG_FIELDS[field]!.path, TAG_FIELDS[field]!.read(value));
  const result = wishLayer.safeParse(layer);
  if (!result.success) {
    for (const issue of result.error.issues) {
      problems.push(...explainIssue(owner, issue, wishLayer, layer).map((problem) => ofTag(problem, name)));
    }
  }
  return { observed, layer: result.success ? result.data : {}, problems };
}

function wrong(
  owner: string,
  tag: string,
  field: string,
  equals: number,
  values: ReadonlyMap<string, string>,
  name: string,
): Problem | undefined {
  if (!Object.hasOwn(TAG_FIELDS, field)) {
    const message = `tag ${shorten(tag)}: ${shorten(field)} is not a field that a tag can set${didYouMean(field, TAG_FIELD_NAMES)}`;
    return { owner, reason: "UnknownField", message };
  }
  if (equals === -1) {
    return {
      owner,
      reason: "InvalidValue",
      message: `tag ${tag} has no value; write ${tag}=<value>`,
    };
  }
  const other = values.get(field);
  if (other !== undefined) {
    const message = `tags disagree: ${name}.${field} is both ${shorten(other)} and ${shorten(tag.slice(equals + 1))}; give all instances the same tags`;
    return { owner, reason: "ConflictingTags", message };
  }
  return undefined;
}

function ofTag(problem: Problem, name: string): Problem {
  const { path: _path, ...rest } = problem;
  return {
    ...rest,
    message: `tag ${name}.${problem.message.replace(/^(?:endpoint|instrumentation)\./, "")}`,
  };
}

function put(layer: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, second] = path;
  if (second === undefined) layer[first!] = value;
  else layer[first!] = { ...(layer[first!] as object | undefined), [second]: value };
}

function text(value: string): unknown {
  return value;
}

function list(value: string): unknown {
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Digits become a number; anything else stays a text, so that the schema refuses it by name. */
function number(value: string): unknown {
  return /^\d{1,15}$/.test(value) ? Number(value) : value;
}

/** `tolerate:4h` is short for `{tolerate: 4h}`. */
function drift(value: string): unknown {
  const [, tolerate] = /^tolerate:(.*)$/s.exec(value) ?? [];
  return tolerate === undefined ? value : { tolerate };
}

function yesOrNo(value: string): unknown {
  if (value === "true") return true;
  return value === "false" ? false : value;
}
