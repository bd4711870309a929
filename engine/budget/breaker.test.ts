import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Breaker, evidenceOf, type Evidence } from "./breaker.ts";

const WALL = Date.parse("2026-01-01T22:14:03Z");
const DOWN: Evidence = { askedMs: undefined };

/** A breaker at the clock's beginning, and a call that ends as it begins. */
function world(random = 0.5) {
  const breaker = new Breaker({ threshold: 3, random: () => random });
  const call = (evidence: Evidence, now: number): boolean =>
    breaker.ended(breaker.begin(), evidence, now, WALL + now);
  const open = (): void => {
    for (const now of [0, 1, 2]) call(DOWN, now);
  };
  return { breaker, call, open };
}

test("opens after some failures in a row, and tells since when", () => {
  const { breaker, open } = world();

  open();

  expect(breaker.refuses(2)).toBe(true);
  expect(breaker.down(2)).toEqual({ since: WALL, nextTryInMs: 750 });
});

test("an answer in between makes the failures begin anew", () => {
  const { breaker, call } = world();

  for (const evidence of [DOWN, DOWN, "up", DOWN, DOWN] as const) call(evidence, 0);

  expect(breaker.down(0)).toBeUndefined();
});

test("lets a single call through when the pause is over", () => {
  const { breaker, open } = world();
  open();

  const before = breaker.mayBegin(751);
  const due = breaker.mayBegin(752);
  breaker.begin();

  expect([before, due, breaker.mayBegin(752)]).toEqual([false, true, false]);
  expect(breaker.refuses(752)).toBe(false);
});

test("closes when the probe gets an answer", () => {
  const { breaker, call, open } = world();
  open();

  call("up", 752);

  expect(breaker.down(752)).toBeUndefined();
  expect(breaker.mayBegin(752)).toBe(true);
});

test("each failed probe makes the pause longer, up to a minute", () => {
  const { breaker, call, open } = world(1);
  open();
  let now = 2;
  const pauses: number[] = [];

  for (let probe = 0; probe < 9; probe++) {
    const pauseMs = breaker.down(now)!.nextTryInMs;
    pauses.push(pauseMs);
    now += pauseMs;
    call(DOWN, now);
  }

  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  expect(breaker.down(now)!.since).toBe(WALL);
});

test("waits for as long as the answer asks, within bounds", () => {
  const { breaker, call } = world();

  for (let failure = 0; failure < 3; failure++) call({ askedMs: 3_600_000 }, 0);

  expect(breaker.down(0)!.nextTryInMs).toBe(600_000);
});

test("what calls from before it opened find out is old news", () => {
  const { breaker, open } = world();
  const [answered, failed] = [breaker.begin(), breaker.begin()];
  open();

  breaker.ended(answered, "up", 3, WALL);
  const stayed = breaker.refuses(3);
  const probe = breaker.begin();
  breaker.ended(failed, DOWN, 800, WALL);
  breaker.ended(probe, "up", 801, WALL);

  expect(stayed).toBe(true);
  expect(breaker.down(801)).toBeUndefined();
});

test("a probe that is given up leaves its place to the next call", () => {
  const { breaker, call, open } = world();
  open();

  call("givenUp", 752);

  expect(breaker.mayBegin(752)).toBe(true);
  expect(breaker.down(752)).toEqual({ since: WALL, nextTryInMs: 0 });
});

test("never lets two calls through to a system that is down, and always one in the end", () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 0, max: 40_000 }),
    end: fc.constantFrom<"up" | "down" | "givenUp" | "none">("up", "down", "givenUp", "none"),
    random: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let random = 0;
      const breaker = new Breaker({ threshold: 3, random: () => random });
      const underWay: { readonly epoch: number; readonly isProbe: boolean }[] = [];
      let now = 0;
      let isDown = false;
      for (const { afterMs, end, random: chance } of steps) {
        now += afterMs;
        random = chance;
        if (breaker.mayBegin(now)) {
          expect(isDown && underWay.some(({ isProbe }) => isProbe)).toBe(false);
          underWay.push({ epoch: breaker.begin(), isProbe: isDown });
        }
        if (end === "none") continue;
        const [call] = underWay.splice(0, 1);
        if (call === undefined) continue;
        breaker.ended(call.epoch, end === "down" ? DOWN : end, now, now);
        isDown = breaker.down(now) !== undefined;
      }

      for (const call of underWay) breaker.ended(call.epoch, "givenUp", now, now);
      expect(breaker.mayBegin(now + 60_000)).toBe(true);
    }),
  );
});

test.for<[status: number, headers: Record<string, string>, expected: Evidence]>([
  [200, { "content-type": "application/json" }, "up"],
  [204, {}, "up"],
  [403, {}, "up"],
  [404, { "content-type": "text/html" }, "up"],
  [429, { "retry-after": "3" }, "up"],
  [408, {}, { askedMs: undefined }],
  [500, { "x-ratelimit-reset": "3000" }, { askedMs: undefined }],
  [503, { "retry-after": "7" }, { askedMs: 7_000 }],
  [302, {}, { askedMs: undefined }],
  [200, { "content-type": "text/html; charset=utf-8" }, { askedMs: undefined }],
])("an answer of %i with %j says %j", ([status, headers, expected]) => {
  expect(evidenceOf(status, new Headers(headers))).toEqual(expected);
});
