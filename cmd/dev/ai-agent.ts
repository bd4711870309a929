import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import type { Consul } from "../../clients/consul.ts";
import { effectiveEnvironment, valuesOf } from "../../controllers/workload-env/effective.ts";
import { ENV_KEYS } from "../../controllers/workload-env/keys.ts";
import type { AgentIntake } from "../../test/fakes/agent-intake.ts";
import type { Config } from "../config.ts";
import { UsageError } from "../print.ts";
import type { Env } from "../settings.ts";

/** The service of the demo, and what its document says: the example's own, with metrics sent more often. */
export const AI_AGENT = "support";

const ROOT = path.join(import.meta.dirname, "..", "..");
const EXAMPLE = path.join(ROOT, "deploy", "examples", "langgraph-typescript");
const SOURCES = ["agent.ts", "model.ts", "package.json", "package-lock.json", ".npmrc"];
const INSTALL_TIMEOUT_MS = 300_000;
const PUBLISHED_WITHIN_MS = 30_000;
const QUESTION_EVERY_MS = 1_000;

/** Asked one after the other, again and again. The last makes a tool fail. */
const QUESTIONS = ["Where is order 42?", "Where are orders 7 and 8?", "I want a refund for 12345."];

/** Puts the document that observes the example. Left as it is if there is one. @returns true if it was put. */
export async function putAiAgent(consul: Consul, { kvPrefix }: Pick<Config, "kvPrefix">): Promise<boolean> {
  const text = readFileSync(path.join(EXAMPLE, "observability.yaml"), "utf8");
  return await consul.kvPut(`${kvPrefix}/${AI_AGENT}`, text, { cas: 0 });
}

/**
 * Brings the example and its packages into a folder, once for each change of them.
 *
 * @param onInstall Told before anything is downloaded.
 * @throws {UsageError} where the packages can't be had.
 */
export async function installAiAgent(dir: string, env: Env, onInstall: () => void): Promise<string> {
  if (!existsSync(EXAMPLE))
    throw new UsageError("--ai-agent needs dd-observe's sources, and this is the program alone");
  const folder = path.join(dir, "ai-agent");
  const stamp = path.join(folder, "node_modules", ".dd-observe-setup");
  const lock = createHash("sha256")
    .update(readFileSync(path.join(EXAMPLE, "package-lock.json")))
    .digest("hex");
  mkdirSync(folder, { recursive: true });
  for (const file of SOURCES) cpSync(path.join(EXAMPLE, file), path.join(folder, file));
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return folder;
  onInstall();
  try {
    await promisify(execFile)("npm", ["ci", "--loglevel", "error", "--no-progress"], {
      cwd: folder,
      env: { ...env },
      timeout: INSTALL_TIMEOUT_MS,
      shell: process.platform === "win32",
    });
  } catch (error) {
    const { stderr = "" } = error as { readonly stderr?: string };
    const said = stderr.split("\n").find((line) => line.trim() !== "") ?? String(error);
    throw new UsageError(
      `the packages of the AI agent could not be installed (npm ci in ${folder}): ${said.trim()}`,
      "It needs npm and its registry, once. Without --ai-agent everything else works without.",
    );
  }
  writeFileSync(stamp, lock);
  return folder;
}

/** The example while it runs. */
export interface AiAgent {
  /** Rejects as soon as the application ends by itself, with what it said last. */
  readonly ended: Promise<never>;
  readonly stop: () => Promise<void>;
}

export interface AiAgentOptions {
  readonly folder: string;
  readonly consul: Consul;
  readonly statePrefix: string;
  readonly env: Env;
  readonly intake: AgentIntake;
  readonly signal: AbortSignal;
}

/** Starts the example with what is published for it, as a job's template would, and asks it questions from then on. */
export async function startAiAgent(options: AiAgentOptions): Promise<AiAgent> {
  const { folder, env, intake, signal } = options;
  // What the job itself sets wins: the stand-in is not where an Agent usually is.
  const job = {
    PATH: env["PATH"] ?? "",
    PORT: "0",
    DD_OBSERVE_PRELOAD: path.join(ROOT, "deploy", "preload"),
    DD_TRACE_AGENT_URL: intake.url,
    DD_DOGSTATSD_URL: `udp://127.0.0.1:${intake.dogstatsdPort}`,
  };
  const published = await untilPublished(options);
  const place = { nodeIp: "127.0.0.1", preload: job.DD_OBSERVE_PRELOAD };
  const child = spawn(process.execPath, ["agent.ts"], {
    cwd: folder,
    env: valuesOf(effectiveEnvironment({ published, job, place })),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let stopping = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2_000)));
  const exited = once(child, "exit");
  const ended = exited.then(async ([code, killedBy]): Promise<never> => {
    if (stopping) return await new Promise<never>(() => undefined);
    throw new Error(`the AI agent ended by itself (${String(code ?? killedBy)}): ${said.trim()}`);
  });
  ended.catch(() => undefined);
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const asking = ask(child, () => said, signal).catch(() => undefined);
  return {
    ended,
    async stop() {
      stopping = true;
      process.off("exit", kill);
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await Promise.all([exited, asking]);
    },
  };
}

/** What the operator has published, as soon as it has. */
async function untilPublished({
  consul,
  statePrefix,
  signal,
}: AiAgentOptions): Promise<Readonly<Record<string, string>>> {
  const prefix = ENV_KEYS.of(statePrefix, AI_AGENT);
  const until = performance.now() + PUBLISHED_WITHIN_MS;
  while (performance.now() < until) {
    const entries = await consul.kvList(prefix);
    if (entries.length > 0)
      return Object.fromEntries(entries.map(({ key, text }) => [key.slice(prefix.length), text]));
    await sleep(100, undefined, { signal });
  }
  throw new Error(`nothing was published below ${prefix} within ${PUBLISHED_WITHIN_MS / 1_000} s`);
}

/** Asks one question after the other until it is stopped or the application is gone. */
async function ask(child: ChildProcess, said: () => string, signal: AbortSignal): Promise<void> {
  for (let at = 0; child.exitCode === null && !signal.aborted; at++) {
    const [url] = /http:\/\/\S+/.exec(said()) ?? [];
    if (url === undefined) {
      at = -1;
      await sleep(50, undefined, { signal });
      continue;
    }
    const answer = await fetch(url, { method: "POST", body: QUESTIONS[at % QUESTIONS.length]!, signal });
    await answer.text();
    await sleep(QUESTION_EVERY_MS, undefined, { signal });
  }
}
