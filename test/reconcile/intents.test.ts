import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";

import type { Consul, TxnOp } from "../../clients/consul.ts";
import { monitorTarget } from "../../controllers/monitors/target.ts";
import { passOnce, type Passed } from "../../engine/loop/once.ts";
import type { Report } from "../../engine/loop/report.ts";
import { createMetrics } from "../../engine/metrics.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { Board } from "../../engine/status/board.ts";
import { Intents } from "../../engine/status/intents.ts";
import { SILENT, toySnapshot } from "../builders/engine-world.ts";
import { marked, startMonitorWorld } from "../builders/monitor-world.ts";
import { CLUSTER, wishedMonitor } from "../builders/monitors.ts";
import { desired } from "../target-contract.ts";

const LONG = 600_000;
const PREFIX = "dd-observe";
const KEYS = ["ray/a", "ray/b", "ray/c"];

/** One Datadog and one store, and processes that die in the middle of their work. Reads show nothing new until `catchUp`. */
async function startWorld() {
  const { api, datadog, clock } = await startMonitorWorld({ readLagMs: LONG });
  const entries = new Map<string, string>();
  let lives = 0;

  /** One process makes one pass. It dies after so many of its steps: each call that writes is two, before and after it takes effect. */
  async function live(steps = Infinity): Promise<readonly Passed<Report<unknown>>[]> {
    let left = steps;
    const step = (): void => {
      if (left-- <= 0) throw new Error("killed");
    };
    const store = async (ops: readonly TxnOp[]) => {
      step();
      for (const op of ops) {
        if (op.verb === "set") entries.set(op.key, op.text);
        else if (op.verb === "delete") entries.delete(op.key);
      }
      step();
      return { ok: true } as const;
    };
    const mortal = {
      ...datadog,
      createMonitor: async (...given: Parameters<typeof datadog.createMonitor>) => {
        step();
        const created = await datadog.createMonitor(...given);
        step();
        return created;
      },
    };
    const memory = new Memory();
    const intents = new Intents({ prefix: `${PREFIX}/intents/`, store, log: SILENT, wallMs: clock.now });
    const target = monitorTarget({
      datadog: mortal,
      clusterId: CLUSTER,
      memory,
      now: clock.now,
      lookAgainMs: 1,
      open: () => intents.agesOf("monitors"),
    });
    // Another wish each time, or Datadog would refuse a second one as a duplicate.
    const message = `life ${++lives}`;
    const wished = desired(KEYS.map((key) => wishedMonitor(key, { message })));
    const kvList = async (prefix: string) =>
      [...entries].flatMap(([key, text]) => (key.startsWith(prefix) ? [{ key, text, modifyIndex: 1 }] : []));
    const snapshot = toySnapshot({ ray: {} });
    return await passOnce(
      {
        settings: {
          // Only what a pass needs of it.
          consul: { kvList } as unknown as Consul,
          statePrefix: PREFIX,
          resyncMs: 60_000,
          graceMs: 0,
          limit: { count: 10, share: 1 },
          log: SILENT,
          metrics: createMetrics(),
        },
        feed: {
          control: { paused: new Set(), approved: new Set(), placed: new Map() },
          confirm: async () => snapshot,
        },
        registrations: [
          {
            memory,
            controller: {
              name: "monitors",
              scope: "cluster",
              condition: "MonitorsSynced",
              noun: "monitor",
              compile: () => wished,
              target,
            },
          },
        ],
        board: new Board("controller"),
        statusPrefix: `${PREFIX}/status/services/`,
        store,
        mayWrite: async () => undefined,
        tellsAccepted: true,
        intents,
      },
      snapshot,
      AbortSignal.timeout(20_000),
    ).catch((error: unknown) => [{ controller: "monitors", error }]);
  }

  return {
    api,
    clock,
    entries,
    live,
    /** Reads show everything from now on. */
    catchUp(): void {
      clock.advance(31_000);
      api.setReadLag(0);
    },
    copies: () => KEYS.map((key) => marked(api, key).length),
    stop: async () => await api.stop(),
  };
}

test("a process that died between a create and the note of it leaves no second one behind", async () => {
  const world = await startWorld();
  onTestFinished(world.stop);

  // The intent and the service are stored, two steps each, and one create takes effect.
  await world.live(5);
  const [second] = await world.live();
  const during = world.copies();
  world.catchUp();
  await world.live();

  expect(Math.max(...during)).toBe(1);
  expect(second).toMatchObject({
    result: { outcomes: expect.arrayContaining([expect.objectContaining({ error: expect.anything() })]) },
  });
  expect(world.copies()).toEqual([1, 1, 1]);
});

test("nothing is created while it can't be written down", async () => {
  const world = await startWorld();
  onTestFinished(world.stop);

  await world.live(0);

  expect(world.api.monitors.size).toBe(0);
});

test("wherever processes die, in the end there is one of each, and nothing is left written down", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ steps: fc.nat(16), pauseMs: fc.constantFrom(0, 100, 12_000) }), { maxLength: 4 }),
      async (deaths) => {
        const world = await startWorld();
        try {
          for (const { steps, pauseMs } of deaths) {
            await world.live(steps);
            world.clock.advance(pauseMs);
            expect(Math.max(...world.copies())).toBeLessThanOrEqual(1);
            // Reads lag by thirty seconds at most.
            if (world.clock.now() >= 30_000) world.api.setReadLag(0);
          }
          world.catchUp();
          await world.live();
          await world.live();

          expect(world.copies()).toEqual([1, 1, 1]);
          expect([...world.entries.keys()].filter((key) => key.includes("/intents/"))).toEqual([]);
        } finally {
          await world.stop();
        }
      },
    ),
    { numRuns: 60 },
  );
});
