import { spawn } from "node:child_process";

import { splitWords } from "../../agent-config/reload.ts";
import type { CommandState } from "./decide.ts";

/** What restarts this machine's Nomad: a program and its arguments. It comes from the machine's operator, never from a document. */
export type RestartCommand = readonly [program: string, ...args: string[]];

const MINIMAL_ENV = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C" };
/** So much of what a command complains of is kept. */
const MOST_OUTPUT = 300;

/**
 * Parses `none` or `command:<program and arguments>`.
 *
 * @returns undefined for `none`.
 * @throws {Error} that says what is wrong and what would be right.
 */
export function parseRestartCommand(text: string): RestartCommand | undefined {
  const value = text.trim();
  if (value === "none") return undefined;
  if (!value.startsWith("command:"))
    throw new Error("none, or command: and a program with its arguments: command:systemctl restart nomad");
  const [program, ...args] = splitWords(value.slice("command:".length));
  if (program === undefined || program === "")
    throw new Error("a program after command:, such as command:systemctl restart nomad");
  return [program, ...args];
}

export interface RunOptions {
  readonly timeoutMs: number;
  /** Stops the waiting, not the command: half a restart is worse than one that nobody watches. */
  readonly signal: AbortSignal;
}

/**
 * Runs a restart command to its end, in a process group of its own, so that what ends us doesn't end it.
 *
 * @returns undefined if the signal aborted first; the command goes on.
 */
export async function runRestartCommand(
  [program, ...args]: RestartCommand,
  { timeoutMs, signal }: RunOptions,
): Promise<CommandState | undefined> {
  if (signal.aborted) return undefined;
  const { promise, resolve } = Promise.withResolvers<CommandState | undefined>();
  const child = spawn(program, args, {
    detached: true,
    env: MINIMAL_ENV,
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  let isLate = false;
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (chunk: string) => (complaint = (complaint + chunk).slice(-MOST_OUTPUT)));
  const timer = setTimeout(() => {
    isLate = true;
    // The whole group: a script's children too.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, timeoutMs);
  const leave = (): void => resolve(undefined);
  signal.addEventListener("abort", leave, { once: true });
  child.once("error", (error) => resolve({ state: "failed", message: whyNotRun(error) }));
  // Not "close": what the command starts may keep its output open for ever.
  child.once("exit", (code, killedBy) => {
    // What it wrote last may still be on its way.
    setImmediate(() => {
      if (code === 0) resolve({ state: "ended" });
      else resolve({ state: "failed", message: whyFailed(code, killedBy, isLate ? timeoutMs : undefined) });
    });
  });

  function whyFailed(code: number | null, killedBy: string | null, limitMs: number | undefined): string {
    const what = `"${[program, ...args].join(" ")}"`;
    const said = complaint.trim() === "" ? "" : `: ${complaint.trim()}`;
    if (limitMs !== undefined) return `${what} did not end within ${limitMs / 1000} s${said}`;
    return code === null ? `${what} was ended by ${killedBy}${said}` : `${what} ended with ${code}${said}`;
  }

  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
    child.unref();
    child.stderr.destroy();
  }
}

function whyNotRun(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "the program was not found; give its full path";
  if (error.code === "EACCES") return "the program may not be run";
  return error.message;
}
