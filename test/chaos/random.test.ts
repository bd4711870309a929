import { expect, test } from "vitest";

import { processEnv } from "../../cmd/config.ts";
import { hasStrictDouble } from "../contracts/datadog-double.ts";
import { runSeed } from "./run-seed.ts";

/** `CHAOS_SEED=17 npx vitest run --project chaos random` plays one again. */
const asked = processEnv()["CHAOS_SEED"];
const SEEDS = asked === undefined ? [1, 3, 4] : [Number(asked)];
const STEPS = Number(processEnv()["CHAOS_STEPS"] ?? 80);

test.for(SEEDS)("whatever happens, exactly what is wished stands there in the end: seed %i", async (seed) => {
  const { wrong, steps, log } = await runSeed({ seed, steps: STEPS });

  expect(
    wrong,
    `seed ${seed}${hasStrictDouble ? "" : ", our own stand-in"}\n${steps.join("\n")}\n${log.join("\n")}`,
  ).toEqual([]);
});
