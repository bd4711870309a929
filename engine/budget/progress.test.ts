import { expect, test } from "vitest";

import { parseProgress, progressInWords, progressOf, type Progress } from "./progress.ts";
import type { BudgetStatus } from "./status.ts";

// The reader's own time zone is the one in which it says when.
const NOW = new Date(2026, 10, 25, 22, 14, 3).getTime();

function status(over: Partial<BudgetStatus>): BudgetStatus {
  return { waiting: 0, total: 0, estimatedWaitMs: 0, down: undefined, limits: [], ...over };
}

/** What another process reads `laterMs` later. */
function read(said: Progress | undefined, laterMs: number): string | undefined {
  const progress = parseProgress(JSON.stringify(said), NOW + laterMs);
  return progress === undefined ? undefined : progressInWords(progress, NOW + laterMs);
}

test("has nothing to say while nothing waits and Datadog answers", () => {
  expect(progressOf(status({}), NOW)).toBeUndefined();
  // They wait for one another and not for the limit.
  expect(progressOf(status({ waiting: 3, total: 9 }), NOW)).toBeUndefined();
});

test.for<[over: Partial<BudgetStatus>, expected: string]>([
  [
    { waiting: 312, total: 4_000, estimatedWaitMs: 40_400 },
    "Datadog: 312 of 4,000 waiting for the rate limit, about 40 s",
  ],
  [{ waiting: 1, total: 1, estimatedWaitMs: 10 }, "Datadog: 1 of 1 waiting for the rate limit, about 1 s"],
  [
    { waiting: 700, total: 800, estimatedWaitMs: 1_500_000 },
    "Datadog: 700 of 800 waiting for the rate limit, about 25 min",
  ],
  [{ down: { since: NOW, nextTryInMs: 12_000 } }, "Datadog: down since 22:14:03, next try in 12 s"],
  [
    { down: { since: NOW - 86_400_000, nextTryInMs: 0 } },
    "Datadog: down since 2026-11-24 22:14:03, tried again now",
  ],
  [
    { waiting: 5, total: 9, estimatedWaitMs: 8_000, down: { since: NOW, nextTryInMs: 2_000 } },
    "Datadog: down since 22:14:03, next try in 2 s; 5 of 9 waiting for the rate limit, about 8 s",
  ],
])("says of %j: %s", ([over, expected]) => {
  expect(read(progressOf(status(over), NOW), 0)).toBe(expected);
});

test("counts down for whoever reads it later", () => {
  const said = progressOf(status({ waiting: 312, total: 4_000, estimatedWaitMs: 40_000 }), NOW);

  expect(read(said, 10_000)).toBe("Datadog: 312 of 4,000 waiting for the rate limit, about 30 s");
});

test("what nobody has repeated for a while is not believed, nor what is from the future", () => {
  const said = progressOf(status({ down: { since: NOW, nextTryInMs: 12_000 } }), NOW);

  expect([read(said, 15_000), read(said, 15_001), read(said, -15_001)]).toEqual([
    "Datadog: down since 22:14:03, tried again now",
    undefined,
    undefined,
  ]);
});

test.for([undefined, "", "{", "7", '{"at":"yesterday"}', '{"at":1}'])("reads %j as nothing", (text) => {
  expect(parseProgress(text, NOW)).toBeUndefined();
});
