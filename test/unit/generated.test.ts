import { existsSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { generatedFiles } from "../../docs/generate.ts";

test.for([...generatedFiles()])("%s is what `npm run generate` writes", ([name, text]) => {
  const file = new URL(`../../${name}`, import.meta.url);

  const standing = existsSync(file) ? readFileSync(file, "utf8") : "";

  expect(standing).toBe(text);
});
