import { entityRef, type CatalogReader, type CatalogWriter } from "../../clients/datadog-catalog.ts";
import { ApiError } from "../../clients/errors.ts";
import type { DatadogKind, KindWriter, RawObject } from "../datadog/kind.ts";
import {
  manageTags,
  markTags,
  MAX_KEY_LENGTH,
  ownerOfKey,
  readMark,
  tagsOf,
  type Mark,
} from "../datadog/mark.ts";
import { isObject } from "../monitors/canonical.ts";
import { canonicalObserved, toWire, type EntityBody } from "./canonical.ts";

export interface CatalogKindOptions {
  /** A `CatalogReader` makes a kind that can only be observed: for dry runs. */
  readonly datadog: CatalogReader | CatalogWriter;
  readonly clusterId: string;
}

const CONCURRENCY = 4;

/**
 * Entities of the Software Catalog: marked by their tags, named by the service. Datadog's one write replaces
 * whatever has that name, so each create looks first whether somebody else has it.
 */
export function catalogKind({ datadog, clusterId }: CatalogKindOptions): DatadogKind<EntityBody> {
  const markOf = (raw: RawObject): Mark | undefined => markIn(canonicalObserved(raw), clusterId);
  return {
    name: "catalog",
    noun: "catalog definition",
    maxKeyLength: MAX_KEY_LENGTH,
    concurrency: CONCURRENCY,

    async list({ signal, priority }) {
      const objects = await datadog.list({ kind: "service" }, { signal, priority });
      // What a list missed at a page's edge is seen when it is about to be created: there is one entity of a name.
      return { objects, mayHaveMissed: false };
    },
    read: async (ref, call) => await datadog.get(ref, call),
    find: async (key, call) => {
      const found = await readIfThere(datadog, refOfService(ownerOfKey(key)), call);
      return found === undefined ? [] : [found];
    },
    writer: "upsert" in datadog ? writerOf(datadog, clusterId) : undefined,

    refOf: entityRef,
    markOf,
    marksOf: (raw) => manageTags(entityTags(raw)),
    ownerOf: ownerOfKey,
    titleOf: ({ metadata }) => String(metadata["name"]),
    canonical: canonicalObserved,
    toWire,
    markIn: (body) => markIn(body, clusterId),
    adopted: (raw, mark) => {
      const body = canonicalObserved(raw);
      const tags = [...new Set([...entityTags(raw), ...markTags({ ...mark, clusterId })])];
      return { ...toWire(body), metadata: { ...body.metadata, tags } };
    },
    notAdoptable: (raw) =>
      raw["apiVersion"] === "v3" ? undefined : "it is defined in an older version than v3",
    changeOf(raw) {
      const managed = isObject(raw["metadata"]) ? raw["metadata"]["managed"] : undefined;
      const at = isObject(managed) ? Date.parse(String(managed["modifiedAt"])) : Number.NaN;
      return Number.isNaN(at) ? {} : { at };
    },
  };
}

/** How Datadog names the entity of a service. */
export function refOfService(service: string): string {
  return `service:default/${service}`;
}

/** A mark that a person copied to another entity is none: the name has to be the one that the mark says. */
function markIn(body: EntityBody, clusterId: string): Mark | undefined {
  const mark = readMark(tagsOf(body.metadata), clusterId);
  return mark !== undefined && entityRef(body) === refOfService(ownerOfKey(mark.key)) ? mark : undefined;
}

function entityTags(raw: RawObject): readonly string[] {
  return isObject(raw["metadata"]) ? tagsOf(raw["metadata"]) : [];
}

function writerOf(datadog: CatalogWriter, clusterId: string): KindWriter {
  return {
    async create(wire, call) {
      const ref = entityRef(wire);
      const standing = await readIfThere(datadog, ref, { ...call, priority: "change" });
      if (standing !== undefined && markIn(canonicalObserved(standing), clusterId) === undefined)
        throw takenError(ref, standing, markIn(canonicalObserved({ ...wire }), clusterId)?.key);
      return await datadog.upsert(wire, call);
    },
    update: async (_ref, wire, call) => await datadog.upsert(wire, call),
    delete: async (ref, call) => await datadog.delete(ref, call),
  };
}

/** What is said instead of overwriting what people wrote. */
function takenError(ref: string, standing: RawObject, key = "NAME/entity"): ApiError {
  const whose = manageTags(entityTags(standing));
  const answer =
    whose.length === 0
      ? "there is one already that somebody else defined"
      : `there is one already with the mark ${whose.join(", ")}`;
  return new ApiError(`create catalog definition ${ref}`, answer, {
    failure: "conflict",
    hint:
      whose.length === 0
        ? `It stays as it is. To hand it over, so that its definition is replaced by what the document says: dd-observe adopt entity ${ref} ${key}. Or leave "catalog" out of the document.`
        : `It stays as it is. Take that mark away and run dd-observe adopt entity ${ref} ${key}, or leave "catalog" out of the document.`,
  });
}

/** Of an entity that isn't there the API says so by an empty list. */
async function readIfThere(
  datadog: CatalogReader,
  ref: string,
  call: Parameters<CatalogReader["get"]>[1],
): Promise<RawObject | undefined> {
  try {
    return await datadog.get(ref, call);
  } catch (error) {
    if (error instanceof ApiError && error.failure === "notFound") return undefined;
    throw error;
  }
}
