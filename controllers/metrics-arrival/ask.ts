import { MOST_QUERIES, type FoundSeries, type MetricsReader } from "../../clients/datadog-metrics.ts";
import { ApiError } from "../../clients/errors.ts";
import { lower, seriesTags, type SeriesTags } from "../series-tags.ts";
import type { Expected } from "./expected.ts";

/** What is known of one key metric of a service. */
export type MetricFound =
  | { readonly metric: string; readonly state: "arrives"; readonly lastAtMs: number }
  /** It arrives, but without tags that everything of the service carries. `found` are those that it has, perhaps none. */
  | { readonly metric: string; readonly state: "otherTags"; readonly found: readonly string[] }
  /** `elsewhere`: others send a metric of this name, with tags of their own. */
  | { readonly metric: string; readonly state: "missing"; readonly elsewhere: boolean }
  | { readonly metric: string; readonly state: "unknown"; readonly error: ApiError };

/** What was learnt of one service. */
export interface Arrival {
  readonly expected: Expected;
  readonly metrics: readonly MetricFound[];
  /** Of a service without key metrics: the names of what arrives with its tags, or why they are not known. */
  readonly any?: readonly string[] | ApiError;
}

export interface AskOptions {
  readonly datadog: MetricsReader;
  readonly clusterId: string;
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

type Answer = readonly FoundSeries[] | ApiError;

/** After these no further call is made: it would end the same way, or make things worse. */
const ENDS_ALL: ReadonlySet<ApiError["failure"]> = new Set(["unauthorized", "unavailable", "rateLimited"]);

/**
 * Asks Datadog whether what is expected arrives. One query for each metric, whatever the number of services that
 * have it, and ten of them in one call; three more for a metric that somebody misses, to tell why.
 * A service without key metrics costs a call of its own.
 *
 * @throws the signal's reason if it is aborted.
 */
export async function askArrivals(
  expected: readonly Expected[],
  options: AskOptions,
): Promise<readonly Arrival[]> {
  const asked = new Asked(options, Math.max(0, ...expected.map(({ windowMs }) => windowMs)));
  const usual = new Set(
    expected.flatMap((one) => one.metrics.map((metric) => usualQuery(metric, one, options))),
  );
  await asked.run([...usual]);

  const missed = expected.flatMap((one) =>
    one.metrics.filter((metric) => {
      const answer = asked.answer(usualQuery(metric, one, options));
      return !(answer instanceof ApiError) && newestOf(answer, one, options) === undefined;
    }),
  );
  await asked.run([...new Set(missed)].flatMap((metric) => Object.values(closerQueries(metric))));

  const arrivals: Arrival[] = [];
  for (const one of expected) {
    if (one.metrics.length === 0) {
      arrivals.push({ expected: one, metrics: [], any: await asked.active(one) });
      continue;
    }
    const metrics = one.metrics.map((metric) => judgeMetric(metric, one, asked, options));
    arrivals.push({ expected: one, metrics });
  }
  return arrivals;
}

/** Answers by query. Each is asked once, and what can't be learnt keeps its reason. */
class Asked {
  readonly #options: AskOptions;
  readonly #windowMs: number;
  readonly #answers = new Map<string, Answer>();
  #ended: ApiError | undefined;

  constructor(options: AskOptions, windowMs: number) {
    this.#options = options;
    this.#windowMs = windowMs;
  }

  answer(query: string): Answer {
    return this.#answers.get(query) ?? [];
  }

  async run(queries: readonly string[]): Promise<void> {
    for (let at = 0; at < queries.length; at += MOST_QUERIES)
      await this.#runBatch(queries.slice(at, at + MOST_QUERIES));
  }

  async active({ scope, windowMs }: Expected): Promise<readonly string[] | ApiError> {
    const { datadog, nowMs, signal } = this.#options;
    if (this.#ended !== undefined) return this.#ended;
    try {
      return await datadog.active(scope, nowMs - windowMs, { signal, priority: "status" });
    } catch (error) {
      return this.#noted(error);
    }
  }

  async #runBatch(batch: readonly string[]): Promise<void> {
    const { datadog, nowMs, signal } = this.#options;
    const keep = (error: ApiError): void => batch.forEach((query) => this.#answers.set(query, error));
    if (this.#ended !== undefined) return keep(this.#ended);
    try {
      const window = { fromMs: nowMs - this.#windowMs, toMs: nowMs };
      const answers = await datadog.query(batch, window, { signal, priority: "status" });
      batch.forEach((query, at) => this.#answers.set(query, answers[at] ?? []));
    } catch (error) {
      const noted = this.#noted(error);
      if (noted.failure !== "rejected" || batch.length === 1) return keep(noted);
      // One that Datadog can't read must not hide the others.
      for (const query of batch) await this.#runBatch([query]);
    }
  }

  #noted(error: unknown): ApiError {
    this.#options.signal.throwIfAborted();
    if (!(error instanceof ApiError)) throw error;
    if (ENDS_ALL.has(error.failure)) this.#ended = error;
    return error;
  }
}

function usualQuery(metric: string, { env }: Expected, { clusterId }: AskOptions): string {
  return `avg:${metric}{cluster:${lower(clusterId)}} by {${env === undefined ? "service" : "service,env"}}`;
}

/** What tells a metric that nobody sends from one that comes without our tags. */
function closerQueries(metric: string) {
  return {
    all: `avg:${metric}{*}`,
    byService: `avg:${metric}{*} by {service}`,
    byScope: `avg:${metric}{*} by {service,env,cluster}`,
  };
}

function judgeMetric(metric: string, expected: Expected, asked: Asked, options: AskOptions): MetricFound {
  const usual = asked.answer(usualQuery(metric, expected, options));
  if (usual instanceof ApiError) return { metric, state: "unknown", error: usual };
  const lastAtMs = newestOf(usual, expected, options);
  if (lastAtMs !== undefined) return { metric, state: "arrives", lastAtMs };

  const queries = closerQueries(metric);
  const [all, byService, byScope] = [queries.all, queries.byService, queries.byScope].map((query) =>
    asked.answer(query),
  );
  const error = [all, byService, byScope].find((answer) => answer instanceof ApiError);
  if (error !== undefined) return { metric, state: "unknown", error };
  const fresh = (answer: Answer | undefined): readonly SeriesTags[] =>
    (answer instanceof ApiError ? [] : (answer ?? []))
      .filter((series) => isFresh(series, expected, options))
      .map(({ tags }) => seriesTags(tags));
  const found = otherTags(expected, options.clusterId, {
    any: fresh(all).length > 0,
    services: fresh(byService),
    scopes: fresh(byScope),
  });
  if (found !== undefined) return { metric, state: "otherTags", found };
  return { metric, state: "missing", elsewhere: fresh(all).length > 0 };
}

/** When the newest point with the service's own tags came. Undefined if there is none that is new enough. */
function newestOf(answer: Answer, expected: Expected, options: AskOptions): number | undefined {
  if (answer instanceof ApiError) return undefined;
  const own = answer.filter((series) => {
    const tags = seriesTags(series.tags);
    return (
      tags.get("service") === lower(expected.service) &&
      (expected.env === undefined || tags.get("env") === lower(expected.env)) &&
      isFresh(series, expected, options)
    );
  });
  return own.length === 0 ? undefined : Math.max(...own.map(({ lastAtMs }) => lastAtMs));
}

function isFresh({ lastAtMs }: FoundSeries, { windowMs }: Expected, { nowMs }: AskOptions): boolean {
  return lastAtMs >= nowMs - windowMs;
}

/**
 * The tags of points that seem to be the service's, but don't carry all of its tags. Undefined if there are none.
 * What is complete and names another service or cluster is theirs.
 */
function otherTags(
  { service }: Expected,
  clusterId: string,
  found: {
    readonly any: boolean;
    readonly services: readonly SeriesTags[];
    readonly scopes: readonly SeriesTags[];
  },
): readonly string[] | undefined {
  const cluster = lower(clusterId);
  const mayBeOurs = (tags: SeriesTags): boolean =>
    (tags.get("service") ?? lower(service)) === lower(service) &&
    (tags.get("cluster") ?? cluster) === cluster;
  const named = (tags: SeriesTags): boolean => tags.get("service") === lower(service);
  const nearest = found.scopes.find((tags) => named(tags) && mayBeOurs(tags)) ?? found.scopes.find(mayBeOurs);
  if (nearest !== undefined) return [...nearest].map(([key, value]) => `${key}:${value}`);
  // Where a group needs every one of its tags, points that lack one are seen by the others only.
  if (found.services.some(named) && !found.scopes.some(named)) return [`service:${lower(service)}`];
  return found.any && found.services.length === 0 && found.scopes.length === 0 ? [] : undefined;
}
