import type { DatadogReader, DatadogValidator, DatadogWriter, RawMonitor } from "../../clients/datadog.ts";
import { hasExpectedRef } from "../../engine/plan/expected.ts";
import type { DatadogKind, KindWriter, RawObject } from "../datadog/kind.ts";
import {
  keyTag,
  MANAGED_BY,
  manageTags,
  markTags,
  MAX_KEY_LENGTH,
  ownerOfKey,
  ownerTag,
  readMark,
  tagsOf,
} from "../datadog/mark.ts";
import type { Organisation } from "../datadog/organisation.ts";
import { canonicalObserved, familyOf, toWire, type MonitorBody } from "./canonical.ts";
import { usesOf } from "./uses.ts";

export interface MonitorKindOptions {
  /** A `DatadogReader` makes a kind that can only be observed: for dry runs. */
  readonly datadog: DatadogReader | DatadogWriter;
  readonly validator?: DatadogValidator | undefined;
  readonly clusterId: string;
  /** A list of monitors names the organisation anyway. */
  readonly organisation: Organisation;
}

/** Monitors written at once: 50 a second, as the limit allows, though each takes up to half a second. The budget waits where the limit is lower. */
const CONCURRENCY = 24;

/** Monitors: marked by their tags, listed in full. */
export function monitorKind(options: MonitorKindOptions): DatadogKind<MonitorBody> {
  const { datadog, validator, clusterId, organisation } = options;
  const ours = [MANAGED_BY, ownerTag(clusterId)];
  return {
    name: "monitors",
    noun: "monitor",
    maxKeyLength: MAX_KEY_LENGTH,
    concurrency: CONCURRENCY,

    async list(listing) {
      const { monitors, pages } = await datadog.listMonitors(ours, listing);
      const listed = monitors.find((monitor) => typeof monitor["org_id"] === "number")?.["org_id"];
      if (typeof listed === "number") organisation.note(listed);
      return { objects: monitors, mayHaveMissed: pages > 1 };
    },
    read: async (ref, call) => await datadog.getMonitor(Number(ref), call),
    find: async (key, call) => (await datadog.listMonitors([...ours, keyTag(key)], call)).monitors,
    writer: "createMonitor" in datadog ? writerOf(datadog) : undefined,
    async validate(wire, ref, call) {
      // Datadog knows the parts by their numbers only, and they have none yet.
      if ("query" in wire && hasExpectedRef(wire.query)) return;
      if (ref === undefined) await validator?.validateMonitor(wire, call);
      else await validator?.validateExisting(Number(ref), wire, call);
    },
    hindrances: async (ref, call) => (await datadog.canDelete([Number(ref)], call)).get(Number(ref)) ?? [],

    refOf: (raw) => String(raw["id"]),
    markOf: (raw) => (isSynthetic(raw) ? undefined : readMark(tagsOf(raw), clusterId)),
    marksOf: (raw) => manageTags(tagsOf(raw)),
    ownerOf: ownerOfKey,
    titleOf: ({ name }) => name,
    canonical: canonicalObserved,
    toWire,
    markIn: ({ tags }) => readMark(tags, clusterId),
    adopted: (raw, mark) => ({
      ...toWire(canonicalObserved(raw)),
      tags: [...new Set([...tagsOf(raw), ...markTags({ ...mark, clusterId })])],
    }),
    notAdoptable: (raw) => (isSynthetic(raw) ? "it belongs to a synthetic test" : undefined),
    cannotBecome(observed, desired) {
      if (familyOf(observed.type) === desired.type) return undefined;
      return {
        answer: `Datadog can't turn a ${observed.type} into a ${desired.type}`,
        hint: "Give the monitor another name in the wish: a new one is made, and this one is deleted.",
      };
    },
    changeOf(raw) {
      const at = typeof raw["modified"] === "string" ? Date.parse(raw["modified"]) : Number.NaN;
      return Number.isNaN(at) ? {} : { at };
    },
    twinIn: (message) => /Duplicate of an existing monitor_id:\s*(\d+)/.exec(message)?.[1],
    // Datadog refuses a query that says another threshold than the options.
    together: [["type", "query", "options.thresholds", "options.threshold_windows", "options.variables"]],
    // A composite goes before its parts.
    deleteRank: ({ type }) => (type === "composite" ? 0 : 1),
    uses: usesOf,
  };
}

/** Synthetic tests keep their monitors themselves. */
function isSynthetic(raw: RawObject): boolean {
  return raw["type"] === "synthetics alert";
}

function writerOf(datadog: DatadogWriter): KindWriter {
  return {
    create: async (wire, call): Promise<RawMonitor> => await datadog.createMonitor(wire, call),
    update: async (ref, wire, call): Promise<RawMonitor> =>
      await datadog.updateMonitor(Number(ref), wire, call),
    delete: async (ref, call) => await datadog.deleteMonitor(Number(ref), call),
  };
}
