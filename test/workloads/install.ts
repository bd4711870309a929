import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The folder of the applications that tests start, with packages of their own. */
export const WORKLOADS = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");
/** A link to where they are kept, for all checkouts on this machine. */
const LINK = path.join(WORKLOADS, "node_modules");
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
  try {
    return readlinkSync(LINK) === kept() && existsSync(LINK);
  } catch {
    return false; // No link, or a folder that somebody else made.
  }
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
  if (!existsSync(kept())) {
    const failure = await fillCache(path.dirname(kept()));
    if (failure !== undefined) return failure;
  }
  rmSync(LINK, { recursive: true, force: true });
  symlinkSync(kept(), LINK);
  const absent = Object.values(NODES).filter((file) => !existsSync(file));
  if (absent.length > 0) return `npm ci in test/workloads brought no ${absent.join(", ")}`;
  return undefined;
}

/** Beside it first, so that whoever comes meanwhile finds all of it or nothing. */
async function fillCache(folder: string): Promise<string | undefined> {
  mkdirSync(path.dirname(folder), { recursive: true });
  const made = mkdtempSync(`${folder}-`);
  try {
    for (const file of [".npmrc", "package.json", "package-lock.json"])
      copyFileSync(path.join(WORKLOADS, file), path.join(made, file));
    await promisify(execFile)("npm", ["ci", "--loglevel", "error", "--no-progress"], {
      cwd: made,
      timeout: INSTALL_TIMEOUT_MS,
      shell: process.platform === "win32",
    });
    renameSync(made, folder);
    return undefined;
  } catch (error) {
    if (existsSync(folder)) return undefined; // Another process was quicker.
    const { stderr = "" } = error as { readonly stderr?: string };
    const said = stderr.split("\n").find((line) => line.trim() !== "") ?? String(error);
    return `the workloads' packages could not be installed (npm ci of test/workloads: ${said.trim()})`;
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

/** Where the packages of this lock file are kept. */
function kept(): string {
  const lock = readFileSync(path.join(WORKLOADS, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex").slice(0, 12);
  const cache = process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
  return path.join(cache, "dd-observe-ci", `workloads-${hash}`, "node_modules");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const failure = await installWorkloads();
  if (failure !== undefined) throw new Error(failure);
}
