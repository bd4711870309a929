import type { TxnOp } from "../../clients/consul.ts";
import { toError } from "../../clients/errors.ts";
import { systemClock, type Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { StatusStore } from "../status/status-writer.ts";
import { progressKey, progressOf, type Progress } from "./progress.ts";
import type { BudgetStatus } from "./status.ts";

interface TellOptions {
  readonly statePrefix: string;
  readonly budget: { readonly status: BudgetStatus };
  /** Fenced: a process that no longer leads has nothing to say. */
  readonly store: StatusStore;
  readonly log: Log;
  readonly clock?: Clock;
}

const LOOK_MS = 2_000;
/** What stays the same is said again, so that readers believe it. */
const AGAIN_MS = 6_000;
const STORE_TIMEOUT_MS = 5_000;

/**
 * Stores what the budget has to say, for commands and pages of other processes, until `signal` aborts.
 * At most every two seconds and only while there is something to say; then it is taken back.
 */
export async function tellProgress(
  { statePrefix, budget, store, log, clock = systemClock }: TellOptions,
  signal: AbortSignal,
): Promise<void> {
  const key = progressKey(statePrefix);
  // What an earlier leader left behind is taken back as well.
  let told: Progress | undefined | "unknown" = "unknown";
  let hasFailed = false;
  const tell = async (now: Progress | undefined): Promise<void> => {
    if (told !== "unknown" && isSame(told, now)) return;
    const op: TxnOp =
      now === undefined ? { verb: "delete", key } : { verb: "set", key, text: JSON.stringify(now) };
    try {
      const result = await store([op], AbortSignal.timeout(STORE_TIMEOUT_MS));
      if (!result.ok) throw new Error(result.errors[0]?.what ?? "refused");
      told = now;
      hasFailed = false;
    } catch (error) {
      // It is tried again at once; that it lasts is said once.
      if (!hasFailed && !signal.aborted)
        log.warn({ key, error: toError(error).message }, "progress not stored");
      hasFailed = true;
    }
  };
  while (!signal.aborted) {
    await tell(progressOf(budget.status, clock.wallMs()));
    await clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
  await tell(undefined);
}

/** True if nothing but the time has changed, and not for long. */
function isSame(told: Progress | undefined, now: Progress | undefined): boolean {
  if (told === undefined || now === undefined) return told === now;
  if (Date.parse(now.at) - Date.parse(told.at) >= AGAIN_MS) return false;
  return (
    told.down?.since === now.down?.since &&
    isNear(told.down?.nextTryAt, now.down?.nextTryAt) &&
    told.limited?.waiting === now.limited?.waiting &&
    isNear(told.limited?.until, now.limited?.until)
  );
}

/** An estimate moves a little from look to look. */
function isNear(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return Math.abs(Date.parse(one) - Date.parse(other)) < 1_000;
}
