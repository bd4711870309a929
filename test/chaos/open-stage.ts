import { onTestFinished } from "vitest";

import { METRICS_OF_EVERY_KIND } from "./every-kind.ts";
import { Oracle } from "./oracle.ts";
import { People } from "./people.ts";
import { settle, type SettleOptions } from "./settle.ts";
import { Stage, type StageOptions } from "./stage.ts";

/** A stage for one test, and what must stand on it. */
export async function openStage(stageOptions: StageOptions) {
  const stage = await Stage.open(stageOptions);
  onTestFinished(async () => await stage[Symbol.asyncDispose]());
  const people = new People();
  for (const metric of METRICS_OF_EVERY_KIND) people.sentMetric(metric);
  const oracle = new Oracle(stage);
  return {
    stage,
    people,
    oracle,
    settled: async (options?: SettleOptions) => await settle(stage, people, oracle, options),
  };
}
