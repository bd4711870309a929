import {
  Calls,
  fieldOf,
  isObject,
  MAX_PAGES,
  nonsense,
  objectsIn,
  Pages,
  type CallOptions,
  type ObjectReader,
  type RawObject,
} from "./datadog-objects.ts";
import type { Call, DatadogTransport } from "./datadog-transport.ts";
import { ApiError } from "./errors.ts";

/** Narrows a list. */
export interface EntityFilter {
  readonly kind?: string;
  /** The team that owns the entity. */
  readonly owner?: string;
}

/**
 * The reading half of Datadog's Software Catalog. Entities are given as their definition of version 3:
 * `{ apiVersion, kind, metadata, spec, … }`. What somebody defined in an older version is given in
 * that shape too, its metadata alone.
 */
export interface CatalogReader extends ObjectReader {
  list(filter: EntityFilter, options: CallOptions): Promise<readonly RawObject[]>;
  /**
   * @param ref `service:default/ray`
   * @throws {ApiError} `notFound`
   */
  get(ref: string, options: CallOptions): Promise<RawObject>;
}

export interface CatalogWriter extends CatalogReader {
  /**
   * Creates the entity, or replaces its definition as a whole.
   *
   * @returns The definition as it is stored.
   */
  upsert(entity: object, options: CallOptions): Promise<RawObject>;
  /** @throws {ApiError} `notFound` if it is gone already. */
  delete(ref: string, options: CallOptions): Promise<void>;
}

const ALL = "/api/v2/catalog/entity";
const PAGE_SIZE = 100;

const calls = new Calls("catalog", { read: "apm_service_catalog_read", write: "apm_service_catalog_write" });

export function catalogReader(transport: DatadogTransport): CatalogReader {
  return {
    async list({ kind, owner }, options) {
      const call = calls.read("listCatalogEntity", "list entities of the Software Catalog", options);
      return list(transport, call, { "filter[kind]": kind, "filter[owner]": owner });
    },
    async get(ref, options) {
      const call = calls.read("listCatalogEntity", `read entity ${ref}`, options);
      const [entity] = await list(transport, call, { "filter[ref]": ref });
      // The API has no call for a single one: an empty list is its way to say so.
      if (entity === undefined)
        throw new ApiError(call.tried, "no entity has this name", { failure: "notFound" });
      return entity;
    },
  };
}

export function catalogWriter(transport: DatadogTransport): CatalogWriter {
  return {
    ...catalogReader(transport),
    async upsert(entity, options) {
      const call = calls.write("upsertCatalogEntity", `write entity ${entityRef(entity)}`, options);
      const answer = await transport.request(call, { method: "POST", path: ALL, body: entity });
      const [stored] = entitiesIn(call, answer);
      if (stored === undefined) throw nonsense(call, "a success without the entity");
      return stored;
    },
    async delete(ref, options) {
      const call = calls.write("deleteCatalogEntity", `delete entity ${ref}`, options);
      await transport.request(
        { ...call, mayBeEmpty: true },
        { method: "DELETE", path: `${ALL}/{entity_id}`, params: { entity_id: ref } },
      );
    },
  };
}

/** How the API, and other entities, name an entity: `service:default/ray`. */
export function entityRef(entity: object): string {
  const { kind, metadata } = entity as { kind?: unknown; metadata?: unknown };
  const text = (value: unknown, otherwise: string) => (typeof value === "string" ? value : otherwise);
  const namespace = text(fieldOf(metadata, "namespace"), "default");
  return `${text(kind, "(no kind)")}:${namespace}/${text(fieldOf(metadata, "name"), "(no name)")}`;
}

async function list(
  transport: DatadogTransport,
  call: Call,
  filter: Readonly<Record<string, string | undefined>>,
): Promise<readonly RawObject[]> {
  const found = new Map<string, RawObject>();
  const pages = new Pages();
  for (let offset = 0; pages.pages < MAX_PAGES; offset += PAGE_SIZE) {
    const answer = await transport.request(call, {
      method: "GET",
      path: ALL,
      query: { ...filter, include: "schema", "page[limit]": PAGE_SIZE, "page[offset]": offset },
    });
    const page = objectsIn(call, fieldOf(answer, "data"));
    pages.add(page);
    for (const entity of entitiesIn(call, answer)) found.set(entityRef(entity), entity);
    if (page.length < PAGE_SIZE) return [...found.values()];
  }
  throw nonsense(call, `more than ${MAX_PAGES} full pages`);
}

/** Puts what is listed together with the definitions that stand beside the list. */
function entitiesIn(call: Call, answer: unknown): readonly RawObject[] {
  const included = fieldOf(answer, "included");
  const schemas = new Map(
    (Array.isArray(included) ? included : []).map((one: unknown) => [
      fieldOf(one, "id"),
      fieldOf(fieldOf(one, "attributes"), "schema"),
    ]),
  );
  return objectsIn(call, fieldOf(answer, "data")).map(({ id, attributes, relationships }) => {
    const related = fieldOf(fieldOf(fieldOf(relationships, "schema"), "data"), "id");
    const schema = schemas.get(related ?? id);
    return isObject(schema) && isObject(schema["metadata"]) ? schema : definitionOf(attributes);
  });
}

/** The definition, as far as the list itself tells it. */
function definitionOf(attributes: unknown): RawObject {
  const { apiVersion, kind, ...metadata } = isObject(attributes) ? attributes : {};
  return { apiVersion, kind, metadata };
}
