import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The folder of the applications that tests start, with packages of their own. */
export const WORKLOADS = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");
const STAMP = path.join(WORKLOADS, "node_modules", ".dd-observe-setup");
const INSTALL_TIMEOUT_MS = 300_000;

/** Programs of other versions of Node than the one that runs the tests. */
export const NODES = {
  20: path.join(WORKLOADS, "node_modules", "node20", "bin", "node"),
  22: path.join(WORKLOADS, "node_modules", "node22", "bin", "node"),
  24: process.execPath,
} as const;
export type NodeMajor = keyof typeof NODES;

let installing: Promise<string | undefined> | undefined;

/** True if the packages of the lock file are there; asks nobody. */
export function areWorkloadsInstalled(): boolean {
  return existsSync(STAMP) && readFileSync(STAMP, "utf8") === lockHash();
}

/**
 * Installs the workloads' packages unless they are there, once per change of the lock file.
 *
 * @returns undefined once they are there, else why they can't be: the reason for which tests are skipped.
 */
export async function installWorkloads(): Promise<string | undefined> {
  if (areWorkloadsInstalled()) return undefined;
  return await (installing ??= install());
}

async function install(): Promise<string | undefined> {
  try {
    await promisify(execFile)("npm", ["ci", "--loglevel", "error", "--no-progress"], {
      cwd: WORKLOADS,
      timeout: INSTALL_TIMEOUT_MS,
      shell: process.platform === "win32",
    });
  } catch (error) {
    const { stderr = "" } = error as { readonly stderr?: string };
    const said = stderr.split("\n").find((line) => line.trim() !== "") ?? String(error);
    return `the workloads' packages could not be installed (npm ci in test/workloads: ${said.trim()})`;
  }
  const absent = Object.values(NODES).filter((file) => !existsSync(file));
  if (absent.length > 0) return `npm ci in test/workloads brought no ${absent.join(", ")}`;
  writeFileSync(STAMP, lockHash());
  return undefined;
}

function lockHash(): string {
  return createHash("sha256")
    .update(readFileSync(path.join(WORKLOADS, "package-lock.json")))
    .digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const failure = await installWorkloads();
  if (failure !== undefined) throw new Error(failure);
}
