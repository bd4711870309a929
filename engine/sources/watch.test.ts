import { expect, onTestFinished, test } from "vitest";

import type { BlockingAnswer, BlockingRequest } from "../../clients/consul-read.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Clock } from "../clock.ts";
import { Unproven, watch, type Watch, type WatchOptions } from "./watch.ts";

/** Time that passes only where someone sleeps. */
function fakeClock(): Clock & { nowMs: number; readonly slept: number[] } {
  const clock = {
    nowMs: 1_000_000,
    slept: [] as number[],
    monotonicMs: () => clock.nowMs,
    wallMs: () => clock.nowMs,
    async sleep(ms: number, signal: AbortSignal) {
      signal.throwIfAborted();
      clock.slept.push(ms);
      clock.nowMs += ms;
      await Promise.resolve();
    },
    random: () => 1,
  };
  return clock;
}

type Step = Partial<BlockingAnswer> & {
  readonly value?: unknown;
  readonly error?: Error;
  readonly tookMs?: number;
};

/** Answers read after read from a list, and never answers after its end. */
function script(steps: readonly Step[], clock = fakeClock()) {
  const asked: Pick<BlockingRequest, "index" | "waitMs">[] = [];
  const consistent: boolean[] = [];
  const left = [...steps];
  async function read(request: BlockingRequest, signal: AbortSignal): Promise<BlockingAnswer> {
    asked.push({ index: request.index, waitMs: request.waitMs });
    consistent.push(request.consistent === true);
    const step = left.shift();
    if (step === undefined) {
      return await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      });
    }
    clock.nowMs += step.tookMs ?? 0;
    if (step.error !== undefined) throw step.error;
    const { value, ...fields } = step;
    const defaults = {
      status: 200,
      index: 1,
      system: "Consul",
      knownLeader: true,
      filteredByAcls: false,
      raw: Buffer.alloc(0),
    } as const;
    return { ...defaults, body: () => value, ...fields };
  }
  return { read, asked, consistent, clock };
}

function open(
  scripted: ReturnType<typeof script>,
  more: Partial<WatchOptions<unknown>> = {},
): { values: AsyncIterator<unknown>; watched: Watch<unknown> } {
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const watched = watch<unknown>(
    {
      name: "test",
      read: scripted.read,
      request: { path: "/kv/a", tried: "watch a", right: "none" },
      rate: { burst: 100, perSecond: 100 },
      decode: (answer) => answer.body(),
      clock: scripted.clock,
      ...more,
    },
    ended.signal,
  );
  return { values: watched[Symbol.asyncIterator](), watched };
}

async function take(values: AsyncIterator<unknown>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  while (taken.length < count) taken.push((await values.next()).value);
  return taken;
}

const DOWN = new ApiError("watch a", "ECONNREFUSED", { failure: "unavailable" });

test("yields nothing when a read ends without a change", async () => {
  const scripted = script([
    { index: 5, value: "a" },
    { index: 5, value: "a" },
    { index: 6, value: "b" },
  ]);

  const values = await take(open(scripted).values, 2);

  expect(values).toEqual(["a", "b"]);
  expect(scripted.asked.map(({ index }) => index)).toEqual([0, 5, 5]);
});

test("starts over from index 0 when the index goes down", async () => {
  const scripted = script([
    { index: 73, value: "old" },
    { index: 15, value: "reset" },
    { index: 15, value: "new" },
  ]);

  const values = await take(open(scripted).values, 2);

  expect(values).toEqual(["old", "new"]);
  expect(scripted.asked.map(({ index }) => index)).toEqual([0, 73, 0]);
});

test("starts over from index 0 after an error, and yields what it finds", async () => {
  const scripted = script([{ index: 73, value: "old" }, { error: DOWN }, { index: 73, value: "new" }]);
  const { values, watched } = open(scripted);

  const taken = await take(values, 2);

  expect(taken).toEqual(["old", "new"]);
  expect(scripted.asked.map(({ index }) => index)).toEqual([0, 73, 0]);
  expect(watched.state.error).toBeUndefined();
});

test("tells decode when equal indexes prove nothing", async () => {
  const fresh: boolean[] = [];
  const scripted = script([{ index: 5 }, { index: 6 }, { error: DOWN }, { index: 6 }, { index: 7 }]);
  const { values } = open(scripted, {
    decode(_answer, isFresh) {
      fresh.push(isFresh);
    },
  });

  await take(values, 4);

  expect(fresh).toEqual([true, false, true, false]);
});

test("waits longer after each failure, up to half a minute", async () => {
  const scripted = script([...Array.from({ length: 12 }, () => ({ error: DOWN })), { value: "back" }]);

  await take(open(scripted).values, 1);

  expect(scripted.clock.slept.slice(0, 4)).toEqual([200, 400, 800, 1600]);
  expect(scripted.clock.slept.at(-1)).toBe(30_000);
});

test("waits as long as a limit of the rate says", async () => {
  const limited = new ApiError("watch a", "429", { failure: "rateLimited", retryAfterMs: 7_000 });
  const scripted = script([{ error: limited }, { value: "back" }]);

  await take(open(scripted).values, 1);

  expect(scripted.clock.slept).toEqual([7_000]);
});

test("takes an answer of a server without a leader for an error", async () => {
  const scripted = script([
    { index: 9, knownLeader: false, value: "stale" },
    { index: 9, value: "sure" },
  ]);

  const values = await take(open(scripted).values, 1);

  expect(values).toEqual(["sure"]);
});

test("takes an answer that access rules filtered for an error", async () => {
  const scripted = script([
    { index: 9, filteredByAcls: true, value: "part" },
    { index: 9, value: "whole" },
  ]);

  const values = await take(open(scripted).values, 1);

  expect(values).toEqual(["whole"]);
});

test("looks again soon at an answer that proves nothing, even if its index stays", async () => {
  const scripted = script([
    { index: 15, value: undefined },
    { index: 15, value: undefined },
    { index: 15, value: "allowed now" },
    { index: 15, value: "no news" },
  ]);
  const denied = new ApiError("watch a", "nothing", { failure: "unauthorized" });
  const { values, watched } = open(scripted, {
    decode(answer) {
      if (answer.body() === undefined) throw new Unproven(denied);
      return answer.body();
    },
  });

  const taken = await take(values, 1);
  void values.next();
  await expect.poll(() => scripted.asked.length).toBe(5);

  expect(taken).toEqual(["allowed now"]);
  expect(scripted.asked).toEqual([
    { index: 0, waitMs: 60_000 },
    { index: 15, waitMs: 2_000 },
    { index: 15, waitMs: 2_000 },
    { index: 15, waitMs: 60_000 },
    { index: 15, waitMs: 60_000 },
  ]);
  expect(watched.state).toMatchObject({ ready: true, error: undefined });
});

test("keeps the reason of an answer that proves nothing until one does", async () => {
  const denied = new ApiError("watch a", "nothing", { failure: "unauthorized" });
  const { values, watched } = open(script([{ index: 15 }]), {
    decode() {
      throw new Unproven(denied);
    },
  });

  void values.next();
  await expect.poll(() => watched.state.error).toBe(denied);

  expect(watched.state).toMatchObject({ ready: false, lastProgressMs: 0 });
});

test("sees an isolated change at once, and slows down in a storm", async () => {
  const storm = Array.from({ length: 8 }, (_, at) => ({ index: at + 1, value: at }));
  const scripted = script(storm);
  const { values } = open(scripted, { rate: { burst: 5, perSecond: 1 } });

  await take(values, 5);
  const sleptAtFirst = [...scripted.clock.slept];
  await take(values, 3);

  expect(sleptAtFirst).toEqual([]);
  expect(scripted.clock.slept).toEqual([1_000, 1_000, 1_000]);
});

test("begins each start with a consistent read, as a restarted Consul says old things to others", async () => {
  const scripted = script([
    { index: 9, value: "a" },
    { index: 10, value: "b" },
    { error: DOWN },
    { index: 10, value: "b" },
    { index: 4, value: "old" },
    { index: 11, value: "c" },
  ]);

  await take(open(scripted).values, 4);

  expect(scripted.asked.map(({ index }) => index)).toEqual([0, 9, 10, 0, 10, 0]);
  expect(scripted.consistent).toEqual([true, false, false, true, false, true]);
});

test("lets what is absent wait longer between reads, until it is there", async () => {
  const scripted = script([
    { index: 1, status: 404, value: "absent" },
    { index: 2, status: 404, value: "woken by a neighbour" },
    { index: 3, status: 404, value: "again" },
    { index: 4, value: "there" },
    { index: 5, value: "changed" },
  ]);
  const { values } = open(scripted, { absentRate: { burst: 2, perSecond: 0.1 } });

  await take(values, 5);

  expect(scripted.clock.slept).toEqual([10_000]);
});

test("fills its allowance again while nothing happens", async () => {
  const scripted = script([
    { index: 1, value: 1 },
    { index: 2, value: 2 },
    { index: 3, value: 3, tookMs: 60_000 },
    { index: 4, value: 4 },
  ]);
  const { values } = open(scripted, { rate: { burst: 3, perSecond: 1 } });

  await take(values, 4);

  expect(scripted.clock.slept).toEqual([]);
});

test("reads only when its consumer asks, so that a slow one gets the newest", async () => {
  const scripted = script([
    { index: 1, value: "first" },
    { index: 50, value: "newest" },
  ]);
  const { values } = open(scripted);

  await take(values, 1);
  const askedWhileBusy = scripted.asked.length;
  const next = await take(values, 1);

  expect(askedWhileBusy).toBe(1);
  expect(next).toEqual(["newest"]);
});

test("records when it last had an answer, with news or without", async () => {
  const scripted = script([
    { index: 5, value: "a" },
    { index: 5, value: "a", tookMs: 60_000 },
  ]);
  const { values, watched } = open(scripted);

  await take(values, 1);
  const atFirst = watched.state.lastProgressMs;
  void values.next();
  await expect.poll(() => scripted.asked.length).toBe(3);

  expect(atFirst).toBe(1_000_000);
  expect(watched.state.lastProgressMs).toBe(1_060_000);
});

test("ends when its signal aborts during a read", async () => {
  const ended = new AbortController();
  const scripted = script([]);
  const watched = watch<unknown>(
    {
      name: "test",
      read: scripted.read,
      request: { path: "/kv/a", tried: "watch a", right: "none" },
      rate: { burst: 1, perSecond: 1 },
      decode: () => undefined,
      clock: scripted.clock,
    },
    ended.signal,
  );

  const next = watched[Symbol.asyncIterator]().next();
  await expect.poll(() => scripted.asked.length).toBe(1);
  ended.abort();

  expect(await next).toEqual({ done: true, value: undefined });
});
