import { sentMetrics, type AskedMetric, type SentMetric } from "./pack-metrics.ts";
import type { Pack } from "./pack.ts";

/** A name that Datadog has when a service with this pack is observed. */
export interface KnownMetric extends SentMetric {
  readonly pack: string;
}

/** What there is of a name that people commonly ask for. */
export interface KnownAnswer extends AskedMetric {
  readonly pack: string;
}

/** The tables of all packs as one. A name may be known to several packs. */
export interface MetricTable {
  /** Names with `${option.…}` stand as the pack has them. */
  readonly sent: ReadonlyMap<string, readonly KnownMetric[]>;
  readonly asked: ReadonlyMap<string, readonly KnownAnswer[]>;
}

export function metricTable(packs: Iterable<Pack>): MetricTable {
  const sent = new Map<string, KnownMetric[]>();
  const asked = new Map<string, KnownAnswer[]>();
  for (const { name: pack, metrics } of packs) {
    for (const [name, metric] of sentMetrics(metrics)) add(sent, name, { ...metric, pack });
    for (const [name, answer] of Object.entries(metrics.asked)) add(asked, name, { ...answer, pack });
  }
  return { sent, asked };
}

function add<Value>(map: Map<string, Value[]>, name: string, value: Value): void {
  const values = map.get(name);
  if (values === undefined) map.set(name, [value]);
  else values.push(value);
}
