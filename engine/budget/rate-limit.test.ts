import { expect, test } from "vitest";

import { RateLimit } from "./rate-limit.ts";

/** Makes calls at `now` until no more may pass. */
function drain(limit: RateLimit, now: number, most = 10_000): number {
  let calls = 0;
  while (calls < most && limit.allows("change", now)) {
    limit.take(now);
    calls++;
  }
  limit.shift(-calls);
  return calls;
}

function told(limit: number, periodSeconds: number, remaining: number, resetSeconds: number): Headers {
  return new Headers({
    "x-ratelimit-limit": `${limit}`,
    "x-ratelimit-period": `${periodSeconds}`,
    "x-ratelimit-remaining": `${remaining}`,
    "x-ratelimit-reset": `${resetSeconds}`,
  });
}

test("leaves a share of a window to more urgent calls", () => {
  const limit = new RateLimit();
  limit.learn(200, told(100, 10, 15, 10), 0, 0);

  expect([limit.allows("change", 0), limit.allows("drift", 0), limit.allows("status", 0)]).toEqual([
    true,
    true,
    false,
  ]);
});

test("a window that lasts longer than anyone waits is looked at by one call now and then", () => {
  const limit = new RateLimit();
  limit.learn(429, told(600, 3_600, 0, 3_000), 0, 0);

  const passed = [599_999, 600_000, 1_199_999, 1_200_000, 3_000_000].map((now) => drain(limit, now, 700));

  expect(passed).toEqual([0, 1, 0, 1, 600]);
});

test("the estimate counts the whole of such a window", () => {
  const limit = new RateLimit();
  limit.learn(200, told(600, 3_600, 0, 3_000), 0, 0);

  expect(limit.waitFor(1, 0)).toBe(3_000_000);
  expect(limit.waitFor(601, 0)).toBe(3_000_000 + 3_600_000);
});

test("a 429 that says at once waits all the same, and longer each time", () => {
  const limit = new RateLimit();
  const waits: number[] = [];
  let now = 0;

  for (let refusal = 0; refusal < 9; refusal++) {
    limit.learn(429, new Headers({ "retry-after": "0" }), now, 0);
    waits.push(limit.resetAt - now);
    now = limit.resetAt;
    drain(limit, now, 1);
  }

  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test("a burst of 429s counts once", () => {
  const limit = new RateLimit();

  for (let refusal = 0; refusal < 8; refusal++)
    limit.learn(429, new Headers({ "retry-after": "2" }), refusal, 0);

  expect(limit.resetAt).toBe(2_007);
});

test("after a 429 without a limit a single call looks how things are", () => {
  const limit = new RateLimit();
  limit.learn(429, new Headers(), 0, 0);

  const passed = drain(limit, 5_000, 50);
  limit.learn(200, new Headers(), 5_100, 0);

  expect(passed).toBe(1);
  expect(drain(limit, 5_100, 50)).toBe(50);
});

test("jitter lets nobody come earlier than the answer says, and at most a second later", () => {
  const limit = new RateLimit();

  limit.learn(200, told(10, 60, 0, 30), 0, 1);

  expect(limit.resetAt).toBe(31_000);
});

test("answers that overtake one another don't give more than there is", () => {
  const limit = new RateLimit();
  limit.learn(200, told(500, 10, 5, 10), 0, 0);
  limit.take(0);
  limit.take(0);

  limit.shift(-1);
  limit.learn(200, told(500, 10, 3, 10), 100, 0);
  limit.shift(-1);
  limit.learn(200, told(500, 10, 4, 10), 101, 0);

  expect(drain(limit, 102)).toBe(3);
});

test("more than a window takes is spread over it, and leaves none of it unused", () => {
  const limit = new RateLimit();
  limit.learn(200, told(500, 10, 500, 10), 0, 0);
  const passedAt: number[] = [];

  for (let now = 0; now < 10_000; now += 5) {
    if (!limit.allows("change", now, 9_000)) continue;
    limit.take(now);
    limit.shift(-1);
    passedAt.push(now);
  }

  const perSecond = Map.groupBy(passedAt, (at) => Math.floor(at / 1_000));
  expect(passedAt).toHaveLength(500);
  expect(Math.max(...[...perSecond.values()].map(({ length }) => length))).toBeLessThan(70);
});

test("what a window takes at once needn't be spread", () => {
  const limit = new RateLimit();
  limit.learn(200, told(500, 10, 500, 10), 0, 0);
  let passed = 0;

  while (limit.allows("change", 0, 300 - passed) && passed < 300) {
    limit.take(0);
    passed++;
  }

  expect(passed).toBe(300);
});
