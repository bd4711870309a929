import * as fc from "fast-check";
import { expect, test } from "vitest";

import type { ApiError } from "../clients/errors.ts";
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
  const budget = new Budget({ clock, concurrency, concurrencyPerKind: concurrency, random: () => 0 });
  const passed: string[] = [];
  const refused: ApiError[] = [];
  const permits: Permit[] = [];
  const call = (
    name: string,
    priority: Priority = "change",
    operation = "createMonitor",
    { kind = "monitors", signal = never } = {},
  ) => {
    budget.acquire(operation, priority, signal, kind).then(
      (permit) => {
        passed.push(name);
        permits.push(permit);
        return permit;
      },
      (error: unknown) => refused.push(error as ApiError),
    );
  };
  return { clock, budget, passed, refused, permits, call };
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

test("a flood of one kind leaves room for another", async () => {
  const clock = new ManualClock();
  const budget = new Budget({ clock, random: () => 0 });
  const passed: string[] = [];
  const call = (kind: string, priority: Priority) =>
    void budget.acquire(`list ${kind}`, priority, never, kind).then(() => passed.push(kind));

  for (let n = 0; n < 100; n++) call("monitors", "change");
  call("dashboards", "status");
  await settled();

  expect(passed.filter((kind) => kind === "monitors")).toHaveLength(24);
  expect(passed.filter((kind) => kind === "dashboards")).toHaveLength(1);
});

test("kinds that wait for the same limit take turns", async () => {
  const { clock, passed, permits, call } = world();
  call("first", "change", "create", { kind: "monitors" });
  await settled();
  permits[0]?.answered(200, limits(4, 10, 0, 10));

  for (let n = 0; n < 10; n++) call("monitor", "change", "create", { kind: "monitors" });
  for (let n = 0; n < 10; n++) call("slo", "change", "create", { kind: "slos" });
  await clock.advance(10_000);

  expect(passed.slice(1).toSorted()).toEqual(["monitor", "monitor", "slo", "slo"]);
});

test("an operation that takes another limit's name leaves nothing behind in its old one", async () => {
  const { clock, passed, permits, call } = world();
  for (const operation of ["create", "update", "delete"]) call(operation, "change", operation);
  await settled();
  permits[0]?.answered(200, limits(2, 10, 2, 10, "a"));
  permits[1]?.answered(200, limits(2, 10, 2, 10, "a"));
  permits[2]?.answered(200, limits(2, 10, 2, 10, "b"));

  call("update again", "change", "update");
  await settled();
  call("update in between", "change", "update");
  await settled();
  permits[3]?.answered(200, limits(2, 10, 2, 10, "b"));
  permits[4]?.answered(200, limits(2, 10, 2, 10, "b"));
  await clock.advance(10_000);
  for (const operation of ["create", "create", "update", "update"]) call(operation, "change", operation);
  await clock.advance(0);

  expect(passed.slice(5).toSorted()).toEqual(["create", "create", "update", "update"]);
});

test("tells how long it takes where several kinds wait for several limits", async () => {
  const { budget, permits, call } = world();
  call("monitor", "change", "createMonitor", { kind: "monitors" });
  call("slo", "change", "createSLO", { kind: "slos" });
  call("slo", "change", "updateSLO", { kind: "slos" });
  await settled();
  permits[0]?.answered(200, limits(500, 10, 0, 4, "monitors"));
  permits[1]?.answered(200, limits(200, 60, 0, 30, "slos"));
  permits[2]?.answered(200, limits(200, 60, 0, 30, "slos"));

  for (let n = 0; n < 1_000; n++) call("monitor", "change", "createMonitor", { kind: "monitors" });
  for (let n = 0; n < 150; n++) call("slo", "change", "createSLO", { kind: "slos" });
  for (let n = 0; n < 150; n++) call("slo", "change", "updateSLO", { kind: "slos" });
  await settled();

  // Monitors need 4 s and one window more; SLOs share 200 a minute, so 300 of them need a second one.
  expect(budget.status).toMatchObject({ waiting: 1_300, total: 1_300, estimatedWaitMs: 90_000 });
  expect(budget.status.limits).toEqual([
    { name: "monitors", limit: 500, remaining: 0, waiting: 1_000 },
    { name: "slos", limit: 200, remaining: 0, waiting: 300 },
  ]);
});

test("counts what a pass has announced as well, since only some of it calls at once", async () => {
  const { budget, permits, call } = world();
  call("first");
  await settled();
  permits[0]?.answered(200, limits(500, 10, 0, 10));

  budget.announce("monitors", { left: 3_999, total: 4_000 });
  budget.announce("slos", { left: 10, total: 10 });
  call("second");
  await settled();
  const during = budget.status;
  budget.announce("monitors", { left: 0, total: 0 });

  expect(during).toMatchObject({ waiting: 3_999, total: 4_000, estimatedWaitMs: 80_000 });
  expect(budget.status).toMatchObject({ waiting: 1, total: 1, estimatedWaitMs: 10_000 });
});

test("says nothing of a wait while the limit is wide enough", async () => {
  const { budget, permits, call } = world();
  call("first");
  await settled();
  permits[0]?.answered(200, limits(500, 10, 499, 10));

  budget.announce("monitors", { left: 300, total: 301 });

  expect(budget.status).toMatchObject({ waiting: 0, total: 0, estimatedWaitMs: 0 });
});

/** Five calls that get no answer of the API, of different kinds. */
async function fail(permits: readonly Permit[], call: ReturnType<typeof world>["call"]): Promise<void> {
  for (let n = 0; n < 5; n++) {
    const before = permits.length;
    call(`failing ${n}`, "change", "createMonitor", { kind: `kind ${n}` });
    await settled();
    if (n % 2 === 0) permits[before]?.failed();
    else permits[before]?.answered(503, new Headers());
    await settled();
  }
}

test("calls fail at once while the API is down, and say when to come back", async () => {
  const { budget, passed, refused, permits, call } = world();
  await fail(permits, call);

  call("after", "change", "listMonitors");
  await settled();

  expect(passed).not.toContain("after");
  expect(refused[0]).toMatchObject({ failure: "unavailable", retryAfterMs: 500, stopsRun: true });
  expect(refused[0]?.message).toBe(
    "Cannot call listMonitors: Datadog is down since 2026-01-01T22:14:00.000Z",
  );
  expect(budget.status.down).toEqual({ since: Date.parse("2026-01-01T22:14:00Z"), nextTryInMs: 500 });
});

test("those who wait are turned away when it opens", async () => {
  const { budget, passed, refused, permits, call } = world(5);
  for (let n = 0; n < 20; n++) call(`${n}`);
  await settled();

  for (let n = 0; n < 5; n++) permits[n]?.failed();
  await settled();
  for (const permit of permits.slice(5)) permit.failed();
  await settled();

  expect(passed.length).toBeLessThanOrEqual(9);
  expect(refused).toHaveLength(20 - passed.length);
  expect(refused.every(({ failure }) => failure === "unavailable")).toBe(true);
  expect(budget.status.waiting).toBe(0);
});

test("one call tries whether the API is back, and the others wait for what comes of it", async () => {
  const { budget, clock, passed, refused, permits, call } = world();
  await fail(permits, call);
  await clock.advance(500);

  for (const name of ["probe", "second", "third"]) call(name, "change", "createMonitor", { kind: name });
  await settled();
  const during = passed.slice(5);
  permits[5]?.answered(404, new Headers());
  await settled();

  expect(during).toEqual(["probe"]);
  expect(passed.slice(5)).toEqual(["probe", "second", "third"]);
  expect(refused).toEqual([]);
  expect(budget.status.down).toBeUndefined();
});

test("a failed try turns the others away for longer", async () => {
  const { budget, clock, refused, permits, call } = world();
  await fail(permits, call);
  await clock.advance(500);
  for (const name of ["probe", "second"]) call(name, "change", "createMonitor", { kind: name });
  await settled();

  permits[5]?.failed();
  await settled();

  expect(refused).toMatchObject([{ failure: "unavailable", retryAfterMs: 1_000 }]);
  expect(budget.status.down).toMatchObject({ nextTryInMs: 1_000 });
});

test("refusals and limits are answers: the API is not down", async () => {
  const { budget, passed, permits, call } = world();
  for (const status of [400, 401, 403, 404, 409, 400, 403]) {
    call(`${status}`);
    await settled();
    permits.at(-1)?.answered(status, new Headers());
  }
  call("limited", "change", "listMonitors");
  await settled();
  permits.at(-1)?.answered(429, new Headers());

  expect(passed).toHaveLength(8);
  expect(budget.status.down).toBeUndefined();
});

test("calls that are given up say nothing of the API", async () => {
  const { budget, permits, call } = world();
  for (let n = 0; n < 8; n++) {
    const abort = new AbortController();
    call(`${n}`, "change", "createMonitor", { signal: abort.signal });
    await settled();
    abort.abort(new Error("stopped"));
    permits.at(-1)?.failed();
  }

  expect(budget.status.down).toBeUndefined();
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

test("a call that somebody waits for finds room in the midst of a flood", async () => {
  const clock = new ManualClock();
  const budget = new Budget({ clock, random: () => 0 });
  const passedAt: number[] = [];
  let left = 3_000;
  const answer = async (note: () => void): Promise<void> => {
    const permit = await budget.acquire("createMonitor", "change", never, "monitors");
    note();
    const used = passedAt.filter((at) => at >= Math.floor(clock.now() / 10_000) * 10_000).length;
    const reset = 10 - Math.floor((clock.now() % 10_000) / 1_000);
    permit.answered(200, limits(500, 10, 500 - used, reset));
  };
  const work = async (): Promise<void> => {
    while (left > 0) {
      budget.announce("monitors", { left: left--, total: 3_000 });
      await answer(() => passedAt.push(clock.now()));
    }
  };
  for (let worker = 0; worker < 8; worker++) void work();
  await clock.advance(25_000);

  const waits: number[] = [];
  for (let n = 0; n < 5; n++) {
    const askedAt = clock.now();
    void answer(() => waits.push(clock.now() - askedAt));
    await clock.advance(700);
  }

  expect(waits).toHaveLength(5);
  expect(Math.max(...waits)).toBeLessThan(400);
  expect(passedAt.filter((at) => at >= 10_000 && at < 20_000)).toHaveLength(500);
});
