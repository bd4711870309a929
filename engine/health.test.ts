import { expect, test } from "vitest";

import { ApiError } from "../clients/errors.ts";
import { watchesMove } from "./health.ts";
import type { WatchState } from "./sources/watch.ts";

const NOW = 10_000_000;

function state(over: Partial<WatchState>): WatchState {
  return { name: "services", ready: true, startedMs: NOW, lastProgressMs: 0, error: undefined, ...over };
}

test.for([
  { title: "a watch that has just moved", startedMs: 0, lastProgressMs: NOW - 1_000, ok: true },
  { title: "a watch in its third read", startedMs: 0, lastProgressMs: NOW - 200_000, ok: true },
  { title: "a watch that stopped moving", startedMs: 0, lastProgressMs: NOW - 200_001, ok: false },
  { title: "a new watch without an answer", startedMs: NOW - 200_000, lastProgressMs: 0, ok: true },
  { title: "an old watch that never had an answer", startedMs: NOW - 200_001, lastProgressMs: 0, ok: false },
])("$title is healthy: $ok", ({ startedMs, lastProgressMs, ok }) => {
  expect(watchesMove([state({ startedMs, lastProgressMs })], 0, NOW).ok).toBe(ok);
});

test("a process that watches nothing for minutes is not healthy", () => {
  expect(watchesMove([], NOW - 200_000, NOW).ok).toBe(true);
  expect(watchesMove([], NOW - 200_001, NOW)).toEqual({ ok: false, problems: ["nothing is watched yet"] });
});

test("says which watch, and why", () => {
  const error = new ApiError("watch the services", "ECONNREFUSED", { failure: "unavailable" });

  const { problems } = watchesMove([state({ startedMs: 0, error })], 0, NOW);

  expect(problems).toEqual([
    "the watch of services makes no progress: Cannot watch the services: ECONNREFUSED",
  ]);
});
