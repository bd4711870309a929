import {
  chmodSync,
  chownSync,
  type Dirent,
  type FSWatcher,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  watch,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

import { AtomicWriter, isLeftover, isTemp, readRegular } from "./atomic-write.ts";
import { ApiError } from "./errors.ts";
import { codeOf, fileError } from "./file-error.ts";

/** A file with our name. `path` is relative to conf.d: `ray.d/dd-observe-ray.yaml`. */
export interface ConfdFile {
  readonly path: string;
  readonly text: string;
}

export interface Listing {
  readonly files: readonly ConfdFile[];
  /** Files that have our name but are not ours. They are left as they are. */
  readonly conflicts: readonly { readonly path: string; readonly why: string }[];
}

export interface ConfdOptions {
  /** The Agent's `conf.d`. Must exist. */
  readonly dir: string;
  /** What the names of our files begin with. */
  readonly prefix: string;
  /** Says from its path and text why a file is not ours, or undefined if it is. */
  readonly foreign: (path: string, text: string) => string | undefined;
  /** Told of what a person may want to know but what is no error. */
  readonly onNotice: (message: string) => void;
  /** Refuses every change, and leaves what died processes left. For dry runs. */
  readonly readOnly?: boolean | undefined;
}

const SUFFIX = ".yaml";
/** The Agent loads `.yaml`, `.yml` and `.default` only. */
const KEPT_SUFFIX = ".last-good";
/** The Agent's user owns the folder; others have no business with credentials of checks. */
const FILE_MODE = 0o640;
/** Ten milliseconds of reading at the most between two turns of the event loop. */
const READS_PER_TURN = 500;
/** A temp file lives for milliseconds. One this old is nobody's, even if its process id lives in another container. */
const LEFTOVER_MS = 10 * 60_000;

/**
 * The Agent's conf.d folder as a port. Touches only files with our name whose text
 * `foreign` accepts; everything else stays byte for byte.
 */
export class Confd {
  readonly dir: string;
  readonly #options: ConfdOptions;
  readonly #writer: AtomicWriter;
  #saidChown = false;

  constructor(options: ConfdOptions) {
    this.dir = options.dir;
    this.#options = options;
    this.#writer = new AtomicWriter(options.onNotice);
  }

  /**
   * Reads all our files afresh, and removes the temp files of processes that died.
   *
   * @throws {ApiError} if anything cannot be read: a part would look like deleted files.
   */
  async list(signal: AbortSignal): Promise<Listing> {
    const files: ConfdFile[] = [];
    const conflicts: { path: string; why: string }[] = [];
    let reads = 0;
    signal.throwIfAborted();
    for (const folder of this.#folders()) {
      for (const entry of readFolder(join(this.dir, folder))) {
        if (!entry.name.startsWith(this.#options.prefix)) continue;
        const path = `${folder}/${entry.name}`;
        if (isTemp(entry.name) && this.#options.readOnly !== true) this.#removeLeftover(path, entry.name);
        if (!entry.name.endsWith(SUFFIX)) continue;
        const found = readOurs(join(this.dir, path), entry);
        if (found === undefined) continue;
        const why = "why" in found ? found.why : this.#options.foreign(path, found.text);
        if (why !== undefined) conflicts.push({ path, why });
        else if ("text" in found) files.push({ path, text: found.text });
        // Synchronous reads take a fifth of the time of asynchronous ones, which change threads four times per file.
        if (++reads % READS_PER_TURN === 0) await nextTurn();
        signal.throwIfAborted();
      }
    }
    return { files, conflicts };
  }

  /** @returns undefined if nothing stands there. */
  read(path: string): string | undefined {
    this.#checkFolder(path);
    return readRegular(join(this.dir, path))?.text;
  }

  /** The text that `write` kept beside the file, if any. */
  readKept(path: string): string | undefined {
    return this.read(path + KEPT_SUFFIX);
  }

  /**
   * Puts `text` at `path` at once or not at all. Makes the check's folder if need be,
   * with the owner and mode of conf.d.
   *
   * @param keepIf Keeps the replaced file as `<path>.last-good` if its text is the given one.
   * @returns True if the bytes differed.
   * @throws {ApiError} `conflict` if a file that is not ours, or a link, stands there.
   */
  async write(path: string, text: string, keepIf?: (replaced: string) => boolean): Promise<boolean> {
    this.#mayWrite(`write ${path}`);
    const owner = this.#checkFolder(path) ?? this.#makeFolder(path);
    return this.#writer.write({
      path: join(this.dir, path),
      text,
      owner,
      mode: FILE_MODE,
      refuse: (found) => this.#options.foreign(path, found),
      ...(keepIf === undefined ? {} : { keep: { path: join(this.dir, path + KEPT_SUFFIX), ifText: keepIf } }),
    });
  }

  /**
   * Removes a file of ours and what is kept beside it.
   *
   * @returns Its last text; undefined if it was gone already.
   * @throws {ApiError} `conflict` if it is not ours.
   */
  remove(path: string): string | undefined {
    this.#mayWrite(`remove ${path}`);
    const text = this.read(path);
    if (text !== undefined) {
      const why = this.#options.foreign(path, text);
      if (why !== undefined) throw new ApiError(`remove ${path}`, why, { failure: "conflict" });
      this.#delete(path);
    }
    this.removeKept(path);
    return text;
  }

  removeKept(path: string): void {
    this.#mayWrite(`remove what is kept of ${path}`);
    this.#delete(path + KEPT_SUFFIX);
  }

  /** Reads a file of our own directly in conf.d, such as the manifest, and removes what died processes left of it. */
  readOwn(name: string): string | undefined {
    if (this.#options.readOnly !== true) {
      for (const { name: other } of readFolder(this.dir))
        if (isTemp(other) && other.startsWith(`${name}.`)) this.#removeLeftover(other, other);
    }
    return readRegular(join(this.dir, name))?.text;
  }

  /** Replaces a file of our own directly in conf.d. The name must not end in `.yaml`. */
  async writeOwn(name: string, text: string): Promise<boolean> {
    this.#mayWrite(`write ${name}`);
    return await this.#writer.write({
      path: join(this.dir, name),
      text,
      owner: this.#root(),
      mode: FILE_MODE,
    });
  }

  /**
   * Tells of every change to a file with our name until the signal aborts, our own changes included.
   * A hint that saves waiting for the next resync; where the system cannot watch, nothing is told.
   */
  watch(onChange: (path: string) => void, signal: AbortSignal): void {
    const watchers = new Map<string, FSWatcher>();
    const watchFolder = (folder: string) => {
      watchers.get(folder)?.close();
      watchers.delete(folder);
      const watcher = this.#watchOne(folder, signal, (name) => {
        if (name.startsWith(this.#options.prefix) && name.endsWith(SUFFIX)) onChange(`${folder}/${name}`);
      });
      if (watcher !== undefined) watchers.set(folder, watcher);
    };
    // A folder that was removed and made again needs another watcher.
    this.#watchOne(".", signal, (name, event) => {
      if (event === "rename" && name.endsWith(".d")) watchFolder(name);
    });
    for (const folder of this.#folders()) watchFolder(folder);
  }

  #watchOne(
    folder: string,
    signal: AbortSignal,
    onName: (name: string, event: string) => void,
  ): FSWatcher | undefined {
    const place = join(this.dir, folder);
    const onError = (error: unknown) => {
      if (codeOf(error) !== "ENOENT")
        this.#options.onNotice(
          `${fileError(`watch ${place}`, error).message}. Edits there heal at the next resync.`,
        );
    };
    try {
      const watcher = watch(place, { signal, persistent: false });
      watcher.on("change", (event, name) => onName(String(name), event));
      watcher.on("error", (error) => {
        watcher.close();
        onError(error);
      });
      return watcher;
    } catch (error) {
      onError(error);
      return undefined;
    }
  }

  #mayWrite(tried: string): void {
    if (this.#options.readOnly === true)
      throw new ApiError(tried, "this run only reads", { failure: "rejected" });
  }

  /** Real folders only: the Agent doesn't follow links there either. */
  #folders(): readonly string[] {
    return readFolder(this.dir, true)
      .filter((entry) => entry.isDirectory() && entry.name.endsWith(".d"))
      .map((entry) => entry.name);
  }

  /** @returns The owner of the check's folder, or undefined if there is no folder yet. */
  #checkFolder(path: string): { uid: number; gid: number } | undefined {
    const folder = join(this.dir, path, "..");
    const stats = lstatSync(folder, { throwIfNoEntry: false });
    if (stats === undefined || stats.isDirectory()) return stats;
    throw new ApiError(`use ${folder}`, "it is a link or no folder", {
      failure: "conflict",
      hint: "Replace it by a real folder; neither dd-observe nor the Agent follows links there.",
    });
  }

  #makeFolder(path: string): { uid: number; gid: number } {
    const folder = join(this.dir, path, "..");
    const { mode, uid, gid } = this.#root();
    try {
      mkdirSync(folder);
      chmodSync(folder, mode & 0o7777);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw fileError(`make the folder ${folder}`, error);
    }
    try {
      if (uid !== process.geteuid?.() || gid !== process.getegid?.()) chownSync(folder, uid, gid);
    } catch (error) {
      if (codeOf(error) !== "EPERM") throw fileError(`make the folder ${folder}`, error);
      if (!this.#saidChown)
        this.#options.onNotice(
          `Cannot give ${folder} to user ${uid}, group ${gid}: not permitted. If the Agent cannot read it, run dd-observe as that user, as root or with CAP_CHOWN.`,
        );
      this.#saidChown = true;
    }
    return { uid, gid };
  }

  #root(): { mode: number; uid: number; gid: number } {
    try {
      return statSync(this.dir);
    } catch (error) {
      throw fileError(`use ${this.dir}`, error);
    }
  }

  #delete(path: string): void {
    try {
      rmSync(join(this.dir, path), { force: true });
    } catch (error) {
      throw fileError(`remove ${join(this.dir, path)}`, error);
    }
  }

  #removeLeftover(path: string, name: string): void {
    const stats = lstatSync(join(this.dir, path), { throwIfNoEntry: false });
    if (stats === undefined || !(isLeftover(name) || Date.now() - stats.mtimeMs > LEFTOVER_MS)) return;
    try {
      rmSync(join(this.dir, path), { force: true });
    } catch (error) {
      this.#options.onNotice(fileError(`remove ${join(this.dir, path)}`, error).message);
    }
  }
}

function readFolder(folder: string, mustExist = false): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT" && !mustExist) return [];
    throw fileError(`read ${folder}`, error);
  }
}

function readOurs(path: string, entry: Dirent): { text: string } | { why: string } | undefined {
  if (!entry.isFile()) return { why: "it is a link or no ordinary file" };
  const found = readRegular(path);
  return found === undefined ? undefined : { text: found.text };
}
