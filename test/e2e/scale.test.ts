import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, onTestFinished, test } from "vitest";

import { ownFake } from "../contracts/datadog-double.ts";
import { consulBinary } from "../servers/consul.ts";
import { startFront } from "./front.ts";
import { expectState, generic, SKIPPED, startWorld, tuned } from "./world.ts";

const SERVICES = Array.from({ length: 1_000 }, (_, at) => `s${String(at).padStart(4, "0")}`);

describe.skipIf(consulBinary() === undefined)(`a thousand services, end to end${SKIPPED}`, () => {
  test("all of them get their file and their monitor, and a resync writes nothing", async ({ annotate }) => {
    const world = await startWorld({
      env: { DD_OBSERVE_RESYNC: "5s" },
      datadog: async () => await ownFake({ limit: LIMIT }),
    });
    const front = await startFront(world.datadog.url);
    onTestFinished(async () => await front.stop());
    for (let at = 0; at < SERVICES.length; at += 50) {
      await Promise.all(
        SERVICES.slice(at, at + 50).map(async (name) => await world.register(name, { tags: [] })),
      );
      await world.kv.txn(
        SERVICES.slice(at, at + 50).map((name) => ({
          verb: "set",
          key: `observability/${name}`,
          text: DOCUMENT,
        })),
      );
    }

    const startedAt = performance.now();
    const operator = world.run([], { DD_API_URL: front.url });
    const monitors = Object.fromEntries(SERVICES.map((name) => [`${name}/endpoint-down`, [2]]));
    await expectState(world, tuned(generic(...SERVICES), monitors), 90_000);
    await annotate(`${Math.round((performance.now() - startedAt) / 100) / 10} s until all was there`);
    await sleep(6_000);
    const before = front.requests.length;
    await sleep(5_500);
    const requests = front.requests
      .slice(before)
      .map(({ method, path }) => `${method} ${path.split("?")[0]}`);

    expect(requests.length).toBeGreaterThan(0);
    // Two looks at the most: a page or two of monitors, and the list of dashboards, of which one is composed.
    expect(requests.length).toBeLessThanOrEqual(2 * 3);
    expect(new Set(requests)).toEqual(new Set(["GET /api/v1/monitor", "GET /api/v1/dashboard"]));
    expect(await operator.stop()).toBe(0);
  });
});

const DOCUMENT = "monitors:\n  endpoint-down: {critical: 2}\n";
/** Datadog allows 500 in ten seconds; the test can't wait for that. */
const LIMIT = { limit: 100_000, periodSeconds: 10 };
