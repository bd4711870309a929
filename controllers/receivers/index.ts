import type { TxnOp } from "../../clients/consul.ts";
import { toError } from "../../clients/errors.ts";
import type { ReceiverAddresses } from "../../clients/receiver-address.ts";
import { lookAtReceiver, type ReceiverName, type ReceiverState } from "../../clients/receivers.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { Board } from "../../engine/status/board.ts";
import type { Condition } from "../../engine/status/status.ts";
import { packParts } from "../pack-parts.ts";
import { nodeStatusKey, nodeStatusText, type ReceiverStates } from "./node-status.ts";
import { RECEIVER_TITLES, switchOnInShort } from "./switch-on.ts";

export const RECEIVERS_READY = "ReceiversReady";

export interface ReceiversOptions {
  readonly addresses: ReceiverAddresses;
  readonly clusterId: string;
  readonly statePrefix: string;
  readonly node: string;
  /** What runs here now. Undefined while that is not known. */
  readonly snapshot: () => NodeSnapshot | undefined;
  readonly board: Board;
  readonly store: (ops: readonly TxnOp[], signal: AbortSignal) => Promise<unknown>;
  readonly log: Log;
  /** How often it is looked. 0 for never. */
  readonly intervalMs: number;
  readonly clock?: Clock | undefined;
}

const TICK_MS = 1_000;
/** An Agent that is restarted is away for a moment: what was on is looked at again before it is told to be off. */
const AGAIN_MS = 15_000;
const NAMES = Object.keys(RECEIVER_TITLES) as readonly ReceiverName[];

/**
 * Looks whether the local Agent listens for what systems send by themselves, again and again until the signal aborts.
 * Tells it by the condition `ReceiversReady` of the services whose packs need it, and for the node as a whole.
 */
export async function watchReceivers(options: ReceiversOptions, signal: AbortSignal): Promise<void> {
  const { intervalMs, clock = systemClock, log } = options;
  if (intervalMs === 0) return;
  const watch = new ReceiverWatch(options);
  let dueMs = clock.monotonicMs();
  while (!signal.aborted) {
    if (clock.monotonicMs() >= dueMs) {
      const isDoubtful = await watch.look(signal);
      if (signal.aborted) return;
      dueMs = clock.monotonicMs() + (isDoubtful ? Math.min(AGAIN_MS, intervalMs) : intervalMs);
      const wrong = await watch.storeIfNew(signal).catch((error: unknown) => toError(error));
      if (wrong !== undefined && !signal.aborted)
        log.warn({ error: wrong.message }, "node status not stored");
    }
    watch.tell();
    await clock.sleep(TICK_MS, signal).catch(() => undefined);
  }
}

class ReceiverWatch {
  readonly #options: ReceiversOptions;
  /** As told. */
  #states: ReceiverStates = new Map();
  readonly #doubted = new Set<ReceiverName>();
  #toldStates: ReceiverStates | undefined;
  #toldSnapshot: NodeSnapshot | undefined;
  #services: ReadonlySet<string>;
  #stored: string | undefined;

  constructor(options: ReceiversOptions) {
    this.#options = options;
    this.#services = new Set(
      options.board
        .all()
        .flatMap(({ service, conditions }) =>
          conditions.some(({ type }) => type === RECEIVERS_READY) ? [service] : [],
        ),
    );
  }

  /** @returns true if something that was on seems to be off, so that another look is due soon. */
  async look(signal: AbortSignal): Promise<boolean> {
    const { addresses } = this.#options;
    const found = await Promise.all(
      NAMES.map(async (name) => [name, await lookAtReceiver(name, addresses, signal)] as const),
    );
    if (signal.aborted) return false;
    const before = this.#states;
    const now = new Map<ReceiverName, ReceiverState>();
    for (const [name, state] of found) {
      const known = before.get(name);
      const isDoubtful = known?.isOn === true && !state.isOn && !this.#doubted.has(name);
      if (isDoubtful) this.#doubted.add(name);
      else this.#doubted.delete(name);
      now.set(name, isDoubtful ? known : state);
    }
    if (JSON.stringify([...now]) !== JSON.stringify([...before])) this.#states = now;
    return this.#doubted.size > 0;
  }

  async storeIfNew(signal: AbortSignal): Promise<undefined> {
    const { node, statePrefix, store } = this.#options;
    const text = nodeStatusText(node, this.#states);
    if (text === this.#stored) return;
    await store([{ verb: "set", key: nodeStatusKey(statePrefix, node), text }], signal);
    this.#stored = text;
  }

  /** Costs nothing while neither the receivers nor the services have changed. */
  tell(): void {
    const { board, clusterId, addresses } = this.#options;
    const snapshot = this.#options.snapshot();
    if (snapshot === undefined || this.#states.size === 0) return;
    if (snapshot === this.#toldSnapshot && this.#states === this.#toldStates) return;
    const services = new Set<string>();
    for (const [service, resolution] of snapshot.services) {
      if (resolution.state !== "accepted" || !snapshot.instances.has(service)) continue;
      const { wish } = resolution;
      if (wish.pack.receivers.length === 0) continue;
      const needed = packParts(wish, clusterId).receivers;
      if (needed.length === 0) continue;
      services.add(service);
      board.setConditions(service, resolution.generation, [receiversReady(needed, this.#states, addresses)]);
    }
    for (const service of this.#services)
      if (!services.has(service)) board.dropConditions(service, [RECEIVERS_READY]);
    this.#services = services;
    this.#toldSnapshot = snapshot;
    this.#toldStates = this.#states;
  }
}

/** Whether the local Agent takes what a system sends. Pure. */
export function receiversReady(
  needed: readonly ReceiverName[],
  states: ReceiverStates,
  addresses: ReceiverAddresses,
): Condition {
  const off = needed.filter((name) => states.get(name)?.isOn !== true);
  if (off.length === 0) {
    const all = needed.map((name) => `${RECEIVER_TITLES[name]} (${states.get(name)?.address ?? ""})`);
    return {
      type: RECEIVERS_READY,
      status: "True",
      reason: "Listening",
      message: `the local Agent listens for ${all.join(" and ")}`,
    };
  }
  const troubles = off.map((name) => {
    const state = states.get(name);
    return `the local Agent doesn't take ${RECEIVER_TITLES[name]} at ${state?.address ?? ""}: ${state?.found ?? "not looked at"}. In its environment: ${switchOnInShort(name, addresses)}`;
  });
  return { type: RECEIVERS_READY, status: "False", reason: "ReceiverOff", message: troubles.join("; ") };
}
