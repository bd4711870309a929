import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { UsageError } from "./print.ts";

/** Writes every document as a file below a folder, or none of them. @returns Their paths. */
export function writeFiles(
  documents: readonly { readonly key: string; readonly text: string }[],
  folder: string,
  isForced: boolean,
): readonly string[] {
  const files = documents.map(({ key, text }) => ({ file: path.join(folder, `${key}.yaml`), text }));
  const there = files.filter(({ file }) => existsSync(file)).map(({ file }) => file);
  if (there.length > 0 && !isForced)
    throw new UsageError(
      `${there.join(", ")} is there already; nothing was written`,
      "Add --force to overwrite it.",
    );
  for (const { file, text } of files) {
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text, { flag: isForced ? "w" : "wx" });
    } catch (error) {
      throw new UsageError(`cannot write ${file}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
    }
  }
  return files.map(({ file }) => file);
}
