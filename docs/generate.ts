// Writes every file that is made from the schemas and the packs. `npm run generate` runs it;
// a test fails while one of the files is stale.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { editorSchemas } from "../crds/json-schema.ts";
import { cliReference } from "./cli-reference.ts";
import { configurationReference } from "./configuration-reference.ts";
import { loadPacks } from "../engine/sources/packs.ts";
import { metricsReference } from "./metrics-reference.ts";
import { packsReference } from "./packs-reference.ts";
import { wishReference } from "./wish-reference.ts";

const ROOT = path.join(import.meta.dirname, "..");

/** Contents by path inside the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const packs = loadPacks();
  const files = new Map<string, string>();
  for (const [name, schema] of editorSchemas(packs))
    files.set(`crds/schemas/${name}`, `${JSON.stringify(schema, undefined, 2)}\n`);
  files.set("docs/reference/wish.md", wishReference());
  files.set("docs/reference/packs.md", packsReference(packs));
  files.set("docs/reference/metrics.md", metricsReference(packs));
  files.set("docs/reference/cli.md", cliReference());
  files.set("docs/reference/configuration.md", configurationReference());
  return files;
}

if (import.meta.main) {
  for (const [name, text] of generatedFiles()) {
    const file = path.join(ROOT, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.log(name);
  }
}
