import type { Consul } from "../../clients/consul.ts";
import type { Resolution } from "../../crds/resolve.ts";
import { toError } from "../../clients/errors.ts";
import { Absence } from "../plan/absence.ts";
import type { Board } from "../status/board.ts";
import { backoffMs, systemClock, type Clock } from "../clock.ts";
import { watchControl, type Control } from "../sources/control.ts";
import type { OwnerChanges } from "./changes.ts";
import type { Controller } from "./controller.ts";
import type { Feed } from "../sources/feed.ts";
import type { Log } from "../log.ts";
import type { IntentLog } from "./intent-log.ts";
import { ControllerLoop } from "./loop.ts";
import type { Memory } from "../plan/memory.ts";
import type { Metrics } from "../metrics.ts";
import { References } from "../plan/references.ts";
import type { DeleteLimit } from "../plan/policies.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import { tell, tidy } from "./services.ts";
import type { Intents } from "../status/intents.ts";
import { parseStatus } from "../status/status.ts";
import { flushStatuses, storeNewcomers, writeStatuses, type StatusStore } from "../status/status-writer.ts";

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
        /** Of whom it is said. Of all if absent. */
        readonly isSaidOf?: (resolution: Resolution) => boolean;
      };
    };

type Able<S extends Snapshot> = Extract<Registration<S>, { readonly controller: unknown }>;

export interface OperatorSettings {
  readonly consul: Consul;
  readonly statePrefix: string;
  readonly resyncMs: number;
  readonly graceMs: number;
  readonly limit: DeleteLimit;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The system's own if absent. */
  readonly clock?: Clock | undefined;
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
  /**
   * What goes on beside the passes until the signal aborts, such as looking at what no pass waits for.
   * Begins once the board knows what earlier processes said.
   */
  readonly beside?: (signal: AbortSignal) => Promise<unknown>;
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
  /** In how many milliseconds the system that all these controllers write to is tried again, while it is down. */
  readonly nextTryInMs?: () => number | undefined;
  /** Is told how many actions of a controller's pass are left, and how many there were. */
  readonly onProgress?: (controller: string, left: number, total: number) => void;
  /** Is told what a controller's pass changed. Must neither throw nor take long. */
  readonly onChanges?: (controller: string, changes: readonly OwnerChanges[], snapshot: S) => void;
  /** True for the role that says whether a wish is accepted. */
  readonly tellsAccepted: boolean;
  /** Where it is written down what is about to be created. Absent where a create can't be lost, such as a file's. */
  readonly intents?: Intents;
}

const TIDY_MS = 5_000;
const RESTORE_BASE_MS = 500;
const RESTORE_CAP_MS = 10_000;

/**
 * Runs the controllers of one role until `stop` aborts: then what is under way is finished and the
 * statuses are stored. `abort` ends everything at once.
 */
export async function serve<State, S extends Snapshot>(
  options: DutyOptions<State, S>,
  stop: AbortSignal,
  abort: AbortSignal,
): Promise<void> {
  const { feed, board } = options;
  const either = AbortSignal.any([stop, abort]);
  const absence = await restorePatiently(options, either);
  if (absence === undefined) return;
  const able = options.registrations.filter((registration) => "controller" in registration);
  const references = referencesOf(options);
  const loops = able.map((registration) =>
    startLoop({ ...options, absence, references }, registration, either),
  );
  const waiting = options.registrations.flatMap((one) => ("waiting" in one ? [one.waiting] : []));

  let told: Snapshot["services"] = new Map();
  feed.subscribe((snapshot) => {
    tell(options, snapshot, waiting, told);
    told = snapshot.services;
    for (const loop of loops) loop.offer(snapshot);
  }, either);
  const tidying = setInterval(() => tidy({ board, absence }, feed.snapshot, loops), TIDY_MS);
  tidying.unref();

  const writing = new AbortController();
  const writer = storeStatuses(options, AbortSignal.any([abort, writing.signal]));
  try {
    await Promise.all([...loops.map(async (loop) => await loop.run(stop, abort)), options.beside?.(either)]);
    await untilAborted(either);
  } finally {
    clearInterval(tidying);
    writing.abort();
    await Promise.all([writer, ...able.map(async (one) => await closeTarget(options, one))]);
  }
}

async function storeStatuses<S extends Snapshot>(
  { settings: { log }, board, statusPrefix: prefix, store }: PassOptions<S>,
  signal: AbortSignal,
): Promise<void> {
  await writeStatuses(board, { prefix, store, log }, signal);
}

async function closeTarget<S extends Snapshot>(
  { settings: { log } }: PassOptions<S>,
  { controller }: Able<S>,
): Promise<void> {
  await controller.target.close?.().catch((error: unknown) => {
    log.warn({ controller: controller.name, error: toError(error).message }, "target not closed");
  });
}

/** Consul may be away just now: that is no reason to end. Undefined if the signal aborts first. */
async function restorePatiently<S extends Snapshot>(
  options: PassOptions<S>,
  signal: AbortSignal,
): Promise<Absence | undefined> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await restore(options, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      if (failures === 1) options.settings.log.warn({ error: toError(error).message }, "statuses not read");
      await (options.settings.clock ?? systemClock)
        .sleep(backoffMs(failures, RESTORE_BASE_MS, RESTORE_CAP_MS, Math.random()), signal)
        .catch(() => undefined);
    }
  }
  return undefined;
}

/**
 * Takes over what an earlier process knew.
 *
 * @returns Since when wishes are gone, for all controllers.
 */
export async function restore<S extends Snapshot>(
  { settings, board, statusPrefix, registrations, intents }: PassOptions<S>,
  signal: AbortSignal,
): Promise<Absence> {
  const entries = await settings.consul.kvList(statusPrefix, {}, signal);
  if (intents !== undefined) intents.restore(await settings.consul.kvList(intents.prefix, {}, signal));
  for (const registration of registrations) {
    if ("controller" in registration && registration.memory !== undefined)
      board.addMemory(registration.controller.name, registration.memory);
  }
  const statuses = entries.flatMap(({ key, text }) => {
    const status = parseStatus(text);
    // A copy that a person made under another name says nothing of that service.
    return status !== undefined && key === statusPrefix + status.service ? [status] : [];
  });
  board.restore(statuses);
  return new Absence(board.absentSince());
}

/** What the controllers of the cluster share to find one another's objects. A machine's own refer to nothing. */
export function referencesOf<S extends Snapshot>({ registrations }: PassOptions<S>): References | undefined {
  const names = registrations.flatMap((one) =>
    "controller" in one && one.controller.scope === "cluster" ? [one.controller.name] : [],
  );
  const absent = registrations.flatMap((one) => ("waiting" in one ? [one.waiting.name] : []));
  return names.length === 0 ? undefined : new References(names, absent);
}

export interface LoopGround {
  readonly absence: Absence;
  readonly references: References | undefined;
}

export function startLoop<S extends Snapshot>(
  options: PassOptions<S> & LoopGround,
  registration: Able<S>,
  signal: AbortSignal,
): ControllerLoop<S, unknown> {
  const { settings, feed, board, absence, references, mayWrite, statusPrefix: prefix, store } = options;
  const loop = new ControllerLoop<S, unknown>({
    ...settings,
    controller: registration.controller,
    memory: registration.memory,
    absence,
    references,
    intents: intentLog(options, registration.controller.name),
    confirm: async (inner) => await feed.confirm(inner),
    mayWrite: async (inner) => {
      await mayWrite(inner);
      await storeNewcomers(board, { prefix, store }, inner);
    },
    board,
    nextTryInMs: options.nextTryInMs,
    onProgress: (left, total) => options.onProgress?.(registration.controller.name, left, total),
    onChanges: (changes, snapshot) => options.onChanges?.(registration.controller.name, changes, snapshot),
    approved: () => feed.control.approved,
  });
  try {
    registration.watchTarget?.(() => loop.refresh(), signal);
  } catch (error) {
    // Then it is seen at the next resync.
    settings.log.warn({ controller: loop.name, error: toError(error).message }, "target not watched");
  }
  return loop;
}

/** An outcome counts as known only once it is stored where the next process finds it. */
function intentLog<S extends Snapshot>(
  { intents, board, statusPrefix: prefix, store }: PassOptions<S>,
  controller: string,
): IntentLog | undefined {
  if (intents === undefined) return undefined;
  return {
    open: () => [...intents.openOf(controller).keys()],
    begin: async (keys, signal) => await intents.begin(controller, keys, signal),
    end: async (outcomes) => {
      await flushStatuses(board, { prefix, store }, AbortSignal.timeout(10_000)).then(
        async () => await intents.end(controller, outcomes),
        // Then they stay written down, and the status writer goes on trying.
        () => undefined,
      );
    },
  };
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
