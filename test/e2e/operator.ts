import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished } from "vitest";

const ENTRY = fileURLToPath(new URL("../../cmd/dd-observe.ts", import.meta.url));

export type Env = Readonly<Record<string, string>>;

/** One line of the operator's log. */
export interface LogLine {
  readonly status: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A running `dd-observe run`. */
export interface Operator {
  readonly pid: number | undefined;
  readonly lines: readonly LogLine[];
  /** Whether it runs, and what it said last: for failures. */
  describe(): string;
  /** Waits for a line with this message, and returns the first one. */
  says(message: string): Promise<LogLine>;
  /** Waits until it has started to listen, and returns the answer to a GET. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** SIGTERM: what is under way is finished. Returns the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL: nothing is finished. */
  kill(): Promise<void>;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the operator with the Node that runs the tests. It is killed at the end of the test, whatever becomes of it. */
export function startOperator(
  args: readonly string[],
  env: Env,
  atEnd: (kill: () => void) => void = onTestFinished,
): Operator {
  const child = start(["run", ...args], env, atEnd);
  const lines: LogLine[] = [];
  const errors: string[] = [];
  let rest = "";
  child.stdout?.on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part.startsWith("{")) lines.push(JSON.parse(part) as LogLine);
  });
  child.stderr?.on("data", (chunk: string) => errors.push(chunk));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));

  async function says(message: string): Promise<LogLine> {
    const found = (): LogLine | undefined => lines.find((line) => line.message === message);
    await expect
      .poll(() => found()?.message ?? whyNot(child, lines, errors), { timeout: 60_000 })
      .toBe(message);
    return found() as LogLine;
  }

  return {
    pid: child.pid,
    lines,
    describe: () => whyNot(child, lines, errors),
    says,
    async get(path) {
      const { url } = await says("started");
      const answer = await fetch(`${String(url)}${path}`);
      return { status: answer.status, text: await answer.text() };
    },
    async stop() {
      child.kill("SIGTERM");
      return await ended;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function whyNot(child: ChildProcess, lines: readonly LogLine[], errors: readonly string[]): string {
  const state = child.exitCode === null ? "running" : `ended with ${child.exitCode}`;
  return `${state}; last lines: ${JSON.stringify(lines.slice(-8))} ${errors.join("")}`;
}

/** Runs one command to its end. */
export async function runCommand(args: readonly string[], env: Env): Promise<CommandResult> {
  const child = start(args, env, onTestFinished);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk: string) => (stdout += chunk));
  child.stderr?.on("data", (chunk: string) => (stderr += chunk));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

function start(args: readonly string[], env: Env, atEnd: (kill: () => void) => void): ChildProcess {
  const inherited = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" };
  const child = spawn(process.execPath, [ENTRY, ...args], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.setEncoding("utf8");
  child.stderr?.setEncoding("utf8");
  atEnd(() => void child.kill("SIGKILL"));
  return child;
}
