import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Path of a program: the one that a variable names, else the first of that name on the PATH. Undefined if there is none. */
export function binary(variable: string, name: string): string | undefined {
  const named = process.env[variable];
  if (named !== undefined && named !== "") return existsSync(named) ? named : undefined;
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}
