import { isReserved } from "../../crds/names.ts";

/** The tag that every object of every dd-observe carries. Also the filter of the list call. */
export const MANAGED_BY = "managed-by:dd-observe";

const MANAGED_BY_PREFIX = "managed-by:";
const OWNER_PREFIX = "dd-observe-owner:";
const KEY_PREFIX = "dd-observe-key:";
const RETAIN = "dd-observe-deletion:retain";

export interface Mark {
  /** `<service>/<name>`, or `_monitors/<name>` for one of no service. */
  readonly key: string;
  /** True if the object stays when its wish goes. */
  readonly retain: boolean;
}

/** The tags that make an object ours: whose it is, which one it is, and what becomes of it. */
export function markTags(mark: Mark & { readonly clusterId: string }): readonly string[] {
  const tags = [MANAGED_BY, ownerTag(mark.clusterId), keyTag(mark.key)];
  return mark.retain ? [...tags, RETAIN] : tags;
}

/** Datadog cuts a tag off here, and a key that is cut off is another key. */
const MAX_TAG_LENGTH = 200;
export const MAX_KEY_LENGTH = MAX_TAG_LENGTH - KEY_PREFIX.length;

/**
 * The tag of this operator. Two operators of one Datadog organisation differ in it. In lower
 * case, so that Datadog's filter finds it whatever it does to case.
 */
export function ownerTag(clusterId: string): string {
  return `${OWNER_PREFIX}${clusterId.toLowerCase()}`;
}

export function keyTag(key: string): string {
  return `${KEY_PREFIX}${key}`;
}

/** Whose a key is: `<service>/<name>` belongs to the service, `_monitors/<name>` to the document of that name. */
export function ownerOfKey(key: string): string {
  const slash = key.indexOf("/");
  return slash === -1 || isReserved(key) ? key : key.slice(0, slash);
}

/**
 * Reads our mark from an object's tags.
 *
 * @returns undefined unless the tags name us, and only us, and exactly one key. A mark that
 *   somebody changed makes the object theirs.
 */
export function readMark(tags: readonly string[], clusterId: string): Mark | undefined {
  const owners = tags.filter((tag) => tag.startsWith(OWNER_PREFIX));
  const managers = tags.filter((tag) => tag.startsWith(MANAGED_BY_PREFIX));
  const [key, ...otherKeys] = tags.filter((tag) => tag.startsWith(KEY_PREFIX));
  if (managers.length !== 1 || managers[0] !== MANAGED_BY) return undefined;
  if (owners.length !== 1 || owners[0]?.toLowerCase() !== ownerTag(clusterId)) return undefined;
  if (key === undefined || otherKeys.length > 0) return undefined;
  return { key: key.slice(KEY_PREFIX.length), retain: tags.includes(RETAIN) };
}

/** The tags that say who keeps an object. */
export function manageTags(tags: readonly string[]): readonly string[] {
  return tags.filter((tag) => /^(?:managed-by:|dd-observe-)/.test(tag));
}

export function tagsOf(raw: Readonly<Record<string, unknown>>): readonly string[] {
  const tags = raw["tags"];
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}
