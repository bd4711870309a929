import { CommanderError } from "commander";

import { commandTree } from "./command-tree.ts";
import { printError } from "./print.ts";
import type { Env } from "./settings.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

export interface Surroundings {
  readonly terminal?: Terminal;
  /** The process's own if absent. */
  readonly env?: Env;
}

/**
 * Runs one command line.
 *
 * @returns The exit code: 0 for success, 1 for an error, 2 for "there is something to do" (`plan`, `apply`).
 */
export async function main(argv: readonly string[], { terminal, env }: Surroundings = {}): Promise<number> {
  const screen = terminal ?? openTerminal();
  let exit = 0;
  const program = commandTree({ terminal: screen, env, finish: (code) => (exit = code) });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exit;
  } catch (error) {
    // The parser has said already what is wrong, or was only asked for help.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    printError(error, screen);
    return 1;
  }
}
