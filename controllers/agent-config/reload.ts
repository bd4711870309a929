import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

import type { Logger } from "pino";

import { ApiError, toError } from "../../clients/errors.ts";
import { parseNomadTask, reloadNomadTask, type NomadPlace, type NomadTask } from "./reload-nomad.ts";

/** How the Agent comes to read changed files. */
export type Reload =
  /** A person restarts it. */
  | { readonly kind: "none" }
  /** It looks by itself (`autoconf_config_files_poll`), every 60 s by default. */
  | { readonly kind: "poll" }
  | { readonly kind: "command"; readonly argv: readonly [string, ...string[]] }
  /** Nomad restarts its task, or sends it a signal. */
  | { readonly kind: "nomad"; readonly task: NomadTask };

type Active = Extract<Reload, { readonly kind: "command" | "nomad" }>;

/**
 * Parses `none`, `poll`, `command:<argv>` or `nomad:<job>/<task>`.
 *
 * @throws {Error} that says what is wrong and what would be right.
 */
export function parseReload(text: string): Reload {
  const value = text.trim();
  if (value === "none" || value === "poll") return { kind: value };
  if (value.startsWith("command:")) {
    const [program, ...rest] = splitWords(value.slice("command:".length));
    if (program === undefined || program === "")
      throw new Error(
        "The reload command is empty; give one such as command:systemctl restart datadog-agent",
      );
    return { kind: "command", argv: [program, ...rest] };
  }
  if (value.startsWith("nomad:"))
    return { kind: "nomad", task: parseNomadTask(value.slice("nomad:".length)) };
  throw new Error(
    `The reload "${value}" is none of none, poll, command:<program and arguments>, nomad:<job>/<task>`,
  );
}

/**
 * Splits a command line as a shell splits words: blanks separate, single quotes keep everything,
 * double quotes keep all but `\"`, `\\`, a backslash keeps the next character. Nothing is expanded.
 *
 * @throws {Error} if a quote is not closed.
 */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  const part = /\s+|'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^\s'"\\]+)/gy;
  let word: string | undefined;
  let at = 0;
  while (at < line.length) {
    part.lastIndex = at;
    const match = part.exec(line);
    if (match === null) throw new Error(`A quote in the command is not closed: ${line.trim()}`);
    at = part.lastIndex;
    const [, single, double, escaped, plain] = match;
    const text = single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain;
    if (text !== undefined) word = (word ?? "") + text;
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

export interface ReloadOutcome {
  readonly ok: boolean;
  /** When it began, ms since the epoch: it has seen every file written before. */
  readonly startedAtMs: number;
  /** What went wrong, bounded; `""` if nothing. */
  readonly message: string;
}

export interface ReloaderOptions {
  readonly reload: Reload;
  /** Needed for a task of Nomad. */
  readonly nomad?: NomadPlace | undefined;
  readonly log: Pick<Logger, "info" | "error">;
  readonly now?: () => number;
  /** What the command finds in its environment. Nothing of our own: keys and tokens are there. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Between two reloads. Restarting an Agent costs it the points of some seconds. */
  readonly minGapMs?: number;
}

const MINIMAL_ENV = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C" };

/** A restart waits for the task to stop, which takes as long as its `kill_timeout`. */
const NOMAD_TIMEOUT_MS = 60_000;

/** Reloads the Agent: once at a time, and for all requests that come meanwhile once more. */
export class Reloader {
  readonly #options: ReloaderOptions;
  #running: Promise<void> | undefined;
  #isPending = false;
  #last: ReloadOutcome | undefined;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  get kind(): Reload["kind"] {
    return this.#options.reload.kind;
  }

  /** The outcome of the last reload that ended. */
  get last(): ReloadOutcome | undefined {
    return this.#last;
  }

  get isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Returns at once; the outcome is in `last` and in the log. Does nothing unless the Agent is ours to reload. */
  request(): void {
    const { reload } = this.#options;
    if (reload.kind !== "command" && reload.kind !== "nomad") return;
    this.#isPending = true;
    this.#running ??= this.#run(reload).finally(() => (this.#running = undefined));
  }

  /** Resolves when none runs or waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(reload: Active): Promise<void> {
    const { minGapMs = 5_000, now = Date.now } = this.#options;
    while (this.#isPending) {
      const last = this.#last;
      if (last !== undefined) await sleep(Math.max(0, last.startedAtMs + minGapMs - now()));
      this.#isPending = false;
      const startedAtMs = now();
      this.#last =
        reload.kind === "command"
          ? await this.#command(reload.argv, startedAtMs)
          : await this.#nomad(reload.task, startedAtMs);
    }
  }

  async #command(
    [program, ...args]: readonly [string, ...string[]],
    startedAtMs: number,
  ): Promise<ReloadOutcome> {
    const { log, timeoutMs = 30_000, env = MINIMAL_ENV } = this.#options;
    const options = { env, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 256 * 1024 } as const;
    const message = await new Promise<string>((resolve) => {
      execFile(program, args, options, (error, _stdout, stderr) =>
        resolve(error === null ? "" : whyFailed(error, stderr, timeoutMs)),
      ).stdin?.end();
    });
    const ok = message === "";
    if (ok) log.info({ program }, "agent reloaded");
    else log.error({ program, error: message }, "agent reload failed");
    return { ok, startedAtMs, message };
  }

  async #nomad(task: NomadTask, startedAtMs: number): Promise<ReloadOutcome> {
    const { log, nomad, timeoutMs = NOMAD_TIMEOUT_MS } = this.#options;
    const { job, task: name, signal } = task;
    const late = AbortSignal.timeout(timeoutMs);
    try {
      if (nomad === undefined) throw new Error("Nomad is not configured here");
      const allocations = await reloadNomadTask(task, nomad, late);
      log.info(
        { job, task: name, ...(signal === undefined ? {} : { signal }), allocations },
        "agent reloaded",
      );
      return { ok: true, startedAtMs, message: "" };
    } catch (error) {
      const message = late.aborted ? `Nomad did not do it within ${timeoutMs / 1000} s` : inWords(error);
      log.error({ job, task: name, error: message }, "agent reload failed");
      return { ok: false, startedAtMs, message };
    }
  }
}

function inWords(error: unknown): string {
  const { message } = toError(error);
  return error instanceof ApiError && error.hint !== undefined ? `${message}. ${error.hint}` : message;
}

function whyFailed(
  error: Error & { readonly code?: string | number | null; readonly killed?: boolean },
  stderr: string,
  timeoutMs: number,
): string {
  if (error.code === "ENOENT") return "the program was not found; give its full path";
  if (error.code === "EACCES") return "the program may not be run";
  if (error.killed === true) return `it did not end within ${timeoutMs / 1000} s`;
  const output = stderr.trim().slice(-300);
  return `it ended with ${error.code ?? "an error"}${output === "" ? "" : `: ${output}`}`;
}
