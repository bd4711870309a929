import type { z } from "zod";

import { explained, type Parsed } from "./document.ts";
import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import { readYaml, type TextLimits, type YamlText } from "./yaml-text.ts";

/** One of several texts that together are one document. */
export interface LayerText {
  /** Where it comes from, such as its file: the owner of what is wrong in it. */
  readonly owner: string;
  readonly text: string;
}

interface Layer extends YamlText {
  readonly owner: string;
}

/** A document that is put together, and the way back to the texts it comes from. */
export interface Layered {
  readonly value: unknown;
  /** Gives a problem its owner and its place: in the uppermost text that says most of its path. */
  readonly locate: (problem: Omit<Problem, "owner">) => Problem;
}

/**
 * Puts texts over one another, the lowest first. Mappings are joined, `null` removes a key, and whatever else
 * stands in a later text replaces what stood there.
 */
export function layered(texts: readonly LayerText[], limits?: TextLimits): Parsed<Layered> {
  const layers: Layer[] = [];
  const problems: Problem[] = [];
  for (const { owner, text } of texts) {
    const yaml = readYaml(owner, text, limits);
    if ("reason" in yaml) problems.push(yaml);
    else layers.push({ owner, ...yaml });
  }
  const [lowest, ...others] = layers;
  if (problems.length > 0 || lowest === undefined) return { ok: false, problems };

  let value = lowest.value;
  for (const { owner, find, value: over } of others) {
    for (const { path, message } of vainRemovals(value, over, [])) {
      const at = find(path);
      problems.push({ owner, reason: "UnknownField", path, message, ...(at === undefined ? {} : { at }) });
    }
    value = put(over, value);
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { value, locate: (problem) => locateIn(layers, problem) } };
}

/** Reads texts over one another as one document of a schema. */
export function readLayers<Schema extends z.ZodType>(
  { value, locate }: Layered,
  schema: Schema,
): Parsed<z.output<Schema>> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  return { ok: false, problems: explained("", result.error.issues, schema, value).map(locate) };
}

type Mapping = Readonly<Record<string, unknown>>;

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The later value, where both are mappings joined with the earlier one. */
function put(over: unknown, under: unknown): unknown {
  if (!isMapping(over)) return over;
  const joined: Record<string, unknown> = isMapping(under) ? { ...under } : {};
  for (const [name, value] of Object.entries(over)) {
    if (value === null) delete joined[name];
    else joined[name] = put(value, joined[name]);
  }
  return joined;
}

/** Keys that a text removes although nothing is there: a slip, as it would go unnoticed. */
function vainRemovals(
  under: unknown,
  over: unknown,
  path: readonly string[],
): readonly { readonly path: string; readonly message: string }[] {
  if (!isMapping(over)) return [];
  const known = isMapping(under) ? under : {};
  return Object.entries(over).flatMap(([name, value]) => {
    const place = [...path, name].join(".");
    if (value !== null) return vainRemovals(known[name], value, [...path, name]);
    if (Object.hasOwn(known, name)) return [];
    const message = `${place} removes what isn't there${didYouMean(name, Object.keys(known))}`;
    return [{ path: place, message }];
  });
}

function locateIn(layers: readonly Layer[], { path = "", ...problem }: Omit<Problem, "owner">): Problem {
  let best = layers.at(-1)!;
  for (const layer of layers.toReversed())
    if (lengthIn(layer.value, path) > lengthIn(best.value, path)) best = layer;
  const at = problem.at ?? (path === "" ? undefined : best.find(path));
  const place = path === "" ? {} : { path };
  return { ...problem, ...place, owner: best.owner, ...(at === undefined ? {} : { at }) };
}

/** How many names of a path a value has. Names may hold dots, so the longest match is tried first. */
function lengthIn(value: unknown, path: string): number {
  const names = path.split(".");
  let inner = value;
  let at = 0;
  while (at < names.length && typeof inner === "object" && inner !== null) {
    const here = inner as Mapping;
    let used = names.length - at;
    while (used > 0 && !Object.hasOwn(here, names.slice(at, at + used).join("."))) used--;
    if (used === 0) break;
    inner = here[names.slice(at, at + used).join(".")];
    at += used;
  }
  return at;
}
