import { textSet } from "../datadog/texts.ts";
import { withoutEmpty } from "../datadog/without-empty.ts";
import { isObject, type Json } from "../monitors/canonical.ts";

/**
 * An entity of the Software Catalog in canonical form: what we want and what Datadog stores,
 * brought to the same shape, so that two equal entities are deeply equal. It is a definition of
 * version 3, with its names. What is empty is absent.
 *
 * @see https://docs.datadoghq.com/api/latest/software-catalog/#create-or-update-entities
 */
export interface EntityBody {
  readonly apiVersion: string;
  /** `service`, `datastore`, `queue`, … */
  readonly kind: string;
  /** `name`, `namespace` and `tags` (sorted and unique, including our marks) at least. */
  readonly metadata: Json;
  readonly spec?: Json;
  readonly integrations?: Json;
  readonly datadog?: Json;
  readonly extensions?: Json;
}

/** The definition that we would send for a wish, in canonical form. */
export function canonicalDesired(wire: Json): EntityBody {
  const { apiVersion, kind, metadata, extensions, ...sections } = wire;
  const filled = Object.fromEntries(
    Object.entries(sections)
      .map(([name, value]) => [name, withoutEmpty(name === "spec" ? withSets(value, SPEC_SETS) : value)])
      .filter(([, value]) => value !== undefined),
  );
  return {
    ...filled,
    apiVersion: typeof apiVersion === "string" ? apiVersion : "",
    kind: typeof kind === "string" ? kind : "",
    metadata: canonicalMetadata(metadata),
    // Whoever reads them decides what an empty value in there means.
    ...(isObject(extensions) && Object.keys(extensions).length > 0 ? { extensions } : {}),
  };
}

/**
 * An entity as Datadog returned it, in canonical form.
 *
 * @param raw The definition, as `include=schema` gives it.
 */
export function canonicalObserved(raw: Json): EntityBody {
  return canonicalDesired(raw);
}

/** The definition that creates or replaces the entity. Datadog replaces it as a whole. */
export function toWire(body: EntityBody): Json {
  return { ...body };
}

/** The namespace of whatever names none. */
const DEFAULT_NAMESPACE = "default";

/** Lists of the spec whose order carries no meaning. */
const SPEC_SETS: readonly string[] = ["componentOf", "components", "dependsOn", "languages"];

/** Fields of the metadata that Datadog sets, whatever is sent. */
const SET_BY_SERVER: ReadonlySet<string> = new Set(["id", "managed"]);

function canonicalMetadata(value: unknown): Json {
  const own = Object.entries(isObject(value) ? value : {}).filter(([name]) => !SET_BY_SERVER.has(name));
  const metadata = withoutEmpty(withSets(Object.fromEntries(own), ["tags"]));
  return { namespace: DEFAULT_NAMESPACE, ...(isObject(metadata) ? metadata : {}) };
}

function withSets(value: unknown, names: readonly string[]): unknown {
  if (!isObject(value)) return value;
  const sets = names.filter((name) => Array.isArray(value[name]));
  return { ...value, ...Object.fromEntries(sets.map((name) => [name, textSet(value[name])])) };
}
