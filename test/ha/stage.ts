import { setTimeout as sleep } from "node:timers/promises";

import type { Random } from "../chaos/random.ts";
import type { ControllerProcess } from "./controller.ts";
import type { Witness } from "./witness.ts";

/** What an accident has to work with. */
export interface Stage {
  readonly random: Random;
  readonly witness: Witness;
  readonly controllers: readonly ControllerProcess[];
  /** When Consul took the last change of a wish. */
  changedAt(): number;
  /** Starts another process where this one was. */
  replace(ended: ControllerProcess): Promise<void>;
  killConsulLeader(): Promise<() => Promise<void>>;
}

/** Who says that it leads. */
export function leaderOf({ controllers }: Pick<Stage, "controllers">): ControllerProcess | undefined {
  return controllers.find(({ standing }) => standing === "leader");
}

/** @throws {Error} that says what did not come. */
export async function until(
  what: string | (() => string),
  isSo: () => boolean,
  patienceMs = 120_000,
): Promise<void> {
  const late = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > late)
      throw new Error(
        `waited ${patienceMs / 1_000} s in vain until ${typeof what === "string" ? what : what()}`,
      );
    await sleep(5);
  }
}
