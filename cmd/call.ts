import type { OutputFormat } from "./print.ts";
import type { Env, Flags } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** The options that belong to single commands and are no settings. The parser has checked them. */
export interface Options {
  readonly role?: "all" | "controller" | "node";
  readonly output?: OutputFormat;
  readonly service?: string;
  readonly pack?: string;
  readonly reason?: string;
  /** Of `verify` a duration. */
  readonly wait?: boolean | string;
  readonly validate?: boolean;
  readonly watch?: boolean;
  readonly yes?: boolean;
  readonly once?: boolean;
  readonly realDatadog?: boolean;
  readonly aiAgent?: boolean;
  readonly fix?: boolean;
  readonly outputDir?: string;
  readonly force?: boolean;
  readonly at?: string;
  readonly id?: readonly string[];
  readonly name?: string;
  readonly tag?: readonly string[];
  readonly adopt?: boolean;
  readonly node?: string;
  readonly here?: boolean;
  readonly preloadSource?: string;
  readonly preloadChecksum?: string;
}

/** One call of a command. */
export interface Call {
  readonly args: readonly string[];
  readonly flags: Flags & Options;
  readonly terminal: Terminal;
  /** The process's own if absent. */
  readonly env?: Env | undefined;
}

/** Runs a command. Returns its exit code. */
export type Run = (call: Call) => Promise<number>;
