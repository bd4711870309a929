import { SLO_DEFAULTS, sloThresholds, type SloLayer } from "../../crds/slo.ts";
import { reference } from "../../engine/plan/tokens.ts";
import type { Json } from "../monitors/canonical.ts";

/** Keys of the monitors that an SLO measures. @param service Whose names without a slash are. */
export function monitorKeys({ monitors = [] }: SloLayer, service: string): readonly string[] {
  return [...new Set(monitors.map((name) => (name.includes("/") ? name : `${service}/${name}`)))];
}

/** The part of Datadog's body that says what is measured, and against what. Texts are filled in already. */
export function measured(slo: SloLayer, service: string): Json {
  const thresholds = sloThresholds(slo).map(({ timeframe, target, warning }) => ({
    timeframe,
    target,
    ...(warning === undefined ? {} : { warning }),
  }));
  return { thresholds, ...indicator(slo, service) };
}

function indicator(slo: SloLayer, service: string): Json {
  switch (slo.type) {
    case "metric":
      return { type: "metric", query: { numerator: slo.numerator, denominator: slo.denominator } };
    case "monitor": {
      const ids = monitorKeys(slo, service).map((key) => reference("monitors", key));
      return { type: "monitor", monitor_ids: ids, groups: slo.groups ?? [] };
    }
    case "time-slice":
      return { type: "time_slice", sli_specification: { time_slice: slice(slo) } };
    case undefined:
      return {};
    default:
      return slo.type satisfies never;
  }
}

const ONLY_QUERY = "query1";

function slice({ query, queries, formula = ONLY_QUERY, ...slo }: SloLayer): Json {
  const named = query === undefined ? (queries ?? {}) : { [ONLY_QUERY]: query };
  return {
    query: {
      formulas: [{ formula }],
      queries: Object.entries(named).map(([name, text]) => ({
        data_source: "metrics",
        name,
        query: text,
      })),
    },
    comparator: slo.comparator ?? SLO_DEFAULTS.comparator,
    threshold: slo.threshold,
    query_interval_seconds: slo.queryIntervalSeconds ?? SLO_DEFAULTS.queryIntervalSeconds,
  };
}

/** What is measured, in a sentence for people. */
export function sentence(slo: SloLayer, service: string): string {
  switch (slo.type) {
    case "metric":
      return "Measures the ratio of what was good to everything, by two metric queries.";
    case "monitor": {
      const keys = monitorKeys(slo, service);
      return `Measures the time in which the ${keys.length === 1 ? "monitor" : "monitors"} ${keys.join(", ")} ${keys.length === 1 ? "is" : "are all"} OK.`;
    }
    case "time-slice": {
      const { comparator = SLO_DEFAULTS.comparator, queryIntervalSeconds: seconds = 300, threshold } = slo;
      return `Measures the time, in slices of ${seconds / 60} ${seconds === 60 ? "minute" : "minutes"}, in which its query is ${comparator} ${threshold}.`;
    }
    case undefined:
      return "";
    default:
      return slo.type satisfies never;
  }
}
