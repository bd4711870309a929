import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { onTestFinished } from "vitest";

/** Writes packs into a folder of their own, as `--packs-dir` takes one. @param packs Files by pack and name. */
export function packFolder(packs: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  const folder = mkdtempSync(join(tmpdir(), "dd-observe-packs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [pack, files] of Object.entries(packs)) {
    mkdirSync(join(folder, pack));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, pack, name), text);
  }
  return folder;
}

/** A pack with an option that takes effect on one machine only. */
export const REGISTRY_PACK = {
  "pack.yaml": `name: registry
title: Registry
description: A toy.
check: consul
endpoint: { port: 8500 }
options:
  catalog: { option: single_node_install, type: boolean, default: true, placement: one, description: Once. }
  timeout: { option: timeout, type: integer, default: 10, description: Everywhere. }
setup: None.
sources: [https://example.com]
`,
  "conf.yaml": `instance: { url: "\${base}", allow_redirects: false, tags: "\${tags}" }
`,
};
