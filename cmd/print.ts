import { ApiError } from "../clients/errors.ts";

/** Prints an error for a person: what was tried, what came back, what they can do. */
export function printError(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`dd-observe: ${message}\n`);
  if (error instanceof ApiError && error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
}
