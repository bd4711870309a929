import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

import { installation, typed } from "../installation.ts";
import type { Env } from "../settings.ts";

/** Everything that `dev` writes stands here. */
export const DEV_DIR = installation.devDir;

/** What stands in it, as a person can type it: `.dev/conf.d`. */
export function inDevDir(...parts: readonly string[]): string {
  return typed(path.join(DEV_DIR, ...parts));
}

const PID = "DD_OBSERVE_DEV_PID";

/** The folders of a session, empty. */
export interface SessionFolder {
  readonly dir: string;
  readonly confd: string;
  /** Settings for other commands: `. .dev/env`. */
  readonly envFile: string;
}

/**
 * Opens the folder of a new session and clears what the last one left.
 *
 * @throws {Error} if another session runs, or if the folder is a link to somewhere else.
 */
export function openSessionFolder(dir = DEV_DIR): SessionFolder {
  const running = readSession(dir);
  if (running !== undefined)
    throw new Error(`a dev session runs already, as process ${running[PID]}; end it first`);
  mkdirSync(dir, { recursive: true });
  // Through a link we would clear a folder of somebody else, such as a real Agent's.
  if (!lstatSync(dir).isDirectory()) throw new Error(`${dir} is no folder; remove it`);
  const folder = { dir, confd: path.join(dir, "conf.d"), envFile: path.join(dir, "env") };
  rmSync(folder.confd, { recursive: true, force: true });
  mkdirSync(folder.confd);
  return folder;
}

/** Tells other commands where this session's servers are. */
export function writeSession({ envFile }: SessionFolder, env: Readonly<Record<string, string>>): void {
  const lines = Object.entries({ ...env, [PID]: String(process.pid) }).map(
    ([name, value]) => `export ${name}='${value}'\n`,
  );
  writeFileSync(envFile, `# Of the running \`dd-observe dev\`; gone when it ends.\n${lines.join("")}`, {
    mode: 0o600,
  });
}

/** The settings of the session that runs now. Undefined if none does, or if it died and left its file behind. */
export function readSession(dir = DEV_DIR): Readonly<Record<string, string>> | undefined {
  let text: string;
  try {
    text = readFileSync(path.join(dir, "env"), "utf8");
  } catch {
    return undefined;
  }
  const env = Object.fromEntries(
    [...text.matchAll(/^export ([A-Z_]+)='([^']*)'$/gm)].map(([, name, value]) => [name!, value!]),
  );
  return isRunning(Number(env[PID])) ? env : undefined;
}

function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * The environment for a command that a person types beside a running session: its servers instead of the usual ones.
 * Whoever names a Consul, by environment or flag, gets that one. `run` never asks this.
 */
export function joinSession(env: Env, namesConsul: boolean, dir = DEV_DIR): Env | undefined {
  if (namesConsul || (env["CONSUL_HTTP_ADDR"] ?? "") !== "") return undefined;
  const session = readSession(dir);
  return session === undefined ? undefined : { ...env, ...session };
}
