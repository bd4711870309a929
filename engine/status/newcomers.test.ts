import { expect, test } from "vitest";

import type { TxnOp } from "../../clients/consul.ts";
import { Board } from "./board.ts";
import { flushStatuses, storeNewcomers } from "./status-writer.ts";

const SIGNAL = new AbortController().signal;

/** A store that keeps what it is given, one transaction after the other. */
function memoryStore() {
  const texts = new Map<string, string>();
  return {
    texts,
    prefix: "status/",
    async store(ops: readonly TxnOp[]): Promise<{ readonly ok: true }> {
      for (const op of ops) if (op.verb === "set") texts.set(op.key, op.text);
      return { ok: true };
    },
  };
}

function boardOf(services: number): Board {
  const board = new Board("controller");
  for (let at = 0; at < services; at++) board.know(`s${at}`, 1);
  return board;
}

test("a service with a new wish is stored before anything is written for it", async () => {
  const board = boardOf(2);
  const store = memoryStore();

  await storeNewcomers(board, store, SIGNAL);

  expect([...store.texts.keys()]).toEqual(["status/s0", "status/s1"]);
  expect(board.newcomers).toBe(0);
});

test("services that are stored already don't make a write wait", async () => {
  const board = boardOf(2);
  const store = memoryStore();
  await flushStatuses(board, store, SIGNAL);
  board.addEvent("s0", "Created", "monitors s0/a");
  store.texts.clear();

  await storeNewcomers(board, store, SIGNAL);

  expect(store.texts.size).toBe(0);
});

test("a cold start with very many services doesn't wait until all are stored", async () => {
  const store = memoryStore();

  await storeNewcomers(boardOf(1_000), store, SIGNAL);

  expect(store.texts.size).toBe(0);
});

test("a store that fails keeps nothing back, and is tried again", async () => {
  const board = boardOf(1);
  const failing = { prefix: "status/", store: async () => await Promise.reject(new Error("no right")) };

  await storeNewcomers(board, failing, SIGNAL);

  expect(board.newcomers).toBe(1);
  expect(board.hasNews).toBe(true);
});

test("two who store at once don't put an older status over a newer one", async () => {
  const board = boardOf(1);
  const store = memoryStore();
  const gate = Promise.withResolvers<void>();
  const slow = {
    prefix: store.prefix,
    store: async (ops: readonly TxnOp[]) => {
      await gate.promise;
      return await store.store(ops);
    },
  };

  const first = flushStatuses(board, slow, SIGNAL);
  await Promise.resolve();
  board.addEvent("s0", "Created", "monitors s0/a");
  const second = flushStatuses(board, store, SIGNAL);
  gate.resolve();
  await Promise.all([first, second]);

  expect(store.texts.get("status/s0")).toContain("monitors s0/a");
});
