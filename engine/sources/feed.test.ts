import { expect, onTestFinished, test } from "vitest";

import { settled } from "../../test/builders/clock.ts";
import type { Control } from "./control.ts";
import { Feed } from "./feed.ts";
import { Latest } from "./latest.ts";
import type { Snapshot } from "./snapshot.ts";

interface Numbered extends Snapshot {
  readonly number: number;
}

function start() {
  const states = new Latest<number>();
  const told = new Latest<Control>();
  const over = new AbortController();
  const source = {
    changes: (signal: AbortSignal) => states.values(signal),
    confirm: async () => 99,
    health: { ready: true, watches: [], error: undefined },
  };
  const feed = new Feed<number, Numbered>(source, (number, { paused }) => ({
    services: new Map(),
    paused,
    number,
  }));
  const done = feed.run(told.values(over.signal), over.signal);
  done.catch(() => undefined);
  onTestFinished(() => over.abort());
  return { feed, states, told, over, done };
}

const NOTHING_TOLD: Control = { paused: new Set(), approved: new Set(), placed: new Map() };

test("has no snapshot before it is known what people told", async () => {
  const { feed, states, told } = start();
  states.set(1);
  await settled();
  const before = feed.snapshot;

  told.set({ ...NOTHING_TOLD, paused: new Set(["ray"]) });
  await settled();

  expect(before).toBeUndefined();
  expect(feed.snapshot).toMatchObject({ number: 1, paused: new Set(["ray"]) });
});

test("gives every listener the newest snapshot, now and later, until its signal aborts", async () => {
  const { feed, states, told } = start();
  const seen: string[] = [];
  const first = new AbortController();
  told.set(NOTHING_TOLD);
  feed.subscribe(({ number }) => seen.push(`a${number}`), first.signal);
  states.set(1);
  await settled();

  feed.subscribe(({ number }) => seen.push(`b${number}`), new AbortController().signal);
  first.abort();
  states.set(2);
  await settled();

  expect(seen).toEqual(["a1", "b1", "b2"]);
});

test("takes no listener whose signal has aborted", async () => {
  const { feed, states, told } = start();
  const seen: number[] = [];

  feed.subscribe(({ number }) => seen.push(number), AbortSignal.abort());
  told.set(NOTHING_TOLD);
  states.set(1);
  await settled();

  expect(seen).toEqual([]);
});

test("everyone who waits for the first snapshot gets it", async () => {
  const { feed, states, told, over } = start();
  const waiting = [feed.first(over.signal), feed.first(over.signal)];
  told.set(NOTHING_TOLD);

  states.set(1);

  expect((await Promise.all(waiting)).map((snapshot) => snapshot?.number)).toEqual([1, 1]);
});

test("whoever waits for the first snapshot is let go when the process stops", async () => {
  const { feed, over } = start();
  const waiting = feed.first(over.signal);

  over.abort();

  expect(await waiting).toBeUndefined();
  expect(await feed.first(over.signal)).toBeUndefined();
});

test("a second read knows who is paused", async () => {
  const { feed, told } = start();
  told.set({ ...NOTHING_TOLD, paused: new Set(["ray"]) });
  await settled();

  const snapshot = await feed.confirm(new AbortController().signal);

  expect(snapshot).toMatchObject({ number: 99, paused: new Set(["ray"]) });
});

test.for(["states", "told"] as const)("a mistake in what gives the %s ends the feed", async (which) => {
  const world = start();

  world[which].fail(new Error("a mistake of ours"));

  await expect(world.done).rejects.toThrow("a mistake of ours");
});
