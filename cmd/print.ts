import type { Terminal } from "./terminal.ts";
import { printable } from "./terminal.ts";

export type OutputFormat = "table" | "wide" | "json" | "yaml" | "html" | "nomad";

/** Prints an error for a person: what was tried, what came back, what they can do. Never a stack trace. */
export function printError(error: unknown, { err, paint }: Pick<Terminal, "err" | "paint">): void {
  const message = error instanceof Error ? error.message : String(error);
  err(`${paint("red", "dd-observe:")} ${printable(message)}\n`);
  const hint = hintOf(error);
  if (hint !== undefined) err(`  ${printable(hint)}\n`);
}

function hintOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("hint" in error)) return undefined;
  return typeof error.hint === "string" ? error.hint : undefined;
}

/** Prints a value for programs. */
export async function printData(
  value: unknown,
  format: "json" | "yaml",
  { out }: Pick<Terminal, "out">,
): Promise<void> {
  if (format === "json") return out(`${JSON.stringify(value, undefined, 2)}\n`);
  const { stringify } = await import("yaml");
  // Through JSON, so that both formats say the same: undefined fields are left out.
  out(stringify(JSON.parse(JSON.stringify(value)), { lineWidth: 0, aliasDuplicateObjects: false }));
}

/** Something that the person asked for and that cannot be done as asked. The message says why, the hint what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** A file or folder that a person named and that can't be read. */
export function unreadable(file: string, error: unknown): UsageError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const words = FILE_WORDS[code];
  return new UsageError(`cannot read ${file}: ${words === undefined ? code : `${words} (${code})`}`);
}

const FILE_WORDS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "this user may not read it",
  EISDIR: "it is a folder",
};
