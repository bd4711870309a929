import { keyTag, markTags, ownerTag, readMark, type Mark } from "../datadog/mark.ts";
import { storedTag } from "./canonical.ts";

/**
 * SLOs carry the same mark as monitors. But Datadog stores their tags in lower case and cuts off underscores at
 * their end, so that `Ray/Latency_` would come back as another key: there a capital is written `:r`, and an
 * underscore at the end `:0`. No key holds a colon.
 */
export function sloMarkTags(mark: Mark & { readonly clusterId: string }): readonly string[] {
  return markTags({ ...mark, clusterId: storedOwner(mark.clusterId), key: written(mark.key) });
}

/** The one tag by which all SLOs of this operator are listed. */
export function sloOwnerTag(clusterId: string): string {
  return ownerTag(storedOwner(clusterId));
}

/** The one tag by which the SLO of a key is found. */
export function sloKeyTag(key: string): string {
  return keyTag(written(key));
}

export function readSloMark(tags: readonly string[], clusterId: string): Mark | undefined {
  const mark = readMark(tags, storedOwner(clusterId));
  return mark === undefined ? undefined : { ...mark, key: read(mark.key) };
}

/** True if Datadog stores the mark of this key as it is, and doesn't cut it off. */
export function canBeMarked(key: string): boolean {
  return storedTag(sloKeyTag(key)) === sloKeyTag(key);
}

/** What an owner tag of an SLO says of a cluster, as Datadog stores it. */
function storedOwner(clusterId: string): string {
  return storedTag(ownerTag(clusterId)).slice(ownerTag("").length);
}

function written(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `:${letter.toLowerCase()}`).replace(/_$/, ":0");
}

function read(text: string): string {
  return text.replaceAll(/:([a-z0])/g, (_all, letter: string) =>
    letter === "0" ? "_" : letter.toUpperCase(),
  );
}
