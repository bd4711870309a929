import path from "node:path";

import type { z } from "zod";

import type { Parsed } from "../../crds/document.ts";
import { readLayers } from "../../crds/layers.ts";
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
import type { PackFile } from "../../crds/pack-fault.ts";
import { formatProblem, type Problem } from "../../crds/problem.ts";
import { hasFile, SHIPPED } from "../shipped.ts";
import {
  foldersOf,
  packFolders,
  readFiles,
  readLayeredFile,
  type LayeredFiles,
  type PackFolders,
} from "./pack-folders.ts";

export const BUILT_IN_PACKS = path.join(SHIPPED, "packs");

/**
 * Reads every pack of some folders: `<dir>/<name>/{pack,conf,monitors,slos,dashboards,metrics}.yaml`. A later
 * folder's pack stands in the place of an earlier one of the same name, or changes it if it extends it.
 *
 * @throws {Error} if a pack is broken: a fault of the installation, so the process doesn't start with half of them.
 */
export function loadPacks(dirs: readonly string[] = [BUILT_IN_PACKS]): ReadonlyMap<string, Pack> {
  const folders = packFolders(dirs);
  return new Map([...folders].map(([name, own]) => [name, loadPack(own.at(-1)!, folders)]));
}

/**
 * The packs that come along, and those of further folders. The first are read when they are first asked
 * for: they are tested, a process needs few of them, and all of them take a fifth of its start.
 *
 * @throws {Error} if a pack of a further folder is broken.
 */
export function openPacks(dirs: readonly string[]): ReadonlyMap<string, Pack> {
  const folders = packFolders([BUILT_IN_PACKS, ...dirs]);
  const packs = new PacksOnDemand(folders);
  for (const [name, own] of folders) if (!isBuiltIn(own.at(-1)!)) packs.get(name);
  return packs;
}

function isBuiltIn(dir: string): boolean {
  return path.dirname(dir) === BUILT_IN_PACKS;
}

class PacksOnDemand implements ReadonlyMap<string, Pack> {
  readonly #folders: PackFolders;
  readonly #read = new Map<string, Pack>();

  constructor(folders: PackFolders) {
    this.#folders = folders;
  }

  get size(): number {
    return this.#folders.size;
  }

  has(name: string): boolean {
    return this.#folders.has(name);
  }

  get(name: string): Pack | undefined {
    const dir = this.#folders.get(name)?.at(-1);
    if (dir === undefined) return undefined;
    let pack = this.#read.get(name);
    if (pack === undefined) {
      pack = isBuiltIn(dir) ? readBuiltIn(dir, this.#folders) : loadPack(dir, this.#folders);
      this.#read.set(name, pack);
    }
    return pack;
  }

  keys(): MapIterator<string> {
    return this.#folders.keys();
  }

  *values(): MapIterator<Pack> {
    for (const name of this.#folders.keys()) yield this.get(name)!;
  }

  *entries(): MapIterator<[string, Pack]> {
    for (const name of this.#folders.keys()) yield [name, this.get(name)!];
  }

  [Symbol.iterator](): MapIterator<[string, Pack]> {
    return this.entries();
  }

  forEach(visit: (pack: Pack, name: string, packs: ReadonlyMap<string, Pack>) => void): void {
    for (const [name, pack] of this) visit(pack, name, this);
  }
}

function loadPack(dir: string, folders: PackFolders): Pack {
  return orThrow(dir, readPack(dir, folders));
}

function orThrow<Value>(dir: string, parsed: Parsed<Value>): Value {
  if (parsed.ok) return parsed.value;
  const problems = parsed.problems.map((problem) => formatProblem(problem)).join("\n  ");
  throw new Error(`Cannot load pack ${path.basename(dir)}:\n  ${problems}`);
}

/**
 * A pack that comes along. Its dashboards and its table of metrics are most of its text, and no node needs them: they are
 * read when they are first asked for. Whether its files fit one another, tests have seen.
 */
function readBuiltIn(dir: string, folders: PackFolders): Pack {
  const dirs = orThrow(dir, foldersOf(dir, folders));
  const read = <Schema extends z.ZodType>(name: PackFile, schema: Schema): z.output<Schema> =>
    orThrow(dir, readLayers(orThrow(dir, readLayeredFile(dirs, name)).layers, schema));
  const manifest = read("pack.yaml", packManifest);
  const pack = packOf({
    manifest,
    conf: manifest.check === undefined ? undefined : read("conf.yaml", packConf),
    monitors: read("monitors.yaml", packMonitors),
    slos: read("slos.yaml", packSlos),
    dashboards: {},
    metrics: { metrics: {}, others: {}, asked: {} },
  });
  let dashboards: Pack["dashboards"] | undefined;
  let metrics: Pack["metrics"] | undefined;
  return {
    ...pack,
    get dashboards() {
      return (dashboards ??= read("dashboards.yaml", packDashboards));
    },
    get metrics() {
      return (metrics ??= read("metrics.yaml", packMetrics));
    },
    origin: { isBuiltIn: true, folders: dirs },
  };
}

/**
 * Reads the pack of one folder, and those that it extends. Problems carry the file as their owner.
 *
 * @param folders Where packs are that it may extend.
 */
export function readPack(dir: string, folders: PackFolders = packFolders([BUILT_IN_PACKS])): Parsed<Pack> {
  const dirs = foldersOf(dir, folders);
  if (!dirs.ok) return dirs;
  const read = readFiles(dirs.value);
  if (!read.ok) return read;
  const { files, found } = read.value;
  const manifest = readLayers(files["pack.yaml"], packManifest);
  const conf = found.has("conf.yaml") ? readLayers(files["conf.yaml"], packConf) : undefined;
  const monitors = readLayers(files["monitors.yaml"], packMonitors);
  const slos = readLayers(files["slos.yaml"], packSlos);
  const dashboards = readLayers(files["dashboards.yaml"], packDashboards);
  const metrics = readLayers(files["metrics.yaml"], packMetrics);
  const parts = [manifest, conf, monitors, slos, dashboards, metrics];
  const problems = parts.flatMap((part) => (part?.ok === false ? part.problems : []));
  if (!manifest.ok || conf?.ok === false || !monitors.ok || !slos.ok || !dashboards.ok || !metrics.ok)
    return { ok: false, problems };

  // Whoever takes the check away from an extended pack has no way to take its file away as well.
  const hasConf = manifest.value.check !== undefined || hasFile(path.join(dir, "conf.yaml"));
  const pack: Pack = {
    ...packOf({
      manifest: manifest.value,
      conf: hasConf ? conf?.value : undefined,
      monitors: monitors.value,
      slos: slos.value,
      dashboards: dashboards.value,
      metrics: metrics.value,
    }),
    origin: { isBuiltIn: isBuiltIn(path.resolve(dir)), folders: dirs.value },
  };
  const faults = inconsistencies(pack, dir, files);
  return faults.length > 0 ? { ok: false, problems: faults } : { ok: true, value: pack };
}

function inconsistencies(pack: Pack, dir: string, files: LayeredFiles["files"]): readonly Problem[] {
  const problems = packFaults(pack).map(({ file, path: place, message }) =>
    files[file].locate({ reason: "PackInvalid", path: place, message }),
  );
  const folder = path.basename(path.resolve(dir));
  if (pack.name === folder) return problems;
  const message = `name is ${pack.name}, but the folder is ${folder}`;
  return [...problems, files["pack.yaml"].locate({ reason: "InvalidName", path: "name", message })];
}
