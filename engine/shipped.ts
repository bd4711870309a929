import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Where the files stand that come along with the program: the packs and the status page. */
export const SHIPPED = path.join(import.meta.dirname, "..");

/** Texts of shipped files by their path below `SHIPPED`. The build of the release fills it in; from a checkout they are read. */
const EMBEDDED: Readonly<Record<string, string>> | undefined = undefined;

/**
 * The text of a file, shipped or not.
 *
 * @throws as `readFileSync` does.
 */
export function readTextFile(file: string): string {
  const inner = embeddedPath(file);
  if (EMBEDDED === undefined || inner === undefined) return readFileSync(file, "utf8");
  const text = textAt(EMBEDDED, inner);
  if (text !== undefined) return text;
  throw Object.assign(new Error(`ENOENT: no such file in this program: ${inner}`), { code: "ENOENT" });
}

export function hasFile(file: string): boolean {
  const inner = embeddedPath(file);
  if (EMBEDDED === undefined || inner === undefined) return existsSync(file);
  return textAt(EMBEDDED, inner) !== undefined;
}

/** Names of the folders in a folder, sorted. */
export function foldersIn(folder: string): readonly string[] {
  const inner = embeddedPath(folder);
  if (EMBEDDED !== undefined && inner !== undefined) {
    const below = Object.keys(EMBEDDED)
      .filter((file) => file.startsWith(`${inner}/`))
      .map((file) => file.slice(inner.length + 1).split("/"));
    return [...new Set(below.filter(({ length }) => length > 1).map(([name = ""]) => name))].sort();
  }
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function textAt(texts: Readonly<Record<string, string>>, file: string): string | undefined {
  return Object.hasOwn(texts, file) ? texts[file] : undefined;
}

/** Below `SHIPPED`, with `/`. Undefined for other files. */
function embeddedPath(file: string): string | undefined {
  const inner = path.relative(SHIPPED, file);
  return inner.startsWith("..") || path.isAbsolute(inner) ? undefined : inner.split(path.sep).join("/");
}
