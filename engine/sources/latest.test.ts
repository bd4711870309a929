import { expect, test } from "vitest";

import { settled } from "../../test/builders/clock.ts";
import { Latest } from "./latest.ts";

test("a slow consumer gets the newest value only", async () => {
  const latest = new Latest<number>();
  const values = latest.values(new AbortController().signal);
  latest.set(1);
  latest.set(2);

  const first = await values.next();
  latest.set(3);

  expect([first.value, (await values.next()).value]).toEqual([2, 3]);
});

test("ends without an error when the signal aborts, also while it waits", async () => {
  const over = new AbortController();
  const waiting = new Latest<number>().values(over.signal).next();
  await settled();

  over.abort();

  expect(await waiting).toEqual({ done: true, value: undefined });
});

test("ends with the first error that it was told", async () => {
  const latest = new Latest<number>();
  const waiting = latest.values(new AbortController().signal).next();

  latest.fail(new Error("first"));
  latest.fail(new Error("second"));

  await expect(waiting).rejects.toThrow("first");
});

test("wakes all consumers: one takes the value, the others wait on, and an end is for all", async () => {
  const latest = new Latest<number>();
  const over = new AbortController();
  const taken: number[] = [];
  const consume = async (): Promise<void> => {
    for await (const value of latest.values(over.signal)) taken.push(value);
  };
  const consumers = [consume(), consume()];
  await settled();

  latest.set(1);
  await settled();
  latest.set(2);
  await settled();
  over.abort();
  await Promise.all(consumers);

  expect(taken).toEqual([1, 2]);
});
