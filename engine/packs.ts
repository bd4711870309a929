import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { readDocument, type Parsed } from "../crds/document.ts";
import { packFaults } from "../crds/pack-check.ts";
import { packConf, packManifest, packMonitors, type Pack } from "../crds/pack.ts";
import { formatProblem, type Problem } from "../crds/problem.ts";

export const BUILT_IN_PACKS = path.join(import.meta.dirname, "..", "packs");

/**
 * Reads every pack of some folders: `<dir>/<name>/{pack,conf,monitors}.yaml`. A later folder's pack replaces an earlier one of the same name.
 *
 * @throws {Error} if a pack is broken: a fault of the installation, so the process doesn't start with half of them.
 */
export function loadPacks(dirs: readonly string[] = [BUILT_IN_PACKS]): ReadonlyMap<string, Pack> {
  const packs = new Map<string, Pack>();
  for (const dir of dirs) {
    const names = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const pack = readPack(path.join(dir, name));
      if (!pack.ok)
        throw new Error(
          `Cannot load pack ${name}:\n  ${pack.problems.map((problem) => formatProblem(problem)).join("\n  ")}`,
        );
      packs.set(name, pack.value);
    }
  }
  return packs;
}

/** Reads one pack's folder. Problems carry the file as their owner. */
export function readPack(dir: string): Parsed<Pack> {
  const manifest = readFile(dir, "pack.yaml", packManifest);
  const conf = readFile(dir, "conf.yaml", packConf);
  const monitors = readFile(dir, "monitors.yaml", packMonitors);
  if (!manifest.ok || !conf.ok || !monitors.ok) {
    return {
      ok: false,
      problems: [manifest, conf, monitors].flatMap((part) => (part.ok ? [] : part.problems)),
    };
  }
  const pack: Pack = { ...manifest.value, conf: conf.value, monitors: monitors.value };
  const problems = inconsistencies(pack, dir);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: pack };
}

function readFile<Schema extends Parameters<typeof readDocument>[2]>(
  dir: string,
  name: string,
  schema: Schema,
): ReturnType<typeof readDocument<Schema>> {
  const file = path.join(dir, name);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && name === "monitors.yaml") text = "{}";
    else return { ok: false, problems: [{ owner: file, reason: "Unreadable", message: String(error) }] };
  }
  return readDocument(file, text, schema);
}

function inconsistencies(pack: Pack, dir: string): readonly Problem[] {
  const problems: Problem[] = packFaults(pack).map(({ file, path: place, message }) => ({
    owner: path.join(dir, file),
    reason: "PackInvalid",
    path: place,
    message,
  }));
  const folder = path.basename(dir);
  if (pack.name !== folder) {
    const message = `name is ${pack.name}, but the folder is ${folder}`;
    problems.push({ owner: path.join(dir, "pack.yaml"), reason: "InvalidName", path: "name", message });
  }
  return problems;
}
