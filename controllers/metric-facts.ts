import { conditionsInWords } from "../crds/condition.ts";
import { metricTable, type KnownAnswer, type KnownMetric, type MetricTable } from "../crds/metric-table.ts";
import type { Pack } from "../crds/pack.ts";
import { nearest } from "../crds/suggest.ts";
import { metricsIn, packQueries, type PackQuery } from "./pack-queries.ts";

/** Tags that every series of a service has: ours, and those that the Agent adds. */
export const COMMON_TAGS = ["cluster", "endpoint", "env", "host", "service", "team"] as const;

/** One pack that knows a metric, and what it knows. */
export interface Sender {
  readonly pack: string;
  readonly title: string;
  readonly type: string;
  /** `byte`, `byte/second`. Undefined for a plain number, and where nobody says. */
  readonly unit?: string;
  /** Undefined where the pack only knows that it is sent. */
  readonly description?: string;
  /** Tags that tell its series apart, beyond {@link COMMON_TAGS}. */
  readonly tags: readonly string[];
  /** Its name at the source. */
  readonly exposed?: string;
  /** Which instance sends it, if not each one. */
  readonly placement?: string;
  readonly since?: string;
  /** What has to stand in a document for it to be sent. */
  readonly needs: readonly string[];
  readonly verified?: string;
  readonly source?: string;
  readonly query: string;
  /** Objects of the pack that ask for it. */
  readonly usedBy: readonly string[];
}

/** What there is in place of a name that people ask for. */
export interface Answer {
  readonly pack: string;
  readonly answer: KnownAnswer["answer"];
  readonly metrics: readonly string[];
  /** To paste; absent if nothing means the same. */
  readonly query?: string;
  readonly note?: string;
}

/** What is known of one name. At least one of the two lists has something. */
export interface MetricFacts {
  readonly name: string;
  readonly answers: readonly Answer[];
  readonly senders: readonly Sender[];
}

type Packs = ReadonlyMap<string, Pack>;

/** All that the packs know of a metric's name. Undefined if none knows it. */
export function factsOf(name: string, packs: Packs): MetricFacts | undefined {
  const { sent, asked } = metricTable(packs.values());
  const senders = (sent.get(name) ?? []).map((metric) => senderOf(metric, packs.get(metric.pack)!));
  const answers = (asked.get(name) ?? []).map(answerOf);
  return senders.length === 0 && answers.length === 0 ? undefined : { name, answers, senders };
}

/** Names that begin so, in their order. */
export function namesBeginning(prefix: string, { sent, asked }: MetricTable): readonly string[] {
  const names = new Set([...sent.keys(), ...asked.keys()]);
  return [...names].filter((name) => name.startsWith(prefix)).sort((a, b) => (a < b ? -1 : 1));
}

/** Up to `most` names that may have been meant, the nearest first. */
export function namesNear(name: string, { sent, asked }: MetricTable, most = 5): readonly string[] {
  const left = new Set([...sent.keys(), ...asked.keys()]);
  const found: string[] = [];
  while (found.length < most) {
    const one = nearest(name, left);
    if (one === undefined) break;
    found.push(one);
    left.delete(one);
  }
  return found;
}

function senderOf({ name, type, unit, per, tags, needs, entry }: KnownMetric, pack: Pack): Sender {
  const queries = packQueries(pack).filter(({ query }) =>
    metricsIn(query).some(({ metric }) => metric === name),
  );
  return {
    pack: pack.name,
    title: pack.title,
    type,
    ...(unit === undefined ? {} : { unit: per === undefined ? unit : `${unit}/${per}` }),
    ...(entry === undefined ? {} : { description: entry.description }),
    tags,
    ...(entry?.exposed === undefined ? {} : { exposed: entry.exposed }),
    ...(entry?.placement === undefined ? {} : { placement: entry.placement }),
    ...(entry?.since === undefined ? {} : { since: entry.since }),
    needs: conditionsInWords(needs, pack.options),
    ...(entry === undefined ? {} : { verified: entry.verified }),
    ...restsOn(entry?.source ?? pack.metrics.from),
    query: exampleOf(name, type, pack, queries),
    usedBy: [...new Set([...keyMetricOf(name, pack), ...queries.map(objectOf)])],
  };
}

function restsOn(source: string | undefined): { readonly source?: string } {
  return source === undefined ? {} : { source };
}

function keyMetricOf(name: string, { keyMetrics }: Pack): readonly string[] {
  return keyMetrics.some((metric) => metric.name === name) ? ["condition MetricsArriving"] : [];
}

function objectOf({ kind, object }: PackQuery): string {
  return `${kind} ${object}`;
}

/** A query of the pack's own that asks for this metric alone; else a plain one. */
function exampleOf(name: string, type: string, pack: Pack, queries: readonly PackQuery[]): string {
  const own = queries.find(({ kind, query }) => kind === "dashboard" && metricsIn(query).length === 1);
  if (own !== undefined && !/\$\{option|\$[a-z]/.test(own.query))
    return own.query.replaceAll("${scope}", `service:${pack.name}`);
  return type === "count" || type === "rate" ? `sum:${name}{*}.as_count()` : `avg:${name}{*}`;
}

function answerOf({ pack, answer, metrics, instead, tag, aggregator, note }: KnownAnswer): Answer {
  const scope = tag === undefined ? "*" : tag;
  const query = instead?.replaceAll("<a>", aggregator ?? "avg").replaceAll("<s>", `{${scope}}`);
  return {
    pack,
    answer,
    metrics,
    ...(query === undefined ? {} : { query }),
    ...(note === undefined ? {} : { note }),
  };
}
