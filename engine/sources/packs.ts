import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { PACK_FILE_LIMITS, readDocument, type Parsed } from "../../crds/document.ts";
import { packFaults } from "../../crds/pack-check.ts";
import {
  packConf,
  packDashboards,
  packManifest,
  packMetrics,
  packMonitors,
  packOf,
  packSlos,
  type Pack,
} from "../../crds/pack.ts";
import { formatProblem, type Problem } from "../../crds/problem.ts";

export const BUILT_IN_PACKS = path.join(import.meta.dirname, "..", "..", "packs");

/**
 * Reads every pack of some folders: `<dir>/<name>/{pack,conf,monitors,slos,dashboards,metrics}.yaml`. A later folder's pack replaces an earlier one of the same name.
 *
 * @throws {Error} if a pack is broken: a fault of the installation, so the process doesn't start with half of them.
 */
export function loadPacks(dirs: readonly string[] = [BUILT_IN_PACKS]): ReadonlyMap<string, Pack> {
  const packs = new Map<string, Pack>();
  for (const dir of dirs) {
    for (const name of packNames(dir)) packs.set(name, loadPack(path.join(dir, name)));
  }
  return packs;
}

/**
 * The packs that come along, and those of further folders. The first are read when they are first asked
 * for: they are tested, a process needs few of them, and all of them take a fifth of its start.
 *
 * @throws {Error} if a pack of a further folder is broken.
 */
export function openPacks(dirs: readonly string[]): ReadonlyMap<string, Pack> {
  return new PacksOnDemand(packNames(BUILT_IN_PACKS), loadPacks(dirs));
}

class PacksOnDemand implements ReadonlyMap<string, Pack> {
  readonly #names: ReadonlySet<string>;
  readonly #read: Map<string, Pack>;

  constructor(builtIn: readonly string[], further: ReadonlyMap<string, Pack>) {
    this.#names = new Set([...builtIn, ...further.keys()]);
    this.#read = new Map(further);
  }

  get size(): number {
    return this.#names.size;
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  get(name: string): Pack | undefined {
    if (!this.#names.has(name)) return undefined;
    let pack = this.#read.get(name);
    if (pack === undefined) {
      pack = loadPack(path.join(BUILT_IN_PACKS, name));
      this.#read.set(name, pack);
    }
    return pack;
  }

  keys(): MapIterator<string> {
    return this.#names.keys();
  }

  *values(): MapIterator<Pack> {
    for (const name of this.#names) yield this.get(name)!;
  }

  *entries(): MapIterator<[string, Pack]> {
    for (const name of this.#names) yield [name, this.get(name)!];
  }

  [Symbol.iterator](): MapIterator<[string, Pack]> {
    return this.entries();
  }

  forEach(visit: (pack: Pack, name: string, packs: ReadonlyMap<string, Pack>) => void): void {
    for (const [name, pack] of this) visit(pack, name, this);
  }
}

function packNames(dir: string): readonly string[] {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort((a, b) => (a < b ? -1 : 1));
}

function loadPack(dir: string): Pack {
  const pack = readPack(dir);
  if (pack.ok) return pack.value;
  const problems = pack.problems.map((problem) => formatProblem(problem)).join("\n  ");
  throw new Error(`Cannot load pack ${path.basename(dir)}:\n  ${problems}`);
}

/** A pack without one of these brings none. */
const OPTIONAL_FILES: ReadonlySet<string> = new Set([
  "conf.yaml",
  "monitors.yaml",
  "slos.yaml",
  "dashboards.yaml",
  "metrics.yaml",
]);

/** Reads one pack's folder. Problems carry the file as their owner. */
export function readPack(dir: string): Parsed<Pack> {
  const manifest = readFile(dir, "pack.yaml", packManifest);
  const conf = existsSync(path.join(dir, "conf.yaml")) ? readFile(dir, "conf.yaml", packConf) : undefined;
  const monitors = readFile(dir, "monitors.yaml", packMonitors);
  const slos = readFile(dir, "slos.yaml", packSlos);
  const dashboards = readFile(dir, "dashboards.yaml", packDashboards);
  const metrics = readFile(dir, "metrics.yaml", packMetrics);
  if (!manifest.ok || conf?.ok === false || !monitors.ok || !slos.ok || !dashboards.ok || !metrics.ok) {
    const parts = [manifest, conf, monitors, slos, dashboards, metrics];
    return { ok: false, problems: parts.flatMap((part) => (part?.ok === false ? part.problems : [])) };
  }
  const pack = packOf({
    manifest: manifest.value,
    conf: conf?.value,
    monitors: monitors.value,
    slos: slos.value,
    dashboards: dashboards.value,
    metrics: metrics.value,
  });
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
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && OPTIONAL_FILES.has(name)) text = "{}";
    else return { ok: false, problems: [{ owner: file, reason: "Unreadable", message: String(error) }] };
  }
  return readDocument(file, text, schema, PACK_FILE_LIMITS);
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
