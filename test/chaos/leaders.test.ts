import { describe, expect, test } from "vitest";

import { hasStrictDouble, ownFake, strictDouble } from "../contracts/datadog-double.ts";
import { wishEveryKind } from "./every-kind.ts";
import { openStage } from "./open-stage.ts";

describe("operators", () => {
  test.for([[0], [800]])(
    "that are killed while they create leave one object of each, with reads %i ms behind",
    async ([lagMs]) => {
      const { stage, settled } = await openStage({ datadog: async () => await ownFake() });
      stage.datadog.setReadLag(lagMs!);
      await stage.start();

      for (let version = 1; version <= 6; version++) {
        for (const { id } of stage.datadog.monitors().slice(0, 2)) stage.datadog.remove(Number(id));
        wishEveryKind(stage, version);
        await untilMoreWrites(() => stage.datadog.writes());
        await stage.leader()?.kill();
        stage.endTerm();
        await stage.start();
      }

      expect(await settled()).toEqual([]);
    },
  );

  test("that hand over again and again leave exactly what is wished", async () => {
    const datadog = async () => await (hasStrictDouble ? strictDouble() : ownFake());
    const { stage, settled } = await openStage({ datadog });
    await Promise.all([stage.start(), stage.start()]);

    for (let version = 1; version <= 10; version++) {
      wishEveryKind(stage, version);
      await stage.pass(version * 400);
      stage.endTerm();
    }

    expect(await settled()).toEqual([]);
    expect(stage.datadog.violations()).toEqual([]);
  });
});

/** Waits for a write that comes after now, or for a second in which none comes. */
async function untilMoreWrites(writes: () => number): Promise<void> {
  const before = writes();
  for (let waits = 0; waits < 1_000 && writes() === before; waits++)
    await new Promise((resolve) => setTimeout(resolve, 1));
}
