import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, test } from "vitest";

import { loadPacks } from "../../engine/sources/packs.ts";

test("the pack that docs/adding-a-pack.md makes is whole", () => {
  const page = readFileSync(new URL("../../docs/adding-a-pack.md", import.meta.url), "utf8");
  const folder = mkdtempSync(path.join(tmpdir(), "pack-"));
  for (const [, file, text] of page.matchAll(/```yaml\n# packs\/(\S+)\n(.*?)```/gs)) {
    mkdirSync(path.join(folder, path.dirname(file!)), { recursive: true });
    writeFileSync(path.join(folder, file!), text!);
  }

  const packs = loadPacks([folder]);
  rmSync(folder, { recursive: true });

  const { monitors, slos, dashboards } = packs.get("nats")!;
  expect(Object.keys(monitors)).toEqual(["slow-consumers", "endpoint-down"]);
  expect(Object.keys(slos)).toEqual(["reachable"]);
  expect(dashboards).toMatchObject({ "infrastructure-overview": { section: "NATS", per: "service" } });
});
