import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { codeOf } from "./file-error.ts";

export interface StagedConfig {
  readonly dir: string;
  /** Names of the files that stand there and are read, without ours. */
  readonly others: readonly string[];
  readonly name: string;
  readonly text: string;
}

export type ConfigVerdict =
  /** The program isn't there, or the folder is refused without our file too: then it can't tell. */
  | { readonly verdict: "unknown"; readonly why: string }
  | { readonly verdict: "accepted" }
  | { readonly verdict: "refused"; readonly why: string };

const TIMEOUT_MS = 20_000;

/**
 * Asks the nomad program whether a folder with our file in it could be read, before the file is put in place.
 *
 * The folder is staged by links: what stands in the other files, secrets too, is copied nowhere.
 * The program doesn't look at what only a start finds out, such as an address that can't be resolved.
 */
export async function checkNomadConfig(
  program: string,
  { dir, others, name, text }: StagedConfig,
  signal: AbortSignal,
): Promise<ConfigVerdict> {
  const staged = mkdtempSync(join(tmpdir(), "dd-observe-nomad-"));
  try {
    for (const other of others) symlinkSync(join(resolve(dir), other), join(staged, other));
    writeFileSync(join(staged, name), text);
    const found = await validate(program, staged, signal);
    if (found.verdict !== "refused") return found;
    rmSync(join(staged, name));
    const without = await validate(program, staged, signal);
    // What the command line adds, nobody but the running agent knows.
    if (without.verdict === "refused" && without.why === found.why)
      return { verdict: "unknown", why: `the folder is refused without our file too: ${without.why}` };
    return found;
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

async function validate(program: string, dir: string, signal: AbortSignal): Promise<ConfigVerdict> {
  return await new Promise((settle) => {
    execFile(
      program,
      ["config", "validate", dir],
      { signal, timeout: TIMEOUT_MS, maxBuffer: 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) return settle({ verdict: "accepted" });
        const code = codeOf(error);
        const why = said(`${stdout}\n${stderr}`.replaceAll(`${dir}/`, ""));
        // Before 1.3 there is no such command.
        const isUnable = typeof error.code !== "number" || error.code > 1 || why.startsWith("Usage: nomad");
        settle(
          isUnable
            ? { verdict: "unknown", why: `${program} config validate: ${code ?? why}` }
            : { verdict: "refused", why },
        );
        return undefined;
      },
    );
  });
}

function said(output: string): string {
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(?:WARNING:|No configuration loaded)/.test(line));
  return lines.join(" ").slice(0, 500);
}
