import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  for (const file of ["monitors.yaml", "slos.yaml"])
    writeFileSync(path.join(folder, "generic", file), "{}\n");

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
  for (const file of ["monitors.yaml", "slos.yaml"])
    writeFileSync(path.join(folder, "generic", file), "{}\n");

  const packs = openPacks([folder]);

  expect(packs.get("generic")?.monitors).toEqual({});
  expect(packs.size).toBe(loadPacks().size);
});

/** A folder of packs, by path inside it. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), "packs-"));
  folders.push(folder);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

test("a pack of one's own changes the one of its name that comes along", () => {
  const folder = folderOf({
    "ray/pack.yaml":
      "name: ray\nextends: ray\noptions: {minCollectionInterval: {default: 60}, timeout: null}\n",
    "ray/monitors.yaml": "object-store-pressure: {critical: 0.5}\nnode-cpu: null\n",
  });
  const before = loadPacks().get("ray")!;

  const after = openPacks([folder]).get("ray")!;

  expect(after.options["minCollectionInterval"]).toEqual({
    ...before.options["minCollectionInterval"],
    default: 60,
  });
  expect(Object.keys(after.options)).not.toContain("timeout");
  expect(after.monitors["object-store-pressure"]).toEqual({
    ...before.monitors["object-store-pressure"],
    critical: 0.5,
  });
  expect(Object.keys(after.monitors)).not.toContain("node-cpu");
  expect(after.dashboards).toEqual(before.dashboards);
  expect(after.origin).toEqual({
    isBuiltIn: false,
    folders: [path.join(BUILT_IN_PACKS, "ray"), path.join(folder, "ray")],
  });
});

test("a pack can extend one that itself extends another, as the last folder has it", () => {
  const first = folderOf({ "ray/pack.yaml": "name: ray\nextends: ray\ntitle: Our Ray\n" });
  const second = folderOf({
    "ray/pack.yaml": "name: ray\nextends: ray\ndescription: Ours.\n",
    "ray-batch/pack.yaml": "name: ray-batch\nextends: ray\n",
  });

  const packs = loadPacks([BUILT_IN_PACKS, first, second]);

  expect(packs.get("ray")).toMatchObject({ title: "Our Ray", description: "Ours.", check: "ray" });
  expect(packs.get("ray-batch")).toMatchObject({ name: "ray-batch", title: "Our Ray", description: "Ours." });
});

test("a pack that sends by itself can extend one with a check", () => {
  const folder = folderOf({
    "pusher/pack.yaml": "name: pusher\nextends: generic\ncheck: null\nserviceChecks: []\n",
  });

  const pusher = openPacks([folder]).get("pusher");

  expect(pusher?.title).toBe(loadPacks().get("generic")?.title);
  expect(pusher?.check).toBeUndefined();
  expect(pusher?.conf).toBeUndefined();
});

test.for([
  [
    "a name that no pack has",
    { "mine/pack.yaml": "name: mine\nextends: rey\n" },
    /mine\/pack\.yaml:2:1: extends names no pack: rey; did you mean ray\?/,
  ],
  [
    "its own name, where nothing comes before it",
    { "mine/pack.yaml": "name: mine\nextends: mine\n" },
    /mine\/pack\.yaml:2:1: extends its own name, mine, but no pack of that name comes before it/,
  ],
  [
    "one that extends it",
    { "a/pack.yaml": "name: a\nextends: b\n", "b/pack.yaml": "name: b\nextends: a\n" },
    /a\/pack\.yaml:2:1: extends goes round in a circle|extends goes round in a circle: (a extends b extends a|b extends a extends b)/,
  ],
  ["ray, and keeps its name", { "mine/pack.yaml": "extends: ray\n" }, /name is ray, but the folder is mine/],
  [
    "ray, with a query that isn't narrowed",
    {
      "ray/pack.yaml": "name: ray\nextends: ray\n",
      "ray/monitors.yaml": "\nobject-store-pressure:\n  query: 'avg(last_5m):avg:a.b{*} > ${critical}'\n",
    },
    /ray\/monitors\.yaml:3:3: object-store-pressure\.query must be narrowed/,
  ],
  [
    "ray, and hands out what no wish may set",
    {
      "ray/pack.yaml":
        "name: ray\nextends: ray\noptions:\n  x: {option: tls_ca_cert, type: text, description: d}\n",
    },
    /ray\/pack\.yaml:4:3: options\.x hands tls_ca_cert to a wish, which is never allowed/,
  ],
  [
    "ray, and takes away an option that its monitors need",
    {
      "mine/pack.yaml": "name: mine\nextends: consul\noptions: {selfLeaderCheck: null}\n",
    },
    /packs\/consul\/monitors\.yaml:\d+:3: no-leader\.needs names no option of the pack: selfLeaderCheck/,
  ],
] as const)("a pack that extends %s stops the start, with the right file and line", ([, files, message]) => {
  expect(() => openPacks([folderOf(files)])).toThrow(message);
});
