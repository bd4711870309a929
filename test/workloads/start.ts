import { spawn, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { nodeLoader } from "../../controllers/workload-env/node-loader.ts";
import type { AgentIntake } from "../fakes/agent-intake.ts";
import { NODES, type NodeMajor } from "./install.ts";
import { placeAgent } from "./place.ts";

export const PRELOAD = fileURLToPath(new URL("../../deploy/preload", import.meta.url));

/** Which tracer is beside the workload: none, or dd-trace of a major version. */
export type Tracer = "none" | "dd-trace 5" | "dd-trace 6";
const MAJORS = { none: undefined, "dd-trace 5": 5, "dd-trace 6": 6 } as const;

export interface Start {
  /** `app.mjs --runs 2`, below test/workloads/agent. */
  readonly program: string;
  readonly node?: NodeMajor;
  readonly tracer?: Tracer;
  /** Without it the Agent is down. */
  readonly agent?: AgentIntake;
  /** A package, or a scope of packages, that the application doesn't have. */
  readonly without?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** How a process came to its end, and what it said. */
export interface Ended {
  /** Its exit code, or the signal that ended it. */
  readonly end: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Runs a workload with the loader and the Agent's address, and nothing of this machine's own settings. */
export async function runWorkload(start: Start): Promise<Ended> {
  return await startWorkload(start).ended;
}

export function startWorkload({ program, node = 24, tracer = "none", agent, without, env }: Start): Running {
  const [file = "", ...args] = program.split(" ");
  const major = MAJORS[tracer];
  const folder = placeAgent({
    ...(major === undefined ? {} : { tracer: major }),
    without: without === undefined ? [] : [without],
  });
  const started = spawn(NODES[node], [path.join(folder, file), ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: path.dirname(NODES[node]),
      NODE_OPTIONS: nodeLoader({ profile: "ddtrace" }),
      DD_OBSERVE_PRELOAD: PRELOAD,
      DD_SERVICE: "support",
      DD_TRACE_AGENT_URL: agent?.url ?? "http://127.0.0.1:1",
      DD_DOGSTATSD_URL: `udp://127.0.0.1:${agent?.dogstatsdPort ?? 1}`,
      DD_TRACE_STARTUP_LOGS: "false",
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: "false",
      DD_REMOTE_CONFIGURATION_ENABLED: "false",
      ...env,
    },
  });
  return { process: started, ended: endOf(started).finally(() => rmSync(folder, { recursive: true })) };
}

async function endOf(started: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  started.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  started.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  return await new Promise((resolve, reject) => {
    started.once("error", reject);
    started.once("close", (code, signal) => resolve({ end: code ?? signal ?? "unknown", stdout, stderr }));
  });
}

/**
 * What the metrics come to, whatever their tags: the sum of a count, the sorted values of a distribution, how many
 * values a duration has. Gauges are left out.
 */
export function totals(agent: AgentIntake): Readonly<Record<string, number | readonly number[]>> {
  const counts: Record<string, number> = {};
  const values: Record<string, readonly number[]> = {};
  for (const { name, type, values: sent } of agent.metrics) {
    // Tracers send metrics of their own.
    if (!name.startsWith("ai.agent.")) continue;
    const short = name.slice("ai.agent.".length);
    if (type === "c") counts[short] = (counts[short] ?? 0) + sent.reduce((sum, value) => sum + value, 0);
    else if (name.endsWith(".duration")) counts[short] = (counts[short] ?? 0) + sent.length;
    else if (type === "d") values[short] = [...(values[short] ?? []), ...sent].sort((a, b) => a - b);
  }
  return { ...counts, ...values };
}
