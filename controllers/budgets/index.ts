import { metricsReader } from "../../clients/datadog-metrics.ts";
import { sendGauge, type Gauge } from "../../clients/dogstatsd.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import type { DogstatsdAddress } from "../../clients/receiver-address.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { Board } from "../../engine/status/board.ts";
import { connect } from "../datadog/connection.ts";
import type { ClusterDeps } from "../deps.ts";
import { BUDGET_MEASURED, judgeBudget } from "./judge.ts";
import { budgetedServices, type Budgeted } from "./plan.ts";
import { measureSpent, type Measured } from "./spent.ts";

export interface BudgetsOptions {
  readonly deps: ClusterDeps;
  /** What is wished now. Undefined while that is not known. */
  readonly snapshot: () => Snapshot | undefined;
  readonly board: Board;
  readonly log: Log;
  /** The Agent on the leader's machine. */
  readonly dogstatsd: DogstatsdAddress;
  /** 0 for never. */
  readonly intervalMs: number;
  /** The system's own if absent. */
  readonly clock?: Clock;
}

/** What stands in Datadog comes first. */
const FIRST_MS = 30_000;

/**
 * Sends the budgets of services and how much of them is used, again and again until the signal aborts, and says in
 * `BudgetMeasured` whether it can. One call of Datadog's API for each round, whatever the number of services, which
 * lets all others pass.
 */
export async function watchBudgets(options: BudgetsOptions, signal: AbortSignal): Promise<void> {
  const { intervalMs, log, clock = systemClock } = options;
  if (intervalMs === 0) return;
  let told: string | undefined;
  for (let pauseMs = Math.min(FIRST_MS, intervalMs); !signal.aborted; pauseMs = intervalMs) {
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    const wrong = await oneRound(options, clock, signal).then(
      () => undefined,
      (error: unknown) => toError(error).message,
    );
    if (signal.aborted) return;
    if (wrong !== undefined && wrong !== told) log.error({ error: wrong }, "budgets not known");
    told = wrong;
  }
}

async function oneRound(options: BudgetsOptions, clock: Clock, signal: AbortSignal): Promise<void> {
  const { deps, snapshot: newest, board, dogstatsd } = options;
  const snapshot = newest();
  const connection = connect(deps);
  if (snapshot === undefined || connection === undefined) return;
  const budgeted = budgetedServices(snapshot, deps.clusterId);
  const names = new Set(budgeted.map(({ service }) => service));
  for (const service of board.services())
    if (!names.has(service) && snapshot.services.get(service)?.state !== "held")
      board.dropConditions(service, [BUDGET_MEASURED]);
  if (budgeted.length === 0) return;

  const measured = await measureSpent(budgeted, {
    // A POST that changes nothing.
    datadog: metricsReader(connection.validation),
    clusterId: deps.clusterId,
    nowMs: clock.wallMs(),
    signal,
  });
  for (const [one, limits] of measured) {
    signal.throwIfAborted();
    const unsent = await sendAll(gaugesOf(one, limits), dogstatsd);
    const condition = judgeBudget(one, limits, unsent);
    if (condition !== undefined)
      board.setConditions(one.service, snapshot.services.get(one.service)?.generation, [condition]);
  }
}

/** What is sent for one service. */
function gaugesOf({ tags }: Budgeted, measured: readonly Measured[]): readonly Gauge[] {
  return measured.flatMap(({ agent, period, dollars, spent }) => {
    const own = [...tags, `agent:${agent}`, `period:${period}`];
    return [
      { metric: "ai.agent.budget.limit", value: dollars, tags: own },
      ...(spent?.state === "known"
        ? [{ metric: "ai.agent.budget.used_ratio", value: spent.dollars / dollars, tags: own }]
        : []),
    ];
  });
}

/** @returns Why one could not be sent; the others would not have been either. */
async function sendAll(gauges: readonly Gauge[], dogstatsd: DogstatsdAddress): Promise<ApiError | undefined> {
  try {
    for (const gauge of gauges) await sendGauge(dogstatsd, gauge);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}
