import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { readConfig } from "../../cmd/config.ts";
import { openConsul } from "../../cmd/connect.ts";
import { runNode } from "../../cmd/roles/node.ts";
import type { Process } from "../../cmd/roles/process.ts";
import { startOperator } from "../../cmd/run.ts";
import { Budget } from "../../engine/budget.ts";
import { systemClock } from "../../engine/clock.ts";
import { openLog, type Log } from "../../engine/log.ts";
import { createMetrics, type Metrics } from "../../engine/metrics.ts";
import { Feed } from "../../engine/sources/feed.ts";
import { countTraffic, type Traffic } from "./traffic.ts";

/** What a member is told at its start. */
export interface Duty {
  readonly env: Readonly<Record<string, string>>;
  /** Node roles to run, each as if it had a machine of its own. None: one controller role. */
  readonly nodes: readonly string[];
  /** One folder for each node's files is made in it. */
  readonly folder: string;
  /** Over how long the nodes start. */
  readonly spreadMs: number;
}

export type Question = "traffic" | "applied" | "settled";

/** Files written by a node: when the last one was, in ms since 1970, and how many. */
export type Applied = Readonly<Record<string, { readonly lastMs: number; readonly count: number }>>;

export interface Answers {
  readonly traffic: Traffic;
  /** Since the question was last asked. */
  readonly applied: Applied;
  /** How many nodes have a snapshot and no watch that fails. */
  readonly settled: number;
}

/** A process of the simulation: many node roles, or one controller role. It is asked over Node's channel. */
function main({ env, nodes, folder, spreadMs }: Duty): void {
  const port = Number(new URL(env["CONSUL_HTTP_ADDR"] ?? "").port);
  const traffic = countTraffic(port);
  let applied: Record<string, { lastMs: number; count: number }> = {};
  const processes: Process[] = [];
  const stop = new AbortController();
  const duties: Promise<unknown>[] = [];

  if (nodes.length === 0) {
    const log = openLog({
      level: "warn",
      pretty: false,
      out: { write: (line) => process.stderr.write(line) },
    });
    duties.push(startOperator(readConfig({}, env), "controller", stop.signal, log).then(({ done }) => done));
  }
  const metrics = createMetrics();
  nodes.forEach((name, at) => {
    const note = (): void => {
      const before = applied[name] ?? { lastMs: 0, count: 0 };
      applied[name] = { lastMs: Date.now(), count: before.count + 1 };
    };
    const dir = join(folder, name);
    mkdirSync(dir, { recursive: true });
    const one = simulated(name, { ...env, DD_OBSERVE_CONFD_DIR: dir }, metrics, noting(note), stop.signal);
    processes.push(one);
    const begin = async (): Promise<void> => {
      await systemClock.sleep((at * spreadMs) / nodes.length, stop.signal).catch(() => undefined);
      await runNode(one, "node");
    };
    duties.push(begin());
  });
  for (const duty of duties)
    duty.catch((error: unknown) => {
      process.stderr.write(`a role ended: ${String(error)}\n`);
      process.exitCode = 1;
    });

  process.on("message", (question: Question | "stop") => {
    if (question === "stop") {
      stop.abort();
      void Promise.allSettled(duties).then(() => process.exit());
      return;
    }
    const answers: Record<Question, () => unknown> = {
      traffic,
      applied: () => {
        const told = applied;
        applied = {};
        return told;
      },
      settled: () => processes.filter(isSettled).length,
    };
    process.send?.({ question, answer: answers[question]() });
  });
}

/** What the entry point would make for one machine, but without a server of its own. */
function simulated(
  name: string,
  env: Readonly<Record<string, string>>,
  metrics: Metrics,
  log: Log,
  stop: AbortSignal,
): Process {
  const config = readConfig({}, { ...env, DD_OBSERVE_NODE_NAME: name });
  const consul = openConsul(config);
  const { statePrefix, resyncMs, graceMs, limit } = config;
  return {
    config,
    consul,
    clusterId: "scale",
    settings: { consul, statePrefix, resyncMs, graceMs, limit, log, metrics, clock: systemClock },
    log,
    metrics,
    budget: new Budget(),
    stop,
    drained: new AbortController().signal,
    boards: new Map(),
    checks: [],
    feeds: [],
    watches: [],
    known: [],
    standing: undefined,
    snapshot: () => undefined,
  };
}

function isSettled({ feeds }: Process): boolean {
  return feeds.some(
    (feed) => feed instanceof Feed && feed.snapshot !== undefined && feed.source.health.error === undefined,
  );
}

/** A log that notes written files, and says on standard error what is wrong. */
function noting(note: () => void): Log {
  return openLog({
    level: "info",
    pretty: false,
    out: {
      write(line) {
        if (line.includes('"message":"action applied"')) note();
        else if (line.includes('"status":"error"') && !line.includes('"source failing"'))
          process.stderr.write(line);
      },
    },
  });
}

process.once("message", (duty: Duty) => main(duty));
