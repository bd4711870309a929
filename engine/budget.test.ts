import * as fc from "fast-check";
import { expect, test } from "vitest";

import { retryAfterMs, type Permit, type Priority } from "../clients/gate.ts";
import { Budget, type Clock } from "./budget.ts";

/** A clock that stands still until it is told to go on. */
class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ at: number; run: () => void }>();

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return Date.parse("2026-01-01T22:14:00Z") + this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      const [next] = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#now = next.at;
      this.#timers.delete(next);
      next.run();
    }
    this.#now = end;
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

function limits(limit: number, period: number, remaining: number, reset: number, name?: string): Headers {
  return new Headers({
    "x-ratelimit-limit": `${limit}`,
    "x-ratelimit-period": `${period}`,
    "x-ratelimit-remaining": `${remaining}`,
    "x-ratelimit-reset": `${reset}`,
    ...(name === undefined ? {} : { "x-ratelimit-name": name }),
  });
}

const never = new AbortController().signal;

function world(concurrency = 8) {
  const clock = new ManualClock();
  const budget = new Budget({ clock, concurrency, random: () => 0 });
  const passed: string[] = [];
  const permits: Permit[] = [];
  const call = (name: string, priority: Priority = "change", operation = "createMonitor") => {
    void budget.acquire(operation, priority, never).then((permit) => {
      passed.push(name);
      permits.push(permit);
      return permit;
    });
  };
  return { clock, budget, passed, permits, call };
}

test("waits for the next window before the limit is hit", async () => {
  const { clock, budget, passed, permits, call } = world();
  call("a");
  await settled();
  permits[0]?.answered(200, limits(2, 10, 1, 4));

  call("b");
  call("c");
  await settled();

  expect(passed).toEqual(["a", "b"]);
  expect(budget.status).toMatchObject({ waiting: 1, total: 2, estimatedWaitMs: 4_000 });

  permits[1]?.answered(200, limits(2, 10, 0, 4));
  await clock.advance(4_000);
  expect(passed).toEqual(["a", "b", "c"]);
  expect(budget.status).toMatchObject({ waiting: 0, total: 0, estimatedWaitMs: 0 });
});

test("lets a person's change overtake drift and status reads", async () => {
  const { passed, permits, call } = world(1);
  call("first", "status");
  call("status", "status");
  call("drift", "drift");
  call("change", "change");
  await settled();

  for (let turn = 0; turn < 4; turn++) {
    permits[turn]?.answered(200, new Headers());
    await settled();
  }

  expect(passed).toEqual(["first", "change", "drift", "status"]);
});

test("an exhausted operation doesn't hold up another one", async () => {
  const { passed, permits, call } = world();
  call("create");
  await settled();
  permits[0]?.answered(200, limits(1, 10, 0, 10));

  call("create again");
  call("list", "status", "listMonitors");
  await settled();

  expect(passed).toEqual(["create", "list"]);
});

test("operations of one limit name share its budget", async () => {
  const { passed, permits, call } = world();
  call("create", "change", "createMonitor");
  call("update", "change", "updateMonitor");
  await settled();
  permits[0]?.answered(200, limits(3, 10, 1, 10, "monitors"));
  permits[1]?.answered(200, limits(3, 10, 1, 10, "monitors"));

  call("create again", "change", "createMonitor");
  call("update again", "change", "updateMonitor");
  await settled();

  expect(passed).toEqual(["create", "update", "create again"]);
});

test("stops after a 429 for as long as the answer says", async () => {
  const { clock, passed, permits, call } = world();
  call("a");
  await settled();
  permits[0]?.answered(429, new Headers({ "retry-after": "7" }));
  call("b");

  await clock.advance(6_999);
  const before = [...passed];
  await clock.advance(1);

  expect(before).toEqual(["a"]);
  expect(passed).toEqual(["a", "b"]);
});

test("a limit that makes no sense neither blocks nor spins", async () => {
  const { clock, passed, permits, call } = world();
  call("a");
  await settled();
  permits[0]?.answered(429, new Headers({ "x-ratelimit-reset": "soon", "x-ratelimit-limit": "-1" }));
  call("b");

  await clock.advance(4_999);
  const before = [...passed];
  await clock.advance(1);

  expect(before).toEqual(["a"]);
  expect(passed).toEqual(["a", "b"]);
});

test("keeps to the number of calls at once", async () => {
  const { passed, permits, call } = world(2);
  for (const name of ["a", "b", "c"]) call(name);
  await settled();
  const before = [...passed];

  permits[0]?.failed();
  await settled();

  expect(before).toEqual(["a", "b"]);
  expect(passed).toEqual(["a", "b", "c"]);
});

test("a call that is given up leaves the queue", async () => {
  const { budget, call } = world(1);
  call("a");
  const abort = new AbortController();
  const waiting = budget.acquire("createMonitor", "change", abort.signal);

  abort.abort(new Error("stopped"));

  await expect(waiting).rejects.toThrow("stopped");
  expect(budget.status.waiting).toBe(0);
});

test("tells how long a large change takes", async () => {
  const { budget, permits, call } = world(1);
  call("first");
  await settled();
  permits[0]?.answered(200, limits(500, 10, 0, 10));

  for (let n = 0; n < 4_000; n++) call(`${n}`);

  expect(budget.status).toMatchObject({ waiting: 4_000, total: 4_000, estimatedWaitMs: 80_000 });
});

test("never makes more calls in a window than the API allows", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 60 }),
      async (limit, calls) => {
        const clock = new ManualClock();
        const budget = new Budget({ clock, random: () => 0 });
        const perWindow = new Map<number, number>();
        // Learns the limit from one call first: nobody knows it before.
        for (let n = 0; n <= calls; n++) {
          void budget.acquire("op", "change", never).then(async (permit) => {
            const window = Math.floor(clock.now() / 10_000);
            const used = (perWindow.get(window) ?? 0) + 1;
            perWindow.set(window, used);
            const reset = Math.ceil(((window + 1) * 10_000 - clock.now()) / 1_000);
            await Promise.resolve();
            permit.answered(used > limit ? 429 : 200, limits(limit, 10, Math.max(0, limit - used), reset));
            return used;
          });
          if (n === 0) await clock.advance(0);
        }
        await clock.advance(10_000 * (calls + 2));

        const made = [...perWindow.values()].reduce((a, b) => a + b, 0);
        expect(made).toBe(calls + 1);
        expect(Math.max(...perWindow.values())).toBeLessThanOrEqual(limit);
      },
    ),
    { numRuns: 50 },
  );
});

test.for<[headers: Record<string, string>, expected: number | undefined]>([
  [{ "retry-after": "3" }, 3_000],
  [{ "x-ratelimit-reset": "2", "retry-after": "3" }, 3_000],
  [{ "x-ratelimit-reset": "2" }, 2_000],
  [{ "retry-after": "Thu, 01 Jan 1970 00:00:05 GMT" }, 5_000],
  [{ "x-ratelimit-reset": "999999" }, 600_000],
  [{ "x-ratelimit-reset": "NaN" }, undefined],
  [{}, undefined],
])("reads how long to wait from %j", ([headers, expected]) => {
  expect(retryAfterMs(new Headers(headers), 0)).toBe(expected);
});
