import { isDeepStrictEqual } from "node:util";

import { ApiError, toError } from "../../clients/errors.ts";
import { readNumber } from "../../clients/json-number.ts";
import type { Gauge } from "../../clients/dogstatsd.ts";
import type { Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import type { Board } from "../../engine/status/board.ts";
import type { Condition } from "../../engine/status/status.ts";
import type { DesiredPolls, Poll } from "./compile.ts";

export const POLLING = "Polling";

/** After a start, numbers are asked for within this time: not all at once, and not only after a whole interval. */
const SPREAD_MS = 5_000;
/** One lost answer in between is no news. */
const FAILURES_TO_TELL = 2;

export interface PollsOptions {
  readonly send: (gauge: Gauge) => Promise<void>;
  readonly board: Pick<Board, "setConditions" | "dropConditions">;
  readonly clock: Clock;
  readonly log: Log;
}

interface Running {
  readonly poll: Poll;
  readonly end: AbortController;
  readonly done: Promise<void>;
  succeeded: boolean;
  failures: number;
  error: Error | undefined;
}

/** Keeps one timer for each poll that is desired, and tells how they fare. */
export class Polls {
  readonly #options: PollsOptions;
  readonly #running = new Map<string, Running>();
  #refused: ReadonlyMap<string, string> = new Map();
  #generationOf: (service: string) => number | undefined = () => undefined;
  #told = new Set<string>();

  constructor(options: PollsOptions) {
    this.#options = options;
  }

  /**
   * Starts what is new, ends what is gone, and leaves alone what is the same.
   *
   * @param generationOf Which version of its wish a service has.
   */
  offer({ polls, held, refused }: DesiredPolls, generationOf: (service: string) => number | undefined): void {
    this.#generationOf = generationOf;
    this.#refused = refused;
    for (const [key, { poll, end }] of this.#running) {
      if (held.has(poll.service) || isDeepStrictEqual(polls.get(key), poll)) continue;
      end.abort();
      this.#running.delete(key);
    }
    for (const [key, poll] of polls) if (!this.#running.has(key)) this.#start(poll);
    this.#tell();
  }

  /** Ends everything, and waits for what is under way. */
  async close(): Promise<void> {
    const all = [...this.#running.values()];
    this.#running.clear();
    for (const { end } of all) end.abort();
    await Promise.all(all.map(async ({ done }) => await done));
  }

  #start(poll: Poll): void {
    const end = new AbortController();
    const state = { succeeded: false, failures: 0, error: undefined };
    const begun = Promise.withResolvers<Running>();
    const done = begun.promise.then(async (running) => await this.#run(running, end.signal));
    const running: Running = { poll, end, done, ...state };
    this.#running.set(poll.key, running);
    begun.resolve(running);
  }

  async #run(running: Running, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const { intervalMs } = running.poll;
    let waitMs = Math.min(intervalMs, SPREAD_MS) * clock.random();
    while (await slept(clock, waitMs, signal)) {
      await this.#ask(running, signal);
      if (signal.aborted) return;
      this.#tell();
      waitMs = intervalMs * (0.95 + 0.1 * clock.random());
    }
  }

  async #ask(running: Running, signal: AbortSignal): Promise<void> {
    const { poll } = running;
    try {
      const value = await readNumber(poll, signal);
      await this.#options.send({ metric: poll.metric, value, tags: poll.tags });
      if (running.failures > 0)
        this.#options.log.info({ owner: poll.service, key: poll.key }, "poll works again");
      Object.assign(running, { succeeded: true, failures: 0, error: undefined });
    } catch (error) {
      if (signal.aborted) return;
      running.failures++;
      running.error = toError(error);
      if (running.failures > 1) return;
      const { message } = running.error;
      this.#options.log.warn({ owner: poll.service, key: poll.key, error: message }, "poll failed");
    }
  }

  #tell(): void {
    const { board } = this.#options;
    const conditions = new Map<string, Condition>();
    for (const [service, message] of this.#refused)
      conditions.set(service, { type: POLLING, status: "False", reason: "AddressRefused", message });
    for (const [service, polls] of Map.groupBy(this.#running.values(), ({ poll }) => poll.service))
      conditions.set(service, conditionOf(polls));

    // Of what another machine asks for now, that machine speaks.
    for (const service of this.#told) if (!conditions.has(service)) board.dropConditions(service, [POLLING]);
    for (const [service, condition] of conditions)
      board.setConditions(service, this.#generationOf(service), [condition]);
    this.#told = new Set(conditions.keys());
  }
}

function conditionOf(polls: readonly Running[]): Condition {
  const failing = polls.find(
    ({ error, failures, succeeded }) => error !== undefined && (failures >= FAILURES_TO_TELL || !succeeded),
  );
  if (failing?.error !== undefined) {
    const { error, poll } = failing;
    const hint = (error instanceof ApiError ? error.hint : undefined) ?? poll.hint;
    const message = hint === undefined ? error.message : `${error.message}. ${hint}`;
    return { type: POLLING, status: "False", reason: "PollFailed", message };
  }
  const metrics = [...new Set(polls.map(({ poll }) => poll.metric))].join(", ");
  const isOpen = polls.some(({ succeeded }) => !succeeded);
  return isOpen
    ? {
        type: POLLING,
        status: "Unknown",
        reason: "Progressing",
        message: `${metrics} is still to be asked for`,
      }
    : {
        type: POLLING,
        status: "True",
        reason: "Running",
        message: `${metrics} is asked for and sent to the Agent`,
      };
}

/** @returns False if the signal aborted. */
async function slept(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  return await clock.sleep(ms, signal).then(
    () => true,
    () => false,
  );
}
