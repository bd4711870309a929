import { Budget, type BudgetOptions } from "../engine/budget.ts";
import { measureBudget } from "../engine/budget/measure.ts";
import { systemClock, type Clock } from "../engine/clock.ts";
import { openLog } from "../engine/log.ts";
import { createMetrics } from "../engine/metrics.ts";
import { measureProcess } from "../engine/process-metrics.ts";
import { startServer } from "../engine/server.ts";
import type { Config, Role } from "./config.ts";
import { clusterIdOf, openConsul } from "./connect.ts";
import { pageFiles, pagesOf } from "./pages.ts";
import { runController } from "./roles/controller.ts";
import { runNode } from "./roles/node.ts";
import { drainDeadline, merge, patiently, ready, type Process } from "./roles/process.ts";

export interface RunHandle {
  /** URL of the status page and of `/metrics`. */
  readonly url: string;
  /** Ends when the operator has stopped. */
  readonly done: Promise<void>;
}

/** Starts the operator. Ends when `stop` aborts and everything under way is finished. */
export async function startOperator(
  config: Config,
  role: Role,
  stop: AbortSignal,
  log = openLog({ level: config.logLevel, pretty: process.stdout.isTTY }),
  clock = systemClock,
): Promise<RunHandle> {
  const consul = openConsul(config);
  const clusterId = await patiently(log, stop, async () => await clusterIdOf(config, consul, stop));
  if (clusterId === undefined) return { url: "", done: Promise.resolve() };
  const metrics = createMetrics();
  const budget = new Budget({ clock: budgetClock(clock) });
  if (role !== "node") measureBudget(metrics.registry, budget);
  const settings: Process["settings"] = {
    consul,
    statePrefix: config.statePrefix,
    resyncMs: config.resyncMs,
    graceMs: config.graceMs,
    limit: config.limit,
    log,
    metrics,
    clock,
  };
  const process: Process = {
    config,
    consul,
    clusterId,
    settings,
    log,
    metrics,
    budget,
    stop,
    drained: drainDeadline(stop),
    boards: new Map(),
    checks: [],
    watches: [],
    feeds: [],
    known: [],
    standing: undefined,
    snapshot: () => undefined,
  };

  measureProcess(metrics.registry, () => process.watches.flatMap((watches) => watches()));

  // First, so that an address in use is seen before anything is written.
  const server = await startServer({
    ...config.http,
    health: () => merge(process.checks),
    readiness: () => merge([...process.checks, () => ready(process, role)]),
    metrics: async () => ({ type: metrics.registry.contentType, body: await metrics.registry.metrics() }),
    pages: pagesOf({
      role,
      clusterId,
      consul,
      config,
      boards: process.boards,
      standing: () => process.standing,
      budget,
      snapshot: () => process.snapshot(),
    }),
    files: pageFiles(),
  });
  log.info({ role, clusterId, consul: config.consul.address, url: server.url }, "started");
  const duties = [
    ...(role === "controller" ? [] : [runNode(process, role)]),
    ...(role === "node" ? [] : [runController(process)]),
  ];
  const done = Promise.all(duties).then(
    async () => await server.stop(),
    async (error: unknown) => {
      await server.stop();
      throw error;
    },
  );
  return { url: server.url, done };
}

function budgetClock(clock: Clock): NonNullable<BudgetOptions["clock"]> {
  return {
    now: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    after(delayMs, run) {
      const takenBack = new AbortController();
      clock.sleep(delayMs, takenBack.signal).then(run, () => undefined);
      return () => takenBack.abort();
    },
  };
}
