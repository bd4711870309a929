import { writtenDrift } from "../crds/drift.ts";
import { globalLayerOf, type GlobalWish } from "../crds/global.ts";
import type { Resolution, Wish } from "../crds/resolve.ts";
import { readDefaults, type DocumentText } from "../crds/resolve.ts";
import { readDocument } from "../crds/document.ts";
import { readTags, TAG_OF_FIELD } from "../crds/tags.ts";
import { wishLayer, type WishLayer } from "../crds/wish.ts";

/** One field of a wish as it holds, and who said so. */
export interface EffectiveField {
  /** `endpoint.port`, `monitors.noisy` */
  readonly path: string;
  readonly value: unknown;
  /** `document`, `tag dd-observe.port`, `_defaults`, `default`, … */
  readonly from: string;
}

export interface OriginGround {
  readonly tags: readonly string[];
  readonly document: DocumentText | undefined;
  readonly defaults: DocumentText | undefined;
  readonly tagName: string;
}

const COMMON = [
  "env",
  "team",
  "tags",
  "notify",
  "catalog",
  "dependencies",
  "drift",
  "freeze",
  "deletion",
  "paused",
] as const;

/** Lists every field that holds for a service, the last layer that states it as its origin. */
export function effectiveFields(wish: Wish, ground: OriginGround): readonly EffectiveField[] {
  const layers = layersOf(wish.service, ground);
  const origin = (path: readonly string[]): string | undefined =>
    layers.find(({ layer }) => isStated(layer, path))?.name(path.join("."));

  const fields: EffectiveField[] = [
    { path: "pack", value: wish.pack.name, from: origin(["pack"]) ?? packByName(wish) },
  ];
  for (const name of COMMON) {
    const value = name === "drift" ? writtenDrift(wish.drift) : wish[name];
    const from = origin([name]);
    // Joined from several layers: the tags of all of them hold.
    const joined = name === "tags" ? layers.filter(({ layer }) => layer.tags !== undefined) : [];
    const said = joined.length > 1 ? joined.map((layer) => layer.name(name)).join(", ") : from;
    if (value !== undefined && (said !== undefined || !isEmpty(value)))
      fields.push({ path: name, value, from: said ?? "default" });
  }
  for (const name of ["scheme", "port", "path"] as const) {
    const varying = wish.endpoint[name] === undefined ? taggedValues(name, ground) : [];
    if (varying.length > 0) {
      const from = `tag ${ground.tagName}.${name} of each instance`;
      fields.push({ path: `endpoint.${name}`, value: varying.join(", "), from });
      continue;
    }
    const stated = wish.endpoint[name];
    const usual = wish.pack.endpoint[name];
    fields.push({
      path: `endpoint.${name}`,
      value: stated ?? usual ?? "as registered",
      from:
        stated === undefined
          ? usual === undefined
            ? "Consul"
            : `pack ${wish.pack.name}`
          : (origin(["endpoint", name]) ?? "default"),
    });
  }
  for (const [area, values] of [
    ["agent", wish.agent],
    ["monitors", wish.monitors],
    ["slos", wish.slos],
    ["dashboards", wish.dashboards],
    ["downtimes", wish.downtimes],
    ["metrics", wish.metrics],
    ["instrumentation", wish.instrumentation],
  ] as const) {
    for (const [name, value] of Object.entries(values))
      fields.push({ path: `${area}.${name}`, value, from: origin([area, name]) ?? "default" });
  }
  return fields;
}

/**
 * Names the layers that state a field of a service's wish, the one that holds first: `document`, `tag dd-observe.inject`,
 * `_defaults`. Nothing for what no layer states.
 */
export function layersStating(
  service: string,
  ground: OriginGround,
): (path: readonly string[]) => readonly string[] {
  const layers = layersOf(service, ground);
  return (path) =>
    layers.filter(({ layer }) => isStated(layer, path)).map(({ name }) => name(path.join(".")));
}

/** Where instances say different things by their tags, the wish as a whole says nothing: each has its own. */
function taggedValues(name: string, { tags, tagName }: OriginGround): readonly string[] {
  const prefix = `${tagName}.${name}=`;
  return tags.filter((tag) => tag.startsWith(prefix)).map((tag) => tag.slice(prefix.length));
}

/** What all documents of no service have in common. `notify` only those of monitors. */
const GLOBAL_COMMON = ["env", "team", "tags", "notify", "drift", "freeze", "deletion", "paused"] as const;

/** The same for a document of no service. */
export function globalFields(
  wish: GlobalWish,
  { document, defaults }: OriginGround,
): readonly EffectiveField[] {
  const schema = globalLayerOf(wish.kind);
  const own = document === undefined ? undefined : readDocument(wish.key, document.text, schema);
  const inherited = readDefaults(defaults);
  const layers = [
    { name: "document", layer: own?.ok === true ? (own.value as object) : {} },
    { name: "_defaults", layer: inherited.ok ? inherited.value : {} },
  ];
  const common = GLOBAL_COMMON.flatMap((path) => {
    const stating = layers.filter(({ layer }) => isStated(layer, [path])).map(({ name }) => name);
    // Only tags are joined.
    const from = path === "tags" ? stating.join(", ") : (stating[0] ?? "");
    const value = commonValue(wish, path);
    if (value === undefined || (from === "" && isEmpty(value))) return [];
    return [{ path, value, from: from === "" ? "default" : from }];
  });
  const stated = Object.entries(objectOf(wish)).map(([path, value]) => ({ path, value, from: "document" }));
  return [...stated, ...common];
}

function commonValue(wish: GlobalWish, path: (typeof GLOBAL_COMMON)[number]): unknown {
  if (path === "drift") return writtenDrift(wish.drift);
  if (path === "notify") return wish.kind === "monitor" ? wish.notify : undefined;
  return wish[path];
}

function objectOf(wish: GlobalWish): object {
  switch (wish.kind) {
    case "monitor":
      return wish.monitor;
    case "slo":
      return wish.slo;
    case "dashboard":
      return wish.dashboard;
    case "downtime":
      return wish.downtime;
    case "nomad":
      return { ...prefixed("telemetry", wish.nomad.telemetry), restart: wish.nomad.restart };
    default:
      return wish satisfies never;
  }
}

/** One field each, as a document of many settings is read. */
function prefixed(area: string, fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [`${area}.${name}`, value as unknown]),
  );
}

/** Why the wish has its pack, where none was named. */
export function packByName({ service, pack }: Wish): string {
  return pack.name === service ? "the service's name" : `no pack is named ${service}`;
}

/** Where a wish that is held comes from, as far as it can be told. */
export function statedBy(resolution: Resolution, { document, tags, tagName }: OriginGround): string {
  const byTag = tags.includes(tagName);
  if (document === undefined) return `the tag ${tagName}`;
  return `a document (version ${resolution.generation})${byTag ? ` and the tag ${tagName}` : ""}`;
}

/** The layers, the strongest first. One that can't be read states nothing. */
function layersOf(service: string, { tags, document, defaults, tagName }: OriginGround) {
  const own = document === undefined ? undefined : readDocument(service, document.text, wishLayer);
  const inherited = readDefaults(defaults);
  const layers: { readonly layer: WishLayer; readonly name: (path: string) => string }[] = [];
  if (own?.ok === true) layers.push({ layer: own.value, name: () => "document" });
  layers.push({
    layer: readTags(service, tags, tagName).layer,
    name: (path) => `tag ${tagName}.${TAG_OF_FIELD.get(path) ?? path}`,
  });
  if (inherited.ok) layers.push({ layer: inherited.value, name: () => "_defaults" });
  return layers;
}

function isStated(layer: object, path: readonly string[]): boolean {
  let value: unknown = layer;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return false;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value !== undefined;
}

/** True for what a wish that says nothing has, if that isn't worth a line. */
function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
