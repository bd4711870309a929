import { expect, test } from "vitest";

import type { TxnOp } from "../../clients/consul.ts";
import { SILENT } from "../../test/builders/engine-world.ts";
import { Intents } from "./intents.ts";

const PREFIX = "dd-observe/intents/";
const HOUR = 3_600_000;

/** A store that outlives the processes. */
class Store {
  readonly entries = new Map<string, string>();
  /** So many transactions succeed; those after them fail. */
  patience = Infinity;
  largest = 0;

  readonly write = async (ops: readonly TxnOp[]) => {
    if (this.patience-- <= 0) throw new Error("store down");
    let bytes = 0;
    for (const op of ops) {
      if (op.verb === "set") this.entries.set(op.key, op.text);
      else if (op.verb === "delete") this.entries.delete(op.key);
      if (op.verb === "set") bytes += op.text.length;
    }
    this.largest = Math.max(this.largest, bytes);
    return { ok: true } as const;
  };
}

let now = 1_000_000;

function startProcess(store: Store): Intents {
  const intents = new Intents({ prefix: PREFIX, store: store.write, log: SILENT, wallMs: () => now });
  intents.restore([...store.entries].map(([key, text]) => ({ key, text, modifyIndex: 1 })));
  return intents;
}

const signal = new AbortController().signal;
const outcomes = (known: readonly string[], unknown: readonly string[] = []) => ({
  known: new Set(known),
  unknown: new Set(unknown),
});

test("a process finds what the one before it was about to create, and how long ago", async () => {
  const store = new Store();
  await startProcess(store).begin("monitors", ["ray/a", "ray/b"], signal);
  now += 5_000;

  const next = startProcess(store);

  expect(next.agesOf("monitors")).toEqual(
    new Map([
      ["ray/a", 5_000],
      ["ray/b", 5_000],
    ]),
  );
  expect(next.agesOf("slos")).toEqual(new Map());
});

test.for(["9007199254740000", "x", "", "1/2"])(
  "a person's own key %j is left alone, and hinders nothing",
  async (n) => {
    const store = new Store();
    store.entries.set(`${PREFIX}monitors/${n}`, "a note");
    const intents = startProcess(store);

    await intents.begin("monitors", ["ray/a"], signal);
    await intents.end("monitors", outcomes(["ray/a"]));

    expect([...store.entries.keys()].filter((key) => key !== `${PREFIX}monitors/${n}`)).toEqual([]);
  },
);

test("leaves nothing behind when every outcome is known or nothing was sent", async () => {
  const store = new Store();
  const intents = startProcess(store);
  await intents.begin("monitors", ["ray/a", "ray/b", "ray/c"], signal);

  await intents.end("monitors", outcomes(["ray/a", "ray/b"]));

  expect(store.entries).toEqual(new Map());
});

test("keeps what got no answer, until it is known", async () => {
  const store = new Store();
  const intents = startProcess(store);
  await intents.begin("monitors", ["ray/a", "ray/b"], signal);
  await intents.end("monitors", outcomes(["ray/a"], ["ray/b"]));
  const between = [...startProcess(store).openOf("monitors").keys()];

  await intents.end("monitors", outcomes(["ray/b"]));

  expect(between).toEqual(["ray/b"]);
  expect(store.entries).toEqual(new Map());
});

test("keeps what an earlier process left while this one creates others", async () => {
  const store = new Store();
  await startProcess(store).begin("monitors", ["ray/a"], signal);
  const second = startProcess(store);
  await second.begin("monitors", ["ray/b"], signal);

  await second.end("monitors", outcomes(["ray/b"]));

  expect([...startProcess(store).openOf("monitors").keys()]).toEqual(["ray/a"]);
});

test("forgets after an hour what nobody wishes any more", async () => {
  const store = new Store();
  await startProcess(store).begin("monitors", ["ray/gone"], signal);
  now += HOUR + 1;
  const second = startProcess(store);

  await second.begin("monitors", ["ray/b"], signal);
  await second.end("monitors", outcomes(["ray/b"]));

  expect(store.entries).toEqual(new Map());
});

test("stores very many in parts that a store takes, and clears them all", async () => {
  const store = new Store();
  const intents = startProcess(store);
  const keys = Array.from({ length: 10_000 }, (_, n) => `${"s".repeat(80)}/${"m".repeat(90)}-${n}`);

  await intents.begin("monitors", keys, signal);
  const found = startProcess(store).openOf("monitors").size;
  await intents.end("monitors", outcomes(keys));

  expect(found).toBe(10_000);
  expect((store.largest * 4) / 3).toBeLessThan(512 * 1024);
  expect(store.entries).toEqual(new Map());
});

test("says so if it can't be stored, and leaves nothing for ever of what was stored before it failed", async () => {
  const store = new Store();
  const intents = startProcess(store);
  store.patience = 1;
  const keys = Array.from({ length: 5_000 }, (_, n) => `ray/${n}`);

  await expect(intents.begin("monitors", keys, signal)).rejects.toThrow("store down");
  const half = store.entries.size;
  store.patience = Infinity;
  await intents.begin("monitors", ["ray/0"], signal);
  await intents.end("monitors", outcomes(["ray/0"]));

  expect(half).toBeGreaterThan(0);
  expect(store.entries).toEqual(new Map());
});

test("what can't be cleared now is cleared the next time", async () => {
  const store = new Store();
  const intents = startProcess(store);
  await intents.begin("monitors", ["ray/a"], signal);
  store.patience = 0;
  await intents.end("monitors", outcomes(["ray/a"]));
  store.patience = Infinity;

  await intents.begin("monitors", ["ray/b"], signal);
  await intents.end("monitors", outcomes(["ray/b"]));

  expect(store.entries).toEqual(new Map());
});

test("an entry that is none is left out, and cleared with the others", async () => {
  const store = new Store();
  store.entries.set(`${PREFIX}monitors/0`, "{cut o");
  store.entries.set(`${PREFIX}monitors/3`, JSON.stringify({ at: now, keys: ["ray/a"] }));
  const intents = startProcess(store);
  const open = [...intents.openOf("monitors").keys()];

  await intents.end("monitors", outcomes(["ray/a"]));

  expect(open).toEqual(["ray/a"]);
  expect(store.entries).toEqual(new Map());
});

test("what stands there already is not written again", async () => {
  const store = new Store();
  const keys = Array.from({ length: 1_000 }, (_, at) => `ray/${at}`);
  const written: string[] = [];
  const write = store.write;
  const counting = new Intents({
    prefix: PREFIX,
    store: async (ops) => {
      written.push(...ops.map(({ key }) => key));
      return await write(ops);
    },
    log: SILENT,
    wallMs: () => now,
  });

  await counting.begin("monitors", keys.slice(0, 500), signal);
  await counting.begin("monitors", keys.slice(500), signal);

  expect(written).toEqual([0, 1, 2, 3].map((n) => `${PREFIX}monitors/${n}`));
  expect([...startProcess(store).agesOf("monitors").keys()]).toEqual(keys);
});
