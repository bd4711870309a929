import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterEach, expect, test } from "vitest";

import { BUILT_IN_PACKS, loadPacks, openPacks } from "./packs.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A folder with a copy of one built-in pack, under the same or another name. */
function folderWith(pack: string, name = pack): string {
  const folder = mkdtempSync(path.join(tmpdir(), "packs-"));
  folders.push(folder);
  cpSync(path.join(BUILT_IN_PACKS, pack), path.join(folder, name), { recursive: true });
  return folder;
}

test("every pack that comes along is whole", () => {
  expect([...loadPacks().keys()]).toEqual(expect.arrayContaining(["consul", "generic", "ray"]));
});

test("a later folder's pack replaces an earlier one of the same name", () => {
  const folder = folderWith("generic");
  writeFileSync(path.join(folder, "generic", "monitors.yaml"), "{}\n");

  const packs = loadPacks([BUILT_IN_PACKS, folder]);

  expect(packs.get("generic")?.monitors).toEqual({});
  expect(packs.get("ray")?.name).toBe("ray");
});

test("a broken pack stops the start, with file, line and all that is wrong", () => {
  const folder = folderWith("ray", "mine");
  writeFileSync(path.join(folder, "mine", "monitors.yaml"), "down:\n  nam: x\n");

  expect(() => loadPacks([folder])).toThrow(
    /monitors\.yaml:2:3: down\.nam is not a field; did you mean name\?/,
  );
});

test("a pack's SLOs and sections of dashboards are read, and what is wrong in them stops the start", () => {
  const folder = folderWith("generic");
  const write = (file: string, text: string): void => writeFileSync(path.join(folder, "generic", file), text);
  write("slos.yaml", "up: {name: Up, summary: s, type: monitor, monitors: [endpoint-down], target: 99}\n");
  write("dashboards.yaml", "all: {title: All, section: Generic, widgets: [{definition: {type: note}}]}\n");

  const pack = loadPacks([folder]).get("generic");

  expect(pack?.slos).toMatchObject({ up: { target: 99 } });
  expect(pack?.dashboards).toMatchObject({ all: { section: "Generic", order: 100, per: "pack" } });

  write("slos.yaml", "up: {name: Up, summary: s, type: monitor, monitors: [endpoint-dwn], target: 99}\n");
  expect(() => loadPacks([folder])).toThrow(
    "the pack has no monitor endpoint-dwn; did you mean endpoint-down?",
  );
});

test("a pack that is named otherwise than its folder stops the start", () => {
  expect(() => loadPacks([folderWith("ray", "mine")])).toThrow("name is ray, but the folder is mine");
});

test("packs that are read on demand are the same, in the same order", () => {
  const onDemand = openPacks([]);

  expect(onDemand.get("ray")).toEqual(loadPacks().get("ray"));
  expect(onDemand.has("no-such-pack")).toBe(false);
  expect(onDemand.get("no-such-pack")).toBeUndefined();
  expect([...onDemand]).toEqual([...loadPacks()]);
});

test("a pack of one's own replaces one that is read on demand", () => {
  const folder = folderWith("generic");
  writeFileSync(path.join(folder, "generic", "monitors.yaml"), "{}\n");

  const packs = openPacks([folder]);

  expect(packs.get("generic")?.monitors).toEqual({});
  expect(packs.size).toBe(loadPacks().size);
});
