import type { Discrepancy, Oracle } from "./oracle.ts";
import type { People } from "./people.ts";
import type { Stage } from "./stage.ts";

export interface SettleOptions {
  /** In the operators' time. A quarter of an hour if absent. */
  readonly withinMs?: number;
  /** False if nobody approves what waits for a person. */
  readonly approves?: boolean;
}

const WITHIN_MS = 900_000;
const PAUSE_MS = 1_000;
/** Two looks at Datadog, and then some. */
const QUIET_MS = 25_000;

/**
 * Waits until nothing is wrong, and nothing is written any more.
 *
 * @returns What is wrong at last.
 */
export async function settle(
  stage: Stage,
  people: People,
  oracle: Oracle,
  { withinMs = WITHIN_MS, approves = true }: SettleOptions = {},
): Promise<readonly Discrepancy[]> {
  const until = stage.clock.monotonicMs() + withinMs;
  for (;;) {
    if (approves) stage.approveEverything();
    let wrong = await oracle.look(people);
    if (wrong.length === 0) {
      const before = stage.datadog.writes();
      await stage.pass(QUIET_MS);
      wrong = await oracle.look(people);
      const more = stage.datadog.writes() - before;
      if (wrong.length === 0 && more === 0) return [];
      if (wrong.length === 0) wrong = [`${more} writes although nothing was wrong`];
    }
    if (stage.clock.monotonicMs() > until) return wrong;
    await stage.pass(PAUSE_MS);
  }
}
