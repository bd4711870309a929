import { metricsReader } from "../../clients/datadog-metrics.ts";
import { toError } from "../../clients/errors.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import type { Metrics } from "../../engine/metrics.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { Board } from "../../engine/status/board.ts";
import { connect } from "../datadog/connection.ts";
import type { ClusterDeps } from "../deps.ts";
import { askArrivals } from "./ask.ts";
import { expectedArrivals, type Expected } from "./expected.ts";
import { judgeArrival, METRICS_ARRIVING, WAITING_FOR_DATA } from "./judge.ts";

export interface ArrivalOptions {
  readonly deps: ClusterDeps;
  /** What is wished now. Undefined while that is not known. */
  readonly snapshot: () => Snapshot | undefined;
  readonly board: Board;
  readonly metrics: Metrics;
  readonly log: Log;
  /** 0 for never. */
  readonly intervalMs: number;
  readonly clock?: Clock;
}

/** What stands in Datadog comes first, and a file takes a while to be loaded. */
const FIRST_MS = 30_000;
/** Somebody waits to see a new service well: what nothing good was said of is asked for so often. Without such no call is made. */
const URGENT_MS = 60_000;
/** A service, or another expectation of it, is new for so long: files, the Agent and Datadog each take their time. */
const NEW_MS = 10 * 60_000;
/** Services without key metrics cost a call each: so many of them are asked for at once, in turns. */
const MOST_WITHOUT_KEYS = 20;

/**
 * Looks whether the metrics of services arrive, again and again until the signal aborts, and says so in
 * `MetricsArriving`. Its calls let all others pass.
 */
export async function watchArrival(options: ArrivalOptions, signal: AbortSignal): Promise<void> {
  const { intervalMs, log, metrics, clock = systemClock } = options;
  if (intervalMs === 0) return;
  const watch = new ArrivalWatch(options);
  let told: string | undefined;
  try {
    for (let pauseMs = FIRST_MS; !signal.aborted; pauseMs = URGENT_MS) {
      await clock.sleep(Math.min(pauseMs, intervalMs), signal).catch(() => undefined);
      if (signal.aborted) return;
      const wrong = await watch.look(signal).then(
        () => undefined,
        (error: unknown) => toError(error).message,
      );
      if (signal.aborted) return;
      if (wrong !== undefined && wrong !== told) log.error({ error: wrong }, "arrival of metrics not known");
      told = wrong;
    }
  } finally {
    metrics.silent.reset();
  }
}

interface Watched {
  /** What is expected, as a text to compare. */
  readonly expectation: string;
  /** Since when just that is expected, as far as this process saw it; 0 for what it found. */
  readonly sinceMs: number;
  readonly askedMs: number;
}

class ArrivalWatch {
  readonly #options: ArrivalOptions;
  readonly #clock: Clock;
  #watched: ReadonlyMap<string, Watched> = new Map();
  #isFirst = true;
  #lastWholeMs = -Infinity;

  constructor(options: ArrivalOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async look(signal: AbortSignal): Promise<void> {
    const { deps, snapshot: newest, board, intervalMs } = this.#options;
    const snapshot = newest();
    const connection = connect(deps);
    if (snapshot === undefined || connection === undefined) return;
    const nowMs = this.#clock.wallMs();
    const expected = expectedArrivals(snapshot, deps.clusterId);
    this.#keepTrack(expected, nowMs);

    const isWhole = this.#clock.monotonicMs() - this.#lastWholeMs >= intervalMs;
    if (isWhole) this.#lastWholeMs = this.#clock.monotonicMs();
    const due = this.#inTurns(isWhole ? expected : expected.filter(({ service }) => this.#isUrgent(service)));
    const arrivals = await askArrivals(due, {
      // A POST that changes nothing.
      datadog: metricsReader(connection.validation),
      clusterId: deps.clusterId,
      nowMs,
      signal,
    });
    for (const arrival of arrivals) {
      const { service } = arrival.expected;
      const condition = judgeArrival(arrival, this.#isNew(service, nowMs));
      if (condition !== undefined)
        board.setConditions(service, snapshot.services.get(service)?.generation, [condition]);
    }
    this.#count(expected);
  }

  /** Since when what is expected of a service is expected. */
  #keepTrack(expected: readonly Expected[], nowMs: number): void {
    const watched = new Map<string, Watched>();
    for (const one of expected) {
      const expectation = JSON.stringify([one.metrics, one.scope]);
      const before = this.#watched.get(one.service);
      const sinceMs = before === undefined && this.#isFirst ? 0 : nowMs;
      watched.set(
        one.service,
        before?.expectation === expectation
          ? before
          : { expectation, sinceMs, askedMs: before?.askedMs ?? 0 },
      );
    }
    this.#watched = watched;
    this.#isFirst = false;
  }

  /** A process that begins to lead finds services that are new to nobody: their `Accepted` says since when. */
  #isNew(service: string, nowMs: number): boolean {
    const accepted = this.#conditionOf(service, "Accepted");
    const sinceMs = Math.max(
      this.#watched.get(service)?.sinceMs ?? 0,
      accepted === undefined ? nowMs : Date.parse(accepted.lastTransitionTime),
    );
    return nowMs - sinceMs < NEW_MS;
  }

  #isUrgent(service: string): boolean {
    const condition = this.#conditionOf(service, METRICS_ARRIVING);
    return condition === undefined || condition.reason === WAITING_FOR_DATA;
  }

  #conditionOf(service: string, type: string) {
    return this.#options.board.get(service)?.conditions.find((condition) => condition.type === type);
  }

  /** All that have key metrics, and of the others those that were not asked for the longest. */
  #inTurns(expected: readonly Expected[]): readonly Expected[] {
    const [without = [], withKeys = []] = [true, false].map((isWithout) =>
      expected.filter(({ metrics }) => (metrics.length === 0) === isWithout),
    );
    const askedMs = ({ service }: Expected): number => this.#watched.get(service)?.askedMs ?? 0;
    const turn = without.toSorted((a, b) => askedMs(a) - askedMs(b)).slice(0, MOST_WITHOUT_KEYS);
    const nowMs = this.#clock.wallMs();
    const watched = new Map(this.#watched);
    for (const { service } of turn) {
      const one = watched.get(service);
      if (one !== undefined) watched.set(service, { ...one, askedMs: nowMs });
    }
    this.#watched = watched;
    return [...withKeys, ...turn];
  }

  #count(expected: readonly Expected[]): void {
    const { metrics } = this.#options;
    const silent = new Map<string, number>();
    for (const { service } of expected) {
      const condition = this.#conditionOf(service, METRICS_ARRIVING);
      if (condition?.status === "False")
        silent.set(condition.reason, (silent.get(condition.reason) ?? 0) + 1);
    }
    metrics.silent.reset();
    for (const [reason, count] of silent) metrics.silent.set({ reason }, count);
  }
}
