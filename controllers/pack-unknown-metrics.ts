import type { Pack } from "../crds/pack.ts";
import type { PackFile } from "../crds/pack-fault.ts";
import { knownMetrics, slipOf, systemOf } from "./monitors/lint/known-metrics.ts";
import { metricsIn, packQueries, type PackQuery } from "./pack-queries.ts";

/** A query of a pack that names a metric which its system isn't known to send. */
export interface UnknownMetric {
  readonly file: PackFile;
  readonly message: string;
}

const FILES: Readonly<Record<PackQuery["kind"], PackFile>> = {
  monitor: "monitors.yaml",
  SLO: "slos.yaml",
  dashboard: "dashboards.yaml",
};

/**
 * Metrics of a pack's own systems that neither its table nor another pack's has: such a monitor would be silent for
 * ever. Of systems that no table knows, such as one's own application, nothing can be said, nor of a pack without one.
 *
 * @param packs All of them; the pack itself may be among them.
 */
export function unknownMetricsOf(pack: Pack, packs: Iterable<Pack>): readonly UnknownMetric[] {
  const own = knownMetrics(new Map([[pack.name, pack]]));
  const all = knownMetrics(
    new Map([...[...packs].map((one) => [one.name, one] as const), [pack.name, pack]]),
  );
  const found = new Map<string, UnknownMetric>();
  for (const { kind, object, widget, query } of packQueries(pack)) {
    for (const { metric } of metricsIn(query)) {
      if (metric.includes("${") || all.names.has(metric) || !own.systems.has(systemOf(metric))) continue;
      const where = `${object}${widget === undefined ? "" : ` (${widget})`}`;
      const slip = slipOf(metric, own);
      const advice = slip === undefined ? "add it to metrics.yaml if it is sent" : `did you mean ${slip}?`;
      const message = `${where} asks for ${metric}, which is in no metrics.yaml; ${advice}`;
      found.set(`${kind} ${message}`, { file: FILES[kind], message });
    }
  }
  return [...found.values()];
}
