import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import type { Plugin } from "esbuild";

/** Folders whose files a release holds in itself. */
const SHIPPED = ["packs", "web"] as const;

/** Puts the shipped files into the bundle: a module with their texts takes the place of the one that reads them from disk. */
export function embedShipped(root: string): Plugin {
  return {
    name: "embed-shipped",
    setup: (bundling) => {
      bundling.onLoad({ filter: /[\\/]engine[\\/]shipped\.ts$/ }, ({ path: module }) => ({
        contents: replacing(readFileSync(module, "utf8"), [
          // No folder of the machine: whoever puts something there must not change the program.
          ['path.join(import.meta.dirname, "..")', '"/:dd-observe:"'],
          ["| undefined = undefined;", `| undefined = ${JSON.stringify(filesUnder(root))};`],
        ]),
        loader: "ts",
      }));
    },
  };
}

function replacing(text: string, pairs: readonly (readonly [from: string, to: string])[]): string {
  let result = text;
  for (const [from, to] of pairs) {
    if (result.split(from).length !== 2)
      throw new Error(`engine/shipped.ts holds "${from}" not exactly once`);
    result = result.replace(from, () => to);
  }
  return result;
}

/** Every shipped file's text by its path, with `/`. Sorted, so that a build comes out the same each time. */
export function filesUnder(root: string): Readonly<Record<string, string>> {
  const files = SHIPPED.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.includes(".test."))
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name))),
  );
  const sorted = files.map((file) => file.split(path.sep).join("/")).sort();
  return Object.fromEntries(sorted.map((file) => [file, readFileSync(path.join(root, file), "utf8")]));
}
