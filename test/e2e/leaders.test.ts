import { describe, expect, onTestFinished, test } from "vitest";

import { consulBinary } from "../servers/consul.ts";
import { startFront, type Front } from "./front.ts";
import type { Operator } from "./operator.ts";
import { expectState, expectStays, generic, SKIPPED, startWorld, tuned, type World } from "./world.ts";

interface Controller {
  readonly operator: Operator;
  /** All that it says to Datadog goes through here. */
  readonly front: Front;
}

async function startController(world: World): Promise<Controller> {
  const front = await startFront(world.datadog.url);
  onTestFinished(async () => await front.stop());
  return { front, operator: world.run(["--role", "controller"], { DD_API_URL: front.url }) };
}

/** A leader, a spare and a node that writes the files. */
async function startThree(): Promise<World & { readonly leader: Controller; readonly spare: Controller }> {
  const world = await startWorld();
  world.run(["--role", "node"]);
  const leader = await startController(world);
  await leader.operator.says("leading");
  const spare = await startController(world);
  await spare.operator.says("standing by");
  await world.register("web");
  await expectState(world, generic("web"));
  return { ...world, leader, spare };
}

/** From the last write of one to the first write of the other; negative if they overlapped. */
function pauseBetween(one: Front, other: Front): number {
  const last = Math.max(...one.writes.map(({ endedAt, startedAt }) => endedAt ?? startedAt));
  return Math.min(...other.writes.map(({ startedAt }) => startedAt)) - last;
}

describe.skipIf(consulBinary() === undefined)(`two controllers, end to end${SKIPPED}`, () => {
  test("a leader that is asked to stop hands over at once", async ({ annotate }) => {
    const { leader, spare, ...world } = await startThree();

    const startedAt = performance.now();
    const stopping = leader.operator.stop();
    await world.put("web", { monitors: { "endpoint-down": { critical: 1 } } });
    await spare.operator.says("leading");

    await annotate(`the spare led ${Math.round(performance.now() - startedAt)} ms after SIGTERM`);
    const wanted = tuned(generic("web"), { "web/endpoint-down": [1] });
    await expectState(world, wanted);
    await expectStays(world, wanted, 3_000);
    expect(await stopping).toBe(0);
    expect(pauseBetween(leader.front, spare.front)).toBeGreaterThanOrEqual(0);
  });

  test("a leader that dies is followed once its session is over", async ({ annotate }) => {
    const { leader, spare, ...world } = await startThree();

    const startedAt = performance.now();
    await leader.operator.kill();
    await world.register("db");
    await world.put("web", { monitors: { "endpoint-down": { critical: 1 } } });
    await spare.operator.says("leading");

    await annotate(`the spare led ${Math.round((performance.now() - startedAt) / 100) / 10} s after SIGKILL`);
    const wanted = tuned(generic("web", "db"), { "web/endpoint-down": [1] });
    await expectState(world, wanted);
    await expectStays(world, wanted, 3_000);
    expect(pauseBetween(leader.front, spare.front)).toBeGreaterThanOrEqual(0);
  });
});
