import type { RawObject } from "../../controllers/datadog/kind.ts";
import type { Existing } from "../existing.ts";
import type { OpenKind } from "../kinds.ts";
import { UsageError } from "../print.ts";

/** What stands in Datadog where a backup would be put. */
export type Standing =
  | { readonly state: "ours"; readonly raw: RawObject; readonly ref: string }
  | { readonly state: "gone" };

/**
 * Looks wherever the object may be, so that it is never made twice: by its mark, by the id that is
 * remembered, by the id in the backup, and by its name.
 *
 * @throws {UsageError} if what stands there is somebody else's.
 */
export async function standingOf(
  { kind, memory, noun }: OpenKind,
  existing: Existing,
  { key, raw: kept }: { readonly key: string; readonly raw: RawObject },
  signal: AbortSignal,
): Promise<Standing> {
  const isOurs = (raw: RawObject): boolean => kind.markOf(raw)?.key === key;
  const marked = await kind.find(key, { signal, priority: "change" });
  const refs = [memory.get(key)?.ref, kind.refOf(kept)].filter((ref) => ref !== undefined);
  const read = await Promise.all([...new Set(refs)].map(async (ref) => await existing.read(ref, signal)));
  const ofRef = read.filter((raw) => raw !== undefined);
  const ours = [...ofRef, ...marked].find(isOurs);
  if (ours !== undefined) return { state: "ours", raw: ours, ref: kind.refOf(ours) };

  const name = existing.nameOf(kept);
  const named = name === "" ? [] : await existing.named(name, signal);
  const other = [...ofRef, ...named].find((raw) => !isEnded(raw));
  if (other === undefined) return { state: "gone" };
  const whose = kind.marksOf(other);
  const ref = kind.refOf(other);
  throw new UsageError(
    `${noun} ${ref} ${JSON.stringify(existing.nameOf(other))} stands there already, and ${whose.length === 0 ? `isn't marked as ${key}` : `carries the mark ${whose.join(", ")}`}`,
    `To have a second one of that name made would be no restoring. Delete it or name it otherwise in Datadog first, or take it over with dd-observe adopt.`,
  );
}

/** A canceled downtime can be read for months. */
function isEnded(raw: RawObject): boolean {
  const attributes = raw["attributes"];
  const status =
    typeof attributes === "object" && attributes !== null && "status" in attributes
      ? attributes.status
      : undefined;
  return status === "canceled" || status === "ended";
}
