import { tag, tagValue } from "../../crds/names.ts";

/** What a document says of an object's tags. */
export interface StatedTags {
  readonly stated: { readonly env?: string; readonly team?: string; readonly tags?: readonly string[] };
  /** Tags that no document can state. */
  readonly lost: readonly string[];
}

/** Tags have their places: the environment and the team are fields, ours are put by dd-observe. */
export function statedTags(tags: unknown): StatedTags {
  const all = [...new Set(Array.isArray(tags) ? tags.filter((one) => typeof one === "string") : [])];
  const stated: { env?: string; team?: string } = {};
  const plain: string[] = [];
  const lost: string[] = [];
  for (const one of all) {
    const colon = one.indexOf(":");
    const [key, value] = [one.slice(0, colon), one.slice(colon + 1)];
    if ((key === "env" || key === "team") && stated[key] === undefined && tagValue.safeParse(value).success)
      stated[key] = value;
    else if (tag.safeParse(one).success) plain.push(one);
    else if (!isOurs(key)) lost.push(one);
  }
  return { stated: { ...stated, ...(plain.length === 0 ? {} : { tags: plain }) }, lost };
}

function isOurs(key: string): boolean {
  return key === "managed-by" || key.startsWith("dd-observe-");
}
