import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, onTestFinished, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import { startFront, type FrontMode } from "./front.ts";
import { expectCondition, expectState, expectStays, generic, SKIPPED, startWorld, tuned } from "./world.ts";

const OUTAGES: readonly { readonly name: string; readonly mode: FrontMode }[] = [
  { name: "answers 503", mode: { status: 503 } },
  { name: "limits every call", mode: { status: 429, headers: { "x-ratelimit-reset": "1" } } },
  { name: "never answers", mode: "hang" },
];

describe.skipIf(consulBinary() === undefined)(`Datadog fails, end to end${SKIPPED}`, () => {
  test.for(OUTAGES)("waits while Datadog $name, and then everything is right", async ({ mode }) => {
    const world = await startWorld();
    const front = await startFront(world.datadog.url);
    onTestFinished(async () => await front.stop());
    world.run([], { DD_API_URL: front.url });
    for (const name of ["web", "db"]) await world.register(name);
    await expectState(world, generic("web", "db"));

    front.mode = mode;
    await world.put("web", { monitors: { "endpoint-down": { critical: 1 } } });
    await world.register("queue");
    await world.deregister("db");
    const duringOutage = { files: generic("web", "queue").files, monitors: generic("web", "db").monitors };
    await expectState(world, duringOutage);
    await expectStays(world, duringOutage, 2_000);
    if (mode !== "hang")
      await expectCondition(world, "web", "MonitorsSynced", /^False (Unavailable|RateLimited|Ambiguous)/);
    front.release();

    const wanted = tuned(generic("web", "queue"), { "web/endpoint-down": [1] });
    await expectState(world, wanted, 60_000);
    await expectCondition(world, "web", "MonitorsSynced", /^True Synced/);
    await sleep(2_500);
    const writes = world.datadog.writes();
    await expectStays(world, wanted, 3_000);
    expect(world.datadog.writes()).toBe(writes);
  });
});
