import { expect, onTestFinished, test } from "vitest";

import type { TxnOp, TxnResult } from "../../clients/consul.ts";
import { SteppedClock } from "../../test/builders/clock.ts";
import { SILENT } from "../../test/builders/engine-world.ts";
import { Board } from "./board.ts";
import { writeStatuses } from "./status-writer.ts";

const PREFIX = "dd-observe/status/services/";

/** A KV store that takes what Consul takes: at most 64 operations and 512 KiB in one transaction. */
class Kv {
  readonly entries = new Map<string, string>();
  transactions = 0;
  isDown = false;

  readonly store = async (ops: readonly TxnOp[]): Promise<TxnResult> => {
    if (this.isDown) throw new Error("Consul is away");
    const bytes = Buffer.byteLength(
      JSON.stringify(ops.map((op) => (op.verb === "set" ? Buffer.from(op.text).toString("base64") : op.key))),
    );
    if (ops.length > 63 || bytes > 512 * 1024)
      return { ok: false, errors: [{ opIndex: 0, what: "too large" }] };
    this.transactions++;
    for (const op of ops) {
      if (op.verb === "set") this.entries.set(op.key, op.text);
      else if (op.verb === "delete") this.entries.delete(op.key);
    }
    return { ok: true };
  };

  names(): readonly string[] {
    return [...this.entries.keys()].map((key) => key.slice(PREFIX.length)).sort();
  }
}

function start() {
  const clock = new SteppedClock();
  const board = new Board("controller", () => clock.date());
  const kv = new Kv();
  const over = new AbortController();
  const options = { prefix: PREFIX, store: kv.store, log: SILENT, clock };
  const done = writeStatuses(board, options, over.signal);
  onTestFinished(async () => {
    over.abort();
    await done;
  });
  const say = (service: string, message = "as wished"): void =>
    board.setConditions(service, 1, [{ type: "Synced", status: "True", reason: "Synced", message }]);
  return { board, clock, kv, say, over, done };
}

test("stores a status within a second, and only when there is news", async () => {
  const { clock, kv, say } = start();
  say("ray");

  await clock.advance(1_000);
  const stored = kv.names();
  await clock.advance(60_000);

  expect(stored).toEqual(["ray"]);
  expect(kv.transactions).toBe(1);
});

test("stores any number of services, whatever they have to say", async () => {
  const { clock, kv, say } = start();
  // Three bytes for each character, and every quote is escaped twice.
  for (let at = 0; at < 500; at++) say(`s${at}`, '値"'.repeat(1_000));

  await clock.advance(1_000);

  expect(kv.names()).toHaveLength(500);
});

test("deletes the status of a service that is forgotten", async () => {
  const { board, clock, kv, say } = start();
  say("ray");
  say("chat");
  await clock.advance(1_000);

  board.forget("ray");
  await clock.advance(1_000);

  expect(kv.names()).toEqual(["chat"]);
});

test("repeats what could not be stored, with growing pauses", async () => {
  const { clock, kv, say } = start();
  kv.isDown = true;
  say("ray");
  await clock.advance(120_000);
  say("chat");
  kv.isDown = false;

  await clock.advance(30_000);

  expect(kv.names()).toEqual(["chat", "ray"]);
});

test("stores once more what was said last before it ends", async () => {
  const { kv, say, over, done } = start();
  say("ray");

  over.abort();
  await done;

  expect(kv.names()).toEqual(["ray"]);
});

test("what it could not store before is stored at the end", async () => {
  const { clock, kv, say, over, done } = start();
  kv.isDown = true;
  say("ray");
  await clock.advance(1_000);
  kv.isDown = false;
  say("chat");

  over.abort();
  await done;

  expect(kv.names()).toEqual(["chat", "ray"]);
});

test("ends even if Consul is away", async () => {
  const { kv, say, over, done } = start();
  kv.isDown = true;
  say("ray");

  over.abort();
  await done;

  expect(kv.names()).toEqual([]);
});
