import path from "node:path";

import { type Parsed } from "../../crds/document.ts";
import { layered, type Layered, type LayerText } from "../../crds/layers.ts";
import { PACK_FILES, type PackFile } from "../../crds/pack-fault.ts";
import type { Problem } from "../../crds/problem.ts";
import { didYouMean } from "../../crds/suggest.ts";
import { PACK_FILE_LIMITS, readYaml } from "../../crds/yaml-text.ts";
import { foldersIn, hasFile, readTextFile } from "../shipped.ts";

/** Folders of packs by the pack's name. A later one stands over an earlier one of its name. */
export type PackFolders = ReadonlyMap<string, readonly string[]>;

export function packFolders(roots: readonly string[]): PackFolders {
  const folders = new Map<string, string[]>();
  for (const root of roots) {
    for (const name of packNames(root))
      folders.set(name, [...(folders.get(name) ?? []), path.resolve(root, name)]);
  }
  return folders;
}

export function packNames(root: string): readonly string[] {
  return foldersIn(root);
}

/** The folders that a pack is put together from, the lowest first, and its own last. */
export function foldersOf(dir: string, folders: PackFolders): Parsed<readonly string[]> {
  const chain = [path.resolve(dir)];
  for (;;) {
    const lowest = chain[0]!;
    const extended = extendsOf(lowest);
    if (extended === undefined) return { ok: true, value: chain };
    const base = baseOf(lowest, extended, folders);
    const wrong = (message: string): Parsed<never> => ({
      ok: false,
      problems: [wrongExtends(lowest, message)],
    });
    if (base === undefined) {
      const isOwn = extended === path.basename(lowest);
      return wrong(
        isOwn
          ? `extends its own name, ${extended}, but no pack of that name comes before it`
          : `extends names no pack: ${extended}${didYouMean(extended, folders.keys())}`,
      );
    }
    if (chain.includes(base)) {
      const names = [base, ...chain.slice(0, chain.indexOf(base) + 1)].map((one) => path.basename(one));
      return wrong(`extends goes round in a circle: ${names.toReversed().join(" extends ")}`);
    }
    chain.unshift(base);
  }
}

/** Of the same name: the pack that this one stands over. Of another name: the uppermost one. */
function baseOf(dir: string, extended: string, folders: PackFolders): string | undefined {
  const all = folders.get(extended) ?? [];
  const at = extended === path.basename(dir) ? all.indexOf(dir) : -1;
  return at === -1 ? all.at(-1) : all[at - 1];
}

/** What a manifest that can't be read extends, nobody knows; what is wrong with it is told when it is read as a whole. */
function extendsOf(dir: string): string | undefined {
  const file = path.join(dir, "pack.yaml");
  if (!hasFile(file)) return undefined;
  const yaml = readYaml(file, readTextFile(file), PACK_FILE_LIMITS);
  const value: unknown = "reason" in yaml ? undefined : yaml.value;
  const extended =
    typeof value === "object" && value !== null && "extends" in value ? value.extends : undefined;
  return typeof extended === "string" ? extended : undefined;
}

function wrongExtends(dir: string, message: string): Problem {
  const owner = path.join(dir, "pack.yaml");
  const yaml = readYaml(owner, readTextFile(owner), PACK_FILE_LIMITS);
  const at = "reason" in yaml ? undefined : yaml.find("extends");
  return { owner, reason: "UnknownPack", path: "extends", message, ...(at === undefined ? {} : { at }) };
}

/** The files of a pack, each put together from all of its folders. One that no folder has is empty. */
export interface LayeredFiles {
  readonly files: Readonly<Record<PackFile, Layered>>;
  /** Files that stand in at least one folder. */
  readonly found: ReadonlySet<PackFile>;
}

/** @param dirs The lowest first. */
export function readFiles(dirs: readonly string[]): Parsed<LayeredFiles> {
  const problems: Problem[] = [];
  const files: Partial<Record<PackFile, Layered>> = {};
  const found = new Set<PackFile>();
  for (const name of PACK_FILES) {
    const file = readLayeredFile(dirs, name);
    if (!file.ok) problems.push(...file.problems);
    else {
      files[name] = file.value.layers;
      if (file.value.isFound) found.add(name);
    }
  }
  if (problems.length > 0) return { ok: false, problems };
  // Every name has its file, or else there is a problem.
  return { ok: true, value: { files: files as LayeredFiles["files"], found } };
}

/** One file of a pack, put together from all of its folders, the lowest first. */
export function readLayeredFile(
  dirs: readonly string[],
  name: PackFile,
): Parsed<{ readonly layers: Layered; readonly isFound: boolean }> {
  const problems: Problem[] = [];
  const texts = dirs.flatMap((dir) => readText(path.join(dir, name), name !== "pack.yaml", problems));
  const isFound = texts.length > 0;
  const layers = layered(
    isFound ? texts : [{ owner: path.join(dirs.at(-1)!, name), text: "{}" }],
    PACK_FILE_LIMITS,
  );
  if (!layers.ok) problems.push(...layers.problems);
  return layers.ok && problems.length === 0
    ? { ok: true, value: { layers: layers.value, isFound } }
    : { ok: false, problems };
}

function readText(file: string, isOptional: boolean, problems: Problem[]): readonly LayerText[] {
  try {
    return [{ owner: file, text: readTextFile(file) }];
  } catch (error) {
    if (!isOptional || (error as NodeJS.ErrnoException).code !== "ENOENT")
      problems.push({ owner: file, reason: "Unreadable", message: `cannot be read: ${String(error)}` });
    return [];
  }
}
