import { binary } from "./binary.ts";

/** `PYTHON_BIN`, else `python3` on the PATH. Any from 3.9 on. */
export function pythonBinary(): string | undefined {
  return binary("PYTHON_BIN", "python3");
}

/** Why a test with a real Python is left out. */
export const NO_PYTHON = "skipped: no Python (set PYTHON_BIN, or put python3 on the PATH)";
