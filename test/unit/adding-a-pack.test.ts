import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";

import { PACK_FILES } from "../../crds/pack-fault.ts";
import { BUILT_IN_PACKS, loadPacks } from "../../engine/sources/packs.ts";

const PAGE = readFileSync(new URL("../../docs/adding-a-pack.md", import.meta.url), "utf8");
const EXAMPLES = fileURLToPath(new URL("../../docs/examples/packs", import.meta.url));

const folder = mkdtempSync(path.join(tmpdir(), "pack-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Files that the page shows, by their path. */
const blocks = new Map(
  [...PAGE.matchAll(/```yaml\n# (\S+\.yaml)\n(.*?)```/gs)].map(([, file, text]) => [file!, text!]),
);
for (const [file, text] of blocks) {
  mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
}

test.for(PACK_FILES)("docs/adding-a-pack.md shows %s as it lies among the examples", (file) => {
  const example = readFileSync(path.join(EXAMPLES, "traefik", file), "utf8");

  expect(parse(blocks.get(`packs/traefik/${file}`) ?? "")).toEqual(parse(example));
});

test("the pack that the page makes is whole", () => {
  const { monitors, slos, dashboards, polls } = loadPacks([path.join(folder, "packs")]).get("traefik")!;

  expect(Object.keys(monitors)).toEqual(["server-errors", "routers-broken", "endpoint-down"]);
  expect(Object.keys(slos)).toEqual(["good-answers"]);
  expect(Object.keys(polls)).toEqual(["routers-with-errors"]);
  expect(dashboards).toMatchObject({ "infrastructure-overview": { section: "Traefik", per: "service" } });
});

test("the pack that the page lays over it is whole, too", () => {
  const packs = loadPacks([BUILT_IN_PACKS, EXAMPLES, path.join(folder, "overridden")]);

  const { monitors, options, setup, polls } = packs.get("traefik")!;

  expect(monitors["server-errors"]).toMatchObject({ critical: 2, runbook: expect.any(Array) as unknown });
  expect(Object.keys(monitors)).toEqual(["server-errors", "endpoint-down"]);
  expect(Object.keys(options)).not.toContain("countErrors");
  expect(setup).toEqual([{ text: "Ask the platform team." }]);
  expect(polls).toEqual({});
});
