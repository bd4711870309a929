import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Files that come along with the program: the packs and the status page. */
export interface Shipped {
  /** Names of the folders in a folder, sorted. Paths are relative to the program's root, with `/`. */
  readonly folders: (folder: string) => readonly string[];
  /** Undefined if there is no such file. */
  readonly read: (file: string) => string | undefined;
  /** As a person can find it. */
  readonly where: (file: string) => string;
}

const ROOT = path.join(import.meta.dirname, "..");

/** Beside the sources. The release file holds them in itself: the build puts another module in this one's place. */
export const shipped: Shipped = filesIn(ROOT);

/** Files under a folder of this machine. */
export function filesIn(root: string): Shipped {
  return {
    folders: (folder) =>
      readdirSync(path.join(root, folder), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort(),
    read: (file) => {
      try {
        return readFileSync(path.join(root, file), "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    },
    where: (file) => path.join(root, file),
  };
}

/** Files that are held in memory, by their path. */
export function filesOf(texts: Readonly<Record<string, string>>): Shipped {
  return {
    folders: (folder) => {
      const below = Object.keys(texts)
        .filter((file) => file.startsWith(`${folder}/`))
        .map((file) => file.slice(folder.length + 1).split("/"));
      return [...new Set(below.filter(({ length }) => length > 1).map(([name]) => name!))].sort();
    },
    read: (file) => (Object.hasOwn(texts, file) ? texts[file] : undefined),
    where: (file) => `built-in:${file}`,
  };
}
