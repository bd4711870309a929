import { sendGauge } from "../../clients/dogstatsd.ts";
import type { DogstatsdAddress } from "../../clients/receiver-address.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { Board } from "../../engine/status/board.ts";
import { compilePolls, type PollGround } from "./compile.ts";
import { Polls } from "./runner.ts";

export interface PollsOfNode {
  readonly feed: {
    subscribe(listener: (snapshot: NodeSnapshot) => void, signal: AbortSignal): void;
  };
  readonly ground: PollGround;
  readonly dogstatsd: DogstatsdAddress;
  readonly board: Board;
  readonly log: Log;
  /** The system's own if absent. */
  readonly clock?: Clock;
}

/** Asks for the numbers that only a call can give, and sends them to the local Agent, until `signal` aborts. */
export async function runPolls(options: PollsOfNode, signal: AbortSignal): Promise<void> {
  const { feed, ground, dogstatsd, board, log, clock = systemClock } = options;
  if (signal.aborted) return;
  const polls = new Polls({
    send: async (gauge) => await sendGauge(dogstatsd, gauge),
    board,
    clock,
    log,
  });
  feed.subscribe((snapshot) => {
    polls.offer(compilePolls(snapshot, ground), (service) => snapshot.services.get(service)?.generation);
  }, signal);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  await polls.close();
}
