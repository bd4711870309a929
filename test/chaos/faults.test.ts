import { describe, expect, test } from "vitest";

import { DOUBLES } from "../contracts/datadog-doubles.ts";
import { ACCIDENT_NAMES, ACCIDENTS, isPossible } from "./accidents.ts";
import { wishEveryKind, wishNothing } from "./every-kind.ts";
import { openStage } from "./open-stage.ts";

const present = DOUBLES.filter(({ isPresent }) => isPresent);

describe("whatever goes wrong between an operator and Datadog", () => {
  test.for(ACCIDENT_NAMES.map((name, n) => [name, present[n % present.length]!] as const))(
    "%s: exactly what is wished stands there in the end",
    async ([name, double]) => {
      const { stage, settled } = await openStage({ datadog: async () => await double.start({}) });
      const spoil = (): void => {
        for (const method of ["POST", "PUT", "PATCH", "DELETE", "GET"].filter((one) => isPossible(name, one)))
          stage.datadog.fault({ ...ACCIDENTS[name], method, times: name.startsWith("hang") ? 1 : 3 });
      };
      await stage.start();

      spoil();
      wishEveryKind(stage, 1);
      const afterCreates = await settled();
      await stage.datadog.clearFaults();
      spoil();
      wishEveryKind(stage, 2);
      const afterUpdates = await settled();
      await stage.datadog.clearFaults();
      spoil();
      wishNothing(stage);
      const afterDeletes = await settled();

      expect([afterCreates, afterUpdates, afterDeletes]).toEqual([[], [], []]);
      expect(stage.datadog.violations()).toEqual([]);
    },
  );
});
