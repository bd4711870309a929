import { expect, onTestFinished, test } from "vitest";

import { SteppedClock } from "../../test/builders/clock.ts";
import { SILENT } from "../../test/builders/engine-world.ts";
import { parseProgress, progressInWords } from "./progress.ts";
import type { BudgetStatus } from "./status.ts";
import { tellProgress } from "./tell.ts";

const KEY = "dd-observe/state/progress";
const NOTHING: BudgetStatus = { waiting: 0, total: 0, estimatedWaitMs: 0, down: undefined, limits: [] };

async function start(left?: string) {
  const clock = new SteppedClock();
  const kv = new Map<string, string>(left === undefined ? [] : [[KEY, left]]);
  const over = new AbortController();
  const warnings: unknown[] = [];
  const world = {
    clock,
    kv,
    over,
    warnings,
    status: NOTHING,
    writes: 0,
    isAway: false,
    /** What another process reads now. */
    read: (): string | undefined => {
      const progress = parseProgress(kv.get(KEY), clock.wallMs());
      return progress === undefined ? undefined : progressInWords(progress, clock.wallMs());
    },
    done: Promise.resolve(),
  };
  world.done = tellProgress(
    {
      statePrefix: "dd-observe",
      budget: {
        get status() {
          return world.status;
        },
      },
      store: async (ops) => {
        if (world.isAway) throw new Error("Consul is away");
        world.writes += ops.length;
        for (const op of ops) {
          if (op.verb === "set") kv.set(op.key, op.text);
          else kv.delete(op.key);
        }
        return { ok: true };
      },
      log: Object.assign(Object.create(SILENT) as typeof SILENT, {
        warn: (line: unknown) => warnings.push(line),
      }),
      clock,
    },
    over.signal,
  );
  onTestFinished(async () => {
    over.abort();
    await world.done;
  });
  await clock.advance(0);
  return world;
}

const waits = (waiting: number, estimatedWaitMs: number): BudgetStatus => ({
  ...NOTHING,
  waiting,
  total: 4_000,
  estimatedWaitMs,
});

test("takes back what an earlier leader left, and then writes nothing while there is nothing to say", async () => {
  const world = await start("{}");
  await world.clock.advance(600_000);

  expect(world.kv.size).toBe(0);
  expect(world.writes).toBe(1);
});

test("says what waits, at most every two seconds, and takes it back", async () => {
  const world = await start();
  const before = world.writes;

  for (let second = 0; second < 10; second++) {
    world.status = waits(4_000 - second * 50, 40_000 - second * 1_000);
    await world.clock.advance(1_000);
  }
  const during = world.read();
  const writes = world.writes - before;
  world.status = NOTHING;
  await world.clock.advance(2_000);

  expect(during).toBe("Datadog: 3,550 of 4,000 waiting for the rate limit, about 31 s");
  expect(writes).toBe(5);
  expect(world.kv.size).toBe(0);
});

test("repeats what lasts only so often that it is believed", async () => {
  const world = await start();
  const since = world.clock.wallMs();
  const nextTryAt = since + 60_000;
  const before = world.writes;

  for (let second = 0; second < 60; second++) {
    world.status = { ...NOTHING, down: { since, nextTryInMs: nextTryAt - world.clock.wallMs() } };
    await world.clock.advance(1_000);
    if (second > 2) expect(world.read()).toContain("down since");
  }

  expect(world.writes - before).toBeLessThanOrEqual(11);
});

test("takes back what it said when it ends", async () => {
  const world = await start();
  world.status = waits(10, 5_000);
  await world.clock.advance(2_000);
  const during = world.kv.size;

  world.over.abort();
  await world.done;

  expect(during).toBe(1);
  expect(world.kv.size).toBe(0);
});

test("a store that fails is told of once, and written to again", async () => {
  const world = await start();
  world.isAway = true;
  world.status = waits(10, 60_000);
  await world.clock.advance(20_000);
  const complaints = world.warnings.length;

  world.isAway = false;
  await world.clock.advance(2_000);

  expect(complaints).toBe(1);
  expect(world.read()).toContain("10 of 4,000 waiting");
});
