import type { TxnOp, TxnResult } from "../../clients/consul.ts";
import { toError } from "../../clients/errors.ts";
import type { Board } from "./board.ts";
import { backoffMs, systemClock, type Clock } from "../clock.ts";
import type { Log } from "../log.ts";

/** Writes that must all succeed or none: a transaction, fenced where there is a leader. */
export type StatusStore = (ops: readonly TxnOp[], signal: AbortSignal) => Promise<TxnResult>;

const INTERVAL_MS = 1_000;
/** How long the first write for a new service waits at most until the service is known to others. */
const NEWCOMERS_MS = 2_000;
/** Below Consul's 64 operations of a transaction, with room for the fence. */
const BATCH = 60;
/** Below Consul's 512 KiB of a transaction, in base64. */
const BATCH_BYTES = 256 * 1024;

/**
 * Stores what a board has to say, a second after it changed at the latest, until `signal` aborts; then once more.
 *
 * The only writer of these keys. A write that fails is repeated; nothing waits for it.
 */
export async function writeStatuses(
  board: Board,
  options: {
    readonly prefix: string;
    readonly store: StatusStore;
    readonly log: Log;
    readonly clock?: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  const clock = options.clock ?? systemClock;
  let failures = 0;
  const flush = async (): Promise<void> => {
    if (!board.hasNews) return;
    try {
      await flushStatuses(board, options, AbortSignal.timeout(10_000));
      failures = 0;
    } catch (error) {
      failures++;
      options.log.warn({ error: toError(error).message }, "status not stored");
    }
  };
  while (!signal.aborted) {
    const pauseMs = failures === 0 ? INTERVAL_MS : backoffMs(failures, INTERVAL_MS, 30_000, clock.random());
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    if (!signal.aborted) await flush();
  }
  await flush();
}

/** What stores a board now: one at a time, or an older status could overtake a newer one. */
const underWay = new WeakMap<Board, Promise<void>>();

/** Stores everything that a board has to say now. */
export async function flushStatuses(
  board: Board,
  options: { readonly prefix: string; readonly store: StatusStore },
  signal: AbortSignal,
): Promise<void> {
  const before = underWay.get(board) ?? Promise.resolve();
  const flush = before.then(async () => await flushAll(board, options, signal));
  underWay.set(
    board,
    flush.catch(() => undefined),
  );
  await flush;
}

/**
 * Stores services of which no process after this one would know, before anything is written for them: objects
 * of unknown services are deleted only after approval. A cold start with very many doesn't wait for it, and
 * a store that fails keeps nothing back: it is written again every second, and told of.
 */
export async function storeNewcomers(
  board: Board,
  options: { readonly prefix: string; readonly store: StatusStore },
  signal: AbortSignal,
): Promise<void> {
  if (board.newcomers === 0 || board.newcomers > BATCH) return;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(NEWCOMERS_MS)]);
  await flushStatuses(board, options, patience).catch(() => undefined);
}

async function flushAll(
  board: Board,
  { prefix, store }: { readonly prefix: string; readonly store: StatusStore },
  signal: AbortSignal,
): Promise<void> {
  while (board.hasNews) {
    const taken = board.takeChanged(BATCH);
    const ops = [...taken].map(([service, status]): TxnOp => {
      const key = prefix + service;
      return status === undefined
        ? { verb: "delete", key }
        : { verb: "set", key, text: JSON.stringify(status) };
    });
    try {
      for (const batch of bounded(ops)) await storeBatch(batch, store, signal);
      board.noteStored(taken.keys());
    } catch (error) {
      board.giveBack(taken.keys());
      throw error;
    }
  }
}

async function storeBatch(ops: readonly TxnOp[], store: StatusStore, signal: AbortSignal): Promise<void> {
  const result = await store(ops, signal);
  if (!result.ok)
    throw new Error(
      `Cannot store the status of ${ops.length} services: ${result.errors[0]?.what ?? "refused"}`,
    );
}

function* bounded(ops: readonly TxnOp[]): Generator<readonly TxnOp[]> {
  let batch: TxnOp[] = [];
  let bytes = 0;
  for (const op of ops) {
    const size = op.verb === "set" ? (Buffer.byteLength(op.text) * 4) / 3 : 100;
    if (bytes + size > BATCH_BYTES && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(op);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
