import type { Consul } from "../clients/consul.ts";
import { toError } from "../clients/errors.ts";
import { Absence } from "./absence.ts";
import { Board } from "./board.ts";
import { accepted } from "./conditions.ts";
import { NO_CONTROL, watchControl, type Control } from "./control.ts";
import type { Controller } from "./controller.ts";
import { Latest } from "./latest.ts";
import type { Log } from "./log.ts";
import { ControllerLoop } from "./loop.ts";
import type { Memory } from "./memory.ts";
import type { Metrics } from "./metrics.ts";
import type { DeleteLimit } from "./policies.ts";
import type { Snapshot } from "./snapshot.ts";
import { follow, type Source } from "./source.ts";
import { parseStatus, type Condition } from "./status.ts";
import { flushStatuses, writeStatuses, type StatusStore } from "./status-writer.ts";

/** A controller ready to run, or the reason why it cannot. */
export type Registration<S extends Snapshot> =
  | {
      readonly controller: Controller<S, unknown>;
      readonly memory?: Memory;
      /** Calls back when the target may have changed by itself. */
      watchTarget?(onChange: () => void, signal: AbortSignal): void;
    }
  | {
      readonly waiting: {
        readonly name: string;
        readonly condition: string;
        readonly reason: string;
        readonly message: string;
      };
    };

export interface OperatorSettings {
  readonly consul: Consul;
  readonly statePrefix: string;
  readonly resyncMs: number;
  readonly graceMs: number;
  readonly limit: DeleteLimit;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The newest snapshot of one source, with what people told by command. Warm in spares as well. */
export class Feed<State, S extends Snapshot> {
  readonly #source: Source<State>;
  readonly #snapshotOf: (state: State, paused: ReadonlySet<string>) => S;
  readonly #listeners = new Set<(snapshot: S) => void>();
  readonly #first = new Latest<S>();
  #state: State | undefined;
  #control: Control = NO_CONTROL;
  #snapshot: S | undefined;

  constructor(source: Source<State>, snapshotOf: (state: State, paused: ReadonlySet<string>) => S) {
    this.#source = source;
    this.#snapshotOf = snapshotOf;
  }

  get source(): Source<State> {
    return this.#source;
  }

  get snapshot(): S | undefined {
    return this.#snapshot;
  }

  get control(): Control {
    return this.#control;
  }

  /** Follows the source until `signal` aborts. */
  async run(control: AsyncIterable<Control>, signal: AbortSignal): Promise<void> {
    const failures = new Latest<never>();
    follow(control, failures, (told) => {
      this.#control = told;
      this.#offer();
    });
    for await (const state of this.#source.changes(signal)) {
      this.#state = state;
      this.#offer();
    }
  }

  /** Calls `listener` with the newest snapshot, now if there is one and whenever there is another. */
  subscribe(listener: (snapshot: S) => void, signal: AbortSignal): void {
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
    if (this.#snapshot !== undefined) listener(this.#snapshot);
  }

  /** The first snapshot. Undefined if the signal aborts before there is one. */
  async first(signal: AbortSignal): Promise<S | undefined> {
    if (this.#snapshot !== undefined) return this.#snapshot;
    for await (const snapshot of this.#first.values(signal)) return snapshot;
    return undefined;
  }

  async confirm(signal: AbortSignal): Promise<S> {
    return this.#snapshotOf(await this.#source.confirm(signal), this.#control.paused);
  }

  #offer(): void {
    if (this.#state === undefined) return;
    this.#snapshot = this.#snapshotOf(this.#state, this.#control.paused);
    this.#first.set(this.#snapshot);
    for (const listener of this.#listeners) listener(this.#snapshot);
  }
}

/** Starts to follow what people tell by command. */
export function startControl(
  settings: OperatorSettings,
  signal: AbortSignal,
): ReturnType<typeof watchControl> {
  return watchControl(settings.consul, settings.statePrefix, signal);
}

/** Where a pass asks for what is wished, and what people told by command. */
export interface Wishes<S extends Snapshot> {
  readonly control: Control;
  /** A second, consistent read. */
  confirm(signal: AbortSignal): Promise<S>;
}

export interface DutyOptions<State, S extends Snapshot> extends PassOptions<S> {
  readonly feed: Feed<State, S>;
}

export interface PassOptions<S extends Snapshot> {
  readonly settings: OperatorSettings;
  readonly feed: Wishes<S>;
  readonly registrations: readonly Registration<S>[];
  readonly board: Board;
  /** Where the board's statuses stand, with a trailing slash. */
  readonly statusPrefix: string;
  readonly store: StatusStore;
  /** Throws if we may no longer write. */
  readonly mayWrite: (signal: AbortSignal) => Promise<void>;
  /** True for the role that says whether a wish is accepted. */
  readonly tellsAccepted: boolean;
}

const TIDY_MS = 5_000;

/**
 * Runs the controllers of one role until `stop` aborts: then what is under way is finished and the
 * statuses are stored. `abort` ends everything at once.
 */
export async function serve<State, S extends Snapshot>(
  options: DutyOptions<State, S>,
  stop: AbortSignal,
  abort: AbortSignal,
): Promise<void> {
  const { settings, feed, board } = options;
  const either = AbortSignal.any([stop, abort]);
  await restore(options, either);
  const loops = options.registrations.flatMap((registration) =>
    "waiting" in registration ? [] : [startLoop(options, registration, either)],
  );
  const waiting = options.registrations.flatMap((registration) =>
    "waiting" in registration ? [registration.waiting] : [],
  );

  feed.subscribe((snapshot) => {
    tell(options, snapshot, waiting);
    for (const loop of loops) loop.offer(snapshot);
  }, either);
  const tidying = setInterval(() => tidy(board, feed.snapshot, loops), TIDY_MS);
  tidying.unref();

  const writing = new AbortController();
  const writer = writeStatuses(
    board,
    { prefix: options.statusPrefix, store: options.store, log: settings.log },
    AbortSignal.any([abort, writing.signal]),
  );
  try {
    await Promise.all(loops.map(async (loop) => await loop.run(stop, abort)));
    await untilAborted(either);
  } finally {
    clearInterval(tidying);
    writing.abort();
    await writer;
  }
  if (!abort.aborted) {
    await flushStatuses(
      board,
      { prefix: options.statusPrefix, store: options.store },
      AbortSignal.any([abort, AbortSignal.timeout(5_000)]),
    ).catch((error: unknown) => {
      settings.log.warn({ error: toError(error).message }, "status not stored");
    });
  }
}

/** Takes over what an earlier process knew. */
export async function restore<S extends Snapshot>(
  { settings, board, statusPrefix, registrations }: PassOptions<S>,
  signal: AbortSignal,
): Promise<void> {
  for (const registration of registrations) {
    if ("controller" in registration && registration.memory !== undefined)
      board.addMemory(registration.controller.name, registration.memory);
  }
  const entries = await settings.consul.kvList(statusPrefix, {}, signal);
  board.restore(entries.flatMap((entry) => parseStatus(entry.text) ?? []));
}

export function startLoop<S extends Snapshot>(
  { settings, feed, board, mayWrite }: PassOptions<S>,
  registration: Extract<Registration<S>, { controller: unknown }>,
  signal: AbortSignal,
): ControllerLoop<S, unknown> {
  const loop = new ControllerLoop<S, unknown>({
    ...settings,
    controller: registration.controller,
    memory: registration.memory,
    absence: new Absence(board.absentSince()),
    confirm: async (inner) => await feed.confirm(inner),
    mayWrite,
    board,
    approved: () => feed.control.approved,
  });
  registration.watchTarget?.(() => loop.refresh(), signal);
  return loop;
}

/** Says what follows from the wishes alone. */
export function tell<S extends Snapshot>(
  { board, tellsAccepted }: PassOptions<S>,
  snapshot: S,
  waiting: readonly { readonly condition: string; readonly reason: string; readonly message: string }[],
): void {
  for (const resolution of snapshot.services.values()) {
    const conditions = waiting.map(({ condition, reason, message }): Condition => ({
      type: condition,
      status: "False",
      reason,
      message,
    }));
    if (tellsAccepted) conditions.push(accepted(resolution));
    if (conditions.length > 0) board.setConditions(resolution.service, resolution.generation, conditions);
  }
}

/** Forgets services that have neither a wish nor an object any more, once every controller is sure of that. */
export function tidy<S extends Snapshot>(
  board: Board,
  snapshot: S | undefined,
  loops: readonly ControllerLoop<S, unknown>[],
): void {
  if (snapshot === undefined || !loops.every((loop) => loop.isSettled)) return;
  for (const service of board.services()) {
    if (!snapshot.services.has(service) && !loops.some((loop) => loop.owns(service))) board.forget(service);
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
