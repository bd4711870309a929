import { ApiError } from "../../clients/errors.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import { failureOf } from "../../engine/status/conditions.ts";
import { judge, notLooked, type Published, type Verdict, type Workload } from "./judge.ts";
import type { Workloads } from "./workloads.ts";

export interface JobLookOptions {
  readonly workloads: Workloads;
  /** Nomad's address, for people. */
  readonly nomad: string;
  /** The system's own if absent. */
  readonly clock?: Clock | undefined;
}

/** What was seen of one service. */
interface Seen {
  /** Undefined if there is nothing to say: it doesn't run by Nomad. */
  readonly verdict: Verdict | undefined;
  readonly atMs: number;
  readonly variables: Published["variables"];
  readonly changedMs: number | undefined;
}

/** So long what was seen of a service holds, unless its environment changes. A little less than a resync. */
const HOLDS_MS = 45_000;
/** The same of what somebody is likely to change just now. */
const SOON_MS = 10_000;
const UNSETTLED: ReadonlySet<string> = new Set(["JobDoesNotTake", "TakenAtNextDeploy", "NotLooked"]);
/** One look takes no longer, or passes would wait: those that were looked at the longest ago come first, others next time. */
const LOOK_MS = 3_000;
/** So many services are looked at in one look, at most. */
const MOST_LOOKED = 200;
/** What was seen before Nomad went away is told for so long. */
const STALE_MS = 10 * 60_000;
const CONCURRENCY = 4;

/** Looks into the jobs of services, some at a time, and remembers what it saw. */
export class JobLook {
  readonly #options: JobLookOptions;
  readonly #clock: Clock;
  #seen: ReadonlyMap<string, Seen> = new Map();

  constructor(options: JobLookOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Looks at those whose turn it is.
   *
   * @param wanted Every service that has an environment.
   * @returns What is known of each, as of its last look.
   */
  async look(
    wanted: ReadonlyMap<string, Published>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Verdict>> {
    const seen = new Map([...this.#seen].filter(([service]) => wanted.has(service)));
    const nowMs = this.#clock.monotonicMs();
    const due = [...wanted.values()]
      .map((published) => ({ published, atMs: this.#seenAt(published) }))
      .filter(({ published: { service }, atMs }) => nowMs - atMs >= this.#holdsMs(service))
      .sort((a, b) => a.atMs - b.atMs)
      .slice(0, MOST_LOOKED)
      .map(({ published }) => published);
    this.#options.workloads.beginRound();
    let down: ApiError | undefined;
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < due.length && this.#clock.monotonicMs() - nowMs < LOOK_MS) {
        const published = due[next++]!;
        const { service, variables, changedMs } = published;
        const atMs = this.#clock.monotonicMs();
        try {
          if (down !== undefined) throw down;
          const verdict = await this.#lookAt(published, signal);
          seen.set(service, { verdict, atMs, variables, changedMs });
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof ApiError)) throw error;
          if (error.failure === "unavailable" || error.failure === "rateLimited") down ??= error;
          const before = seen.get(service);
          // It is asked again at the next look, in its turn.
          if (before?.verdict === undefined || atMs - before.atMs > STALE_MS)
            seen.set(service, { verdict: notLooked(failureOf(error).message), atMs, variables, changedMs });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(CONCURRENCY, due.length) }, work));
    this.#seen = seen;
    return new Map(
      [...seen].flatMap(([service, { verdict }]) =>
        verdict === undefined ? [] : [[service, verdict] as const],
      ),
    );
  }

  /** When it was looked at as it is now; the further back the sooner it is its turn. */
  #seenAt({ service, variables, changedMs }: Published): number {
    const seen = this.#seen.get(service);
    return seen?.variables === variables && seen.changedMs === changedMs ? seen.atMs : -Infinity;
  }

  #holdsMs(service: string): number {
    const reason = this.#seen.get(service)?.verdict?.reason;
    return reason !== undefined && UNSETTLED.has(reason) ? SOON_MS : HOLDS_MS;
  }

  async #lookAt(published: Published, signal: AbortSignal): Promise<Verdict | undefined> {
    const { workloads, nomad } = this.#options;
    const { places, isHidden } = await workloads.find(published.service, signal);
    const found: Workload[] = [];
    for (const place of places) {
      const workload = await workloads.workload(place, signal);
      if (workload !== undefined) found.push(workload);
    }
    if (found.length > 0) return judge(published, found);
    return isHidden
      ? notLooked(
          `Nomad at ${nomad} doesn't know, or doesn't show us, the allocations that run it. Give the token of NOMAD_TOKEN read-job in their namespace; or set NOMAD_ADDR, if they are another Nomad's`,
        )
      : undefined;
  }
}
