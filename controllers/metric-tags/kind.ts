import type { DatadogKind } from "../datadog/kind.ts";
import { canonicalObserved, type MetricTagsBody } from "./canonical.ts";
import { metricKey } from "./compile.ts";
import { bodyIn, Configurations, neutralWire, type ConfigurationsOptions } from "./configurations.ts";
import { modifiedAt } from "./raw.ts";

/** Configurations written at once. */
const CONCURRENCY = 4;
/** `_metrics/` and a metric's name. */
const MAX_KEY_LENGTH = 220;

/** Tag configurations of metrics: without any mark, one for each metric, listed in full. */
export function metricTagsKind(options: ConfigurationsOptions): DatadogKind<MetricTagsBody> {
  const { memory, wished } = options;
  const configurations = new Configurations(options);
  return {
    name: "metric-tags",
    noun: "tag configuration",
    maxKeyLength: MAX_KEY_LENGTH,
    concurrency: CONCURRENCY,
    hasNoMark: true,

    list: async (call) => ({ objects: await configurations.list(call), mayHaveMissed: false }),
    read: async (ref, call) => await configurations.read(ref, call),
    find: async (key, call) => await configurations.find(metricIn(key), call),
    writer:
      "create" in options.tags
        ? {
            create: async (wire, call) => await configurations.create(bodyIn(wire), call),
            update: async (_ref, wire, call) => await configurations.update(bodyIn(wire), call),
            delete: async (ref, call) => await configurations.delete(ref, call),
          }
        : undefined,

    refOf: (raw) => String(raw["id"]),
    markOf(raw) {
      const key = metricKey(String(raw["id"]));
      if (!configurations.isOurs(raw)) return undefined;
      return { key, retain: wished().get(key)?.retain ?? memory.get(key)?.retain === true };
    },
    marksOf: () => [],
    ownerOf: (key) => wished().get(key)?.owner ?? key,
    titleOf: ({ metric }) => metric,
    canonical: canonicalObserved,
    toWire: neutralWire,
    markIn: ({ metric }) => ({ key: metricKey(metric), retain: false }),
    adopted: (raw) => neutralWire(canonicalObserved(raw)),
    cannotBecome(observed, desired) {
      const [from, to] = [observed.metric_type, desired.metric_type];
      if (from === undefined || to === undefined || from === to) return undefined;
      return {
        answer: `Datadog keeps it as a ${from}, and can't turn that into a ${to}`,
        hint: "Correct the type in the document, or leave it out.",
      };
    },
    changeOf(raw) {
      const at = modifiedAt(raw);
      return at === undefined ? {} : { at };
    },
    together: [["tags", "exclude_tags_mode"]],
    isOver: ({ metric }) => configurations.isNeedless(metric),
  };
}

function metricIn(key: string): string {
  return key.slice(metricKey("").length);
}
