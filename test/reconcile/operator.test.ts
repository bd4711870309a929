import { expect, onTestFinished, test } from "vitest";

import { createConsul } from "../../clients/consul.ts";
import { Board } from "../../engine/status/board.ts";
import { createMetrics } from "../../engine/metrics.ts";
import { serve, type DutyOptions } from "../../engine/loop/operator.ts";
import { STATUS_KEYS, type ServiceStatus } from "../../engine/status/status.ts";
import { Feed } from "../../engine/sources/feed.ts";
import { Latest } from "../../engine/sources/latest.ts";
import { watchControl, type Control } from "../../engine/sources/control.ts";
import {
  SILENT,
  toyController,
  toySnapshot,
  ToyTarget,
  type ToySnapshot,
  type ToyWishes,
} from "../builders/engine-world.ts";
import { startFakeConsul } from "../fakes/consul.ts";

const PREFIX = STATUS_KEYS.ofController("dd-observe");
const ended = new AbortController().signal;

async function start() {
  const fake = await startFakeConsul();
  const consul = createConsul({ address: fake.url });
  const target = new ToyTarget();
  const wishes = new Latest<ToyWishes>();
  const over = new AbortController();
  const source = {
    changes: (signal: AbortSignal) => wishes.values(signal),
    confirm: async () => newest,
    health: { ready: true, watches: [], error: undefined },
  };
  let newest: ToyWishes = {};
  const feed = new Feed<ToyWishes, ToySnapshot>(source, (state, { paused }) =>
    toySnapshot(state, [...paused]),
  );
  const told = new Latest<Control>();
  told.set({ paused: new Set(), approved: new Set(), placed: new Map() });
  const feeding = feed.run(told.values(over.signal), over.signal);
  onTestFinished(async () => {
    over.abort();
    await feeding;
    await fake[Symbol.asyncDispose]();
  });

  /** One term, or one life of a node: everything but the target and Consul is new. */
  function begin() {
    const board = new Board("controller");
    const [stop, abort] = [new AbortController(), new AbortController()];
    const options: DutyOptions<ToyWishes, ToySnapshot> = {
      settings: {
        consul,
        statePrefix: "dd-observe",
        resyncMs: 60_000,
        graceMs: 600_000,
        limit: { count: 10, share: 0.2 },
        log: SILENT,
        metrics: createMetrics(),
      },
      feed,
      registrations: [{ controller: toyController(target), memory: target.memory }],
      board,
      statusPrefix: PREFIX,
      store: async (ops, signal) => {
        abort.signal.throwIfAborted();
        return await consul.txn(ops, signal);
      },
      mayWrite: async () => abort.signal.throwIfAborted(),
      tellsAccepted: true,
    };
    const done = serve(options, stop.signal, abort.signal);
    onTestFinished(async () => {
      abort.abort();
      await done;
    });
    return { board, stop, abort, done };
  }

  return {
    fake,
    consul,
    target,
    begin,
    wish(wished: ToyWishes): void {
      newest = wished;
      wishes.set(wished);
    },
    stored: async (service: string): Promise<ServiceStatus | undefined> => {
      const entry = await consul.kvGet(PREFIX + service, {}, ended);
      return entry === undefined ? undefined : (JSON.parse(entry.text) as ServiceStatus);
    },
  };
}

function status(service: string, over: Partial<ServiceStatus> = {}): string {
  return JSON.stringify({
    service,
    writer: "controller",
    generation: 7,
    conditions: [],
    objects: [],
    events: [],
    ...over,
  });
}

test("stores what there is to say before it ends, and closes its targets", async () => {
  const world = await start();
  const { stop, done } = world.begin();
  world.wish({ ray: { a: "1" } });
  await expect.poll(() => world.target.world()).toEqual({ "ray/a": "1" });

  stop.abort();
  await done;

  expect(await world.stored("ray")).toMatchObject({
    conditions: expect.arrayContaining([expect.objectContaining({ type: "ToysSynced", status: "True" })]),
    objects: [{ controller: "toys", key: "ray/a" }],
  });
  expect(world.target.closed).toBe(1);
});

test("a term that is lost writes nothing more, and the next one goes on", async () => {
  const world = await start();
  const first = world.begin();
  world.wish({ ray: { a: "1" } });
  await expect.poll(() => world.target.world()).toEqual({ "ray/a": "1" });

  first.abort.abort();
  await first.done;
  const writes = world.target.writes().length;
  world.wish({ ray: { a: "2" } });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const meanwhile = world.target.writes().length;
  world.begin();

  await expect.poll(() => world.target.world()).toEqual({ "ray/a": "2" });
  expect(meanwhile).toBe(writes);
});

test("waits for a Consul that is away when the term begins", async () => {
  const world = await start();
  await world.fake.stop();
  const { stop, done } = world.begin();
  world.wish({ ray: { a: "1" } });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = world.target.world();

  await world.fake.restart({ keepState: true });
  await expect.poll(() => world.target.world(), { timeout: 10_000 }).toEqual({ "ray/a": "1" });
  stop.abort();
  await done;

  expect(before).toEqual({});
});

test("a stop while Consul is away ends it without an error", async () => {
  const world = await start();
  await world.fake.stop();
  const { stop, done } = world.begin();

  stop.abort();

  await expect(done).resolves.toBeUndefined();
});

test("reads past statuses that are none, or stand under another name", async () => {
  const world = await start();
  world.fake.put(`${PREFIX}broken`, "{");
  world.fake.put(`${PREFIX}older`, '{"version":1}');
  world.fake.put(`${PREFIX}copy`, status("ray"));
  world.fake.put(`${PREFIX}chat`, status("chat", { absentSince: "not a time" }));
  const { board } = world.begin();

  world.wish({ web: { a: "1" } });
  await expect.poll(() => world.target.world()).toEqual({ "web/a": "1" });

  expect(["ray", "copy", "older", "chat"].map((service) => board.isKnown(service))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

test("what people tell by command is read from its keys", async () => {
  const world = await start();
  for (const key of [".keep", "paused/ray", "paused/constructor", "approved/abc", "placed/consul/node%2F1"])
    world.fake.put(`dd-observe/control/${key}`, "");
  const over = new AbortController();
  onTestFinished(() => over.abort());

  const control = watchControl(world.consul, "dd-observe", over.signal);
  const first = await control.changes()[Symbol.asyncIterator]().next();

  expect(first.value).toEqual({
    paused: new Set(["ray", "constructor"]),
    approved: new Set(["abc"]),
    placed: new Map([["consul", "node/1"]]),
  });
});
