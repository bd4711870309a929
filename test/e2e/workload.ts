import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { createConsul, type Consul } from "../../clients/consul.ts";
import { effectiveEnvironment, valuesOf } from "../../controllers/workload-env/effective.ts";
import { ownFake } from "../contracts/datadog-double.ts";
import { startAgentIntake, type AgentIntake, type AgentIntakeOptions } from "../fakes/agent-intake.ts";
import { startOtlpReceiver, type OtlpReceiver } from "../fakes/otlp-receiver.ts";
import { startConsul } from "../servers/consul.ts";
import { NODES, type NodeMajor } from "../workloads/install.ts";
import { placeAgent, type Packages } from "../workloads/place.ts";
import { startOperator, type Env } from "./operator.ts";

/** What stands below `dd-observe/env/<service>/`, by service and name. */
export type Published = Readonly<Record<string, Env>>;

const PUBLISHING_TIMEOUT_MS = 60_000;
const PRELOAD = fileURLToPath(new URL("../../deploy/preload", import.meta.url));

/**
 * Lets the operator publish what these documents ask for, in a real Consul, and reads it back.
 *
 * @param documents By service. Each must ask for an environment.
 * @throws {Error} if that takes more than a minute; says what the operator said.
 */
export async function publish(documents: Readonly<Record<string, object>>): Promise<Published> {
  await using consul = await startConsul();
  const datadog = await ownFake();
  const kv = createConsul({ address: consul.url, token: undefined });
  for (const [service, document] of Object.entries(documents))
    await kv.kvPut(`observability/${service}`, JSON.stringify(document));
  const env = {
    CONSUL_HTTP_ADDR: consul.url,
    DD_API_URL: datadog.url,
    DD_API_KEY: datadog.apiKey,
    DD_APP_KEY: datadog.appKey,
    DD_OBSERVE_HTTP_ADDR: "127.0.0.1:0",
    DD_OBSERVE_ARRIVAL_INTERVAL: "0",
  };
  const operator = startOperator(["--role", "controller"], env, () => undefined);
  try {
    const until = performance.now() + PUBLISHING_TIMEOUT_MS;
    for (;;) {
      const published = await readPublished(kv);
      const missing = Object.keys(documents).filter((service) => published[service] === undefined);
      if (missing.length === 0) return published;
      if (performance.now() > until)
        throw new Error(
          `nothing is published for ${missing.join(", ")}: ${await statuses(kv)} ${operator.describe()}`,
        );
      await sleep(100);
    }
  } finally {
    await operator.kill();
    await datadog.stop();
  }
}

async function statuses(kv: Consul): Promise<string> {
  const entries = await kv.kvList("dd-observe/status/services/");
  return entries.map(({ text }) => text).join("\n");
}

async function readPublished(kv: Consul): Promise<Published> {
  const published: Record<string, Record<string, string>> = {};
  for (const { key, text } of await kv.kvList("dd-observe/env/")) {
    const [service = "", name = ""] = key.slice("dd-observe/env/".length).split("/");
    if (service !== ".owned") (published[service] ??= {})[name] = text;
  }
  return published;
}

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Task {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Where it starts. */
  readonly folder: string;
  /** What stands in Consul. Without it the task is as it would be without dd-observe. */
  readonly published?: Env;
  /** What the job sets itself. */
  readonly job?: Env;
  /** Address of the machine, which `mode: hostip` asks for. */
  readonly nodeIp: string;
}

/** Runs one task to its end as Nomad would, with the preload unpacked: its environment is what is published, and little else. */
export async function runTask({ command, folder, published = {}, job = {}, nodeIp }: Task): Promise<Ended> {
  const local = join(folder, "local");
  const preload = join(local, "dd-observe");
  if (!existsSync(local)) {
    mkdirSync(local);
    symlinkSync(PRELOAD, preload, "junction");
  }
  const own = { PATH: process.env["PATH"] ?? "", NOMAD_TASK_DIR: local, ...job };
  const env = valuesOf(effectiveEnvironment({ published, job: own, place: { nodeIp, preload } }));
  return await runProgram(command, folder, env);
}

/** A program that takes two minutes is killed, which its signal tells. */
async function runProgram([file = "", ...args]: readonly string[], cwd: string, env: Env): Promise<Ended> {
  const child = spawn(file, args, {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

export interface AgentTask extends Omit<Task, "command" | "folder" | "nodeIp">, Packages {
  readonly node: NodeMajor;
  /** Of the machine; `down` if it doesn't run. */
  readonly agent?: AgentIntakeOptions | "down";
  readonly args?: readonly string[];
}

/** What a run of the agent left behind. */
export interface Arrived {
  readonly ended: Ended;
  readonly agent: AgentIntake;
  readonly otlp: OtlpReceiver;
}

/** Runs the LangGraph application of test/workloads for Node on a machine with an Agent. */
export async function runAgent({
  node,
  tracer,
  without,
  agent,
  args = [],
  ...task
}: AgentTask): Promise<Arrived> {
  const folder = placeAgent({
    ...(tracer === undefined ? {} : { tracer }),
    ...(without === undefined ? {} : { without }),
  });
  const command = [NODES[node], join(folder, "app.mjs"), ...args];
  try {
    return await onMachine(agent, async (nodeIp) => await runTask({ ...task, command, folder, nodeIp }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts an Agent on an address of its own, lets a task run beside it, and waits until all that was sent is read. */
export async function onMachine(
  agentIs: AgentIntakeOptions | "down" = {},
  run: (nodeIp: string) => Promise<Ended>,
): Promise<Arrived> {
  const host = ownAddress();
  const isDown = agentIs === "down";
  const options = isDown ? {} : agentIs;
  const agent = await startAgentIntake({ host, port: 8126, dogstatsdPort: 8125, ...options });
  const otlp = await startOtlpReceiver({ host, port: 4318 });
  const stop = async (): Promise<void> => void (await Promise.all([agent.stop(), otlp.stop()]));
  if (isDown) await stop();
  try {
    const ended = await run(host);
    if (!isDown) await agent.settle();
    return { ended, agent, otlp };
  } finally {
    if (!isDown) await stop();
  }
}

let addresses = 0;

/** An address of loopback's that nobody else uses, so that the Agent's usual ports are free there. Linux has all of 127/8. */
export function ownAddress(): string {
  const { pid } = process;
  return `127.${1 + (pid % 250)}.${(pid >> 8) % 250}.${(addresses++ % 250) + 2}`;
}

/** Why a suite with {@link runAgent} is left out. */
export const NO_LOOPBACK = process.platform === "linux" ? undefined : "skipped: only Linux has all of 127/8";
