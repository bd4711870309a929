import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { WORKLOADS } from "./install.ts";

/** Which of the packages that `npm install` would have put beside an application are there. */
export interface Packages {
  /** Datadog's tracer, by its major version; absent if it isn't named. */
  readonly tracer?: 5 | 6;
  /** Names, or scopes such as `@langfuse`, of packages that are not there. */
  readonly without?: readonly string[];
}

const TRACERS: Readonly<Record<string, number>> = { "dd-trace": 5, "dd-trace-6": 6 };

/**
 * Puts the agent into a folder of its own, as a job's artifact would be, with these packages beside it.
 *
 * @returns The folder, which is the caller's to delete. Its program is `app.mjs`.
 */
export function placeAgent({ tracer, without = [] }: Packages): string {
  const folder = mkdtempSync(path.join(tmpdir(), "dd-observe-agent-"));
  cpSync(path.join(WORKLOADS, "agent"), folder, { recursive: true });
  const from = path.join(WORKLOADS, "node_modules");
  const to = path.join(folder, "node_modules");
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    const major = TRACERS[name];
    if (name.startsWith(".") || without.includes(name)) continue;
    if (major !== undefined && major !== tracer) continue;
    symlinkSync(path.join(from, name), path.join(to, major === undefined ? name : "dd-trace"), "junction");
  }
  return folder;
}
