import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { NO_PYTHON, pythonBinary } from "../servers/python.ts";
import { WORKLOADS } from "./install.ts";

const REQUIREMENTS = join(WORKLOADS, "python", "requirements.txt");
const run = promisify(execFile);

/** A virtual environment with the packages of test/workloads/python. */
export interface PythonPackages {
  /** Folder of its programs. */
  readonly bin: string;
  /** What `tracer.bootstrap` names: the folder that loads ddtrace. */
  readonly bootstrap: string;
}

/**
 * Makes a virtual environment with the pinned packages, once for each list of them.
 *
 * @param program The Python that it is made with.
 * @returns the environment, or why it can't be had: the reason for which tests are skipped.
 */
export async function installPython(program: string): Promise<PythonPackages | string> {
  const hash = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex").slice(0, 12);
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = join(cache, "dd-observe-ci", `python-${hash}`);
  const bin = join(folder, "bin");
  try {
    if (!existsSync(join(folder, "complete"))) await fill(program, folder);
    const where = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
    const { stdout } = await run(join(bin, "python"), ["-c", where]);
    return { bin, bootstrap: join(stdout.trim(), "ddtrace", "bootstrap") };
  } catch (error) {
    return `skipped: its packages can't be installed, which need Python 3.11 and PyPI: ${String(error).slice(0, 300)}`;
  }
}

async function fill(program: string, folder: string): Promise<void> {
  await run(program, ["-m", "venv", "--clear", folder]);
  const options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"];
  await run(join(folder, "bin", "python"), ["-m", "pip", "install", ...options, "-r", REQUIREMENTS]);
  writeFileSync(join(folder, "complete"), "");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const program = pythonBinary();
  const installed = program === undefined ? NO_PYTHON : await installPython(program);
  if (typeof installed === "string") throw new Error(installed);
}
