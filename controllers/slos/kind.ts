import type { SloReader, SloWriter } from "../../clients/datadog-slos.ts";
import type { DatadogKind } from "../datadog/kind.ts";
import { manageTags, MAX_KEY_LENGTH, ownerOfKey, tagsOf } from "../datadog/mark.ts";
import { canonicalDesired, canonicalObserved, toWire, type SloBody } from "./canonical.ts";
import { readSloMark, sloKeyTag, sloMarkTags, sloOwnerTag } from "./mark.ts";

export interface SloKindOptions {
  /** A `SloReader` makes a kind that can only be observed: for dry runs. */
  readonly slos: SloReader | SloWriter;
  readonly clusterId: string;
}

/** SLOs written at once. Datadog takes 200 a minute. */
const CONCURRENCY = 4;

/** SLOs: marked by their tags, listed in full by one of them. */
export function sloKind({ slos, clusterId }: SloKindOptions): DatadogKind<SloBody> {
  return {
    name: "slos",
    noun: "SLO",
    maxKeyLength: MAX_KEY_LENGTH,
    concurrency: CONCURRENCY,

    async list(options) {
      const { objects, pages } = await slos.list(sloOwnerTag(clusterId), options);
      return { objects: [...objects].sort(byAge), mayHaveMissed: pages > 1 };
    },
    read: async (ref, call) => await slos.get(ref, call),
    find: async (key, call) => [...(await slos.list(sloKeyTag(key), call)).objects].sort(byAge),
    writer: "create" in slos ? slos : undefined,
    hindrances: async (ref, call) => (await slos.canDelete([ref], call)).get(ref) ?? [],

    refOf: (raw) => String(raw["id"]),
    markOf: (raw) => readSloMark(tagsOf(raw), clusterId),
    marksOf: (raw) => manageTags(tagsOf(raw)),
    ownerOf: ownerOfKey,
    titleOf: ({ name }) => name,
    canonical: canonicalObserved,
    toWire,
    markIn: ({ tags }) => readSloMark(tags, clusterId),
    adopted: (raw, mark) => ({
      ...toWire(canonicalObserved(raw)),
      tags: [...new Set([...tagsOf(raw), ...sloMarkTags({ ...mark, clusterId })])],
    }),
    cannotBecome(observed, desired) {
      if (observed.type === desired.type) return undefined;
      return {
        answer: `Datadog can't turn an SLO of type ${observed.type} into one of type ${desired.type}`,
        hint: "Give the SLO another name in the wish: a new one is made, and this one is deleted.",
      };
    },
    changeOf(raw) {
      const seconds = raw["modified_at"];
      return typeof seconds === "number" ? { at: seconds * 1_000 } : {};
    },
    uses: ({ monitor_ids: monitors }) => monitors.map((ref) => ({ controller: "monitors", ref })),
    // Names of monitors sort otherwise than their numbers.
    rebound: canonicalDesired,
  };
}

/** The oldest first. */
function byAge(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): number {
  return Number(a["created_at"] ?? 0) - Number(b["created_at"] ?? 0);
}
