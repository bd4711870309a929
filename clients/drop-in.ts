import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { AtomicWriter, isLeftover, isTemp, readRegular } from "./atomic-write.ts";
import { ApiError, toError } from "./errors.ts";
import { codeOf, fileError } from "./file-error.ts";

export interface DropInOptions {
  /** The folder that another program reads its configuration from. */
  readonly dir: string;
  /** The name of our one file there. */
  readonly name: string;
  /** Says from its text why a file of that name is not ours, or undefined if it is. */
  readonly foreign: (text: string) => string | undefined;
  readonly onNotice: (message: string) => void;
  /** Refuses every change. For dry runs. */
  readonly readOnly?: boolean | undefined;
}

/** Nomad reads `.hcl` and `.json` only. */
const KEPT_SUFFIX = ".last-good";
const REFUSED_SUFFIX = ".refused";
const FILE_MODE = 0o644;

/** Another file of the folder. */
export interface OtherFile {
  readonly name: string;
  readonly text: string;
}

export interface OtherFiles {
  readonly files: readonly OtherFile[];
  readonly unreadable: readonly { readonly name: string; readonly why: string }[];
}

/** One file of ours among a program's configuration. Nothing else there is ever written. */
export class DropIn {
  readonly path: string;
  readonly #options: DropInOptions;
  readonly #writer: AtomicWriter;

  constructor(options: DropInOptions) {
    this.path = join(options.dir, options.name);
    this.#options = options;
    this.#writer = new AtomicWriter(options.onNotice);
  }

  /**
   * @returns undefined if nothing of that name is there.
   * @throws {ApiError} `conflict` if it is not ours.
   */
  read(): string | undefined {
    const text = readRegular(this.path)?.text;
    const why = text === undefined ? undefined : this.#options.foreign(text);
    if (why !== undefined)
      throw new ApiError(`use ${this.path}`, why, {
        failure: "conflict",
        hint: "Move that file away; dd-observe needs its name.",
      });
    return text;
  }

  /** The text that `write` kept beside the file, if any. */
  readKept(): string | undefined {
    return readRegular(this.path + KEPT_SUFFIX)?.text;
  }

  /** Every other file that the program reads, in the order of their names, and what dead processes left is removed. */
  others(): OtherFiles {
    const files: OtherFile[] = [];
    const unreadable: { name: string; why: string }[] = [];
    for (const name of this.#names()) {
      if (
        this.#options.readOnly !== true &&
        name.startsWith(this.#options.name) &&
        isTemp(name) &&
        isLeftover(name)
      )
        this.#delete(join(this.#options.dir, name));
      if (name === this.#options.name || !isLoaded(name)) continue;
      try {
        const path = join(this.#options.dir, name);
        if (!statSync(path).isDirectory()) files.push({ name, text: readFileSync(path, "utf8") });
      } catch (error) {
        if (codeOf(error) !== "ENOENT") unreadable.push({ name, why: toError(error).message });
      }
    }
    return { files, unreadable };
  }

  /**
   * Puts `text` in place at once or not at all.
   *
   * @param keepIf Keeps the replaced file as `<name>.last-good` if its text is the given one.
   * @returns True if the bytes differed.
   */
  async write(text: string, keepIf?: (replaced: string) => boolean): Promise<boolean> {
    this.#mayWrite(`write ${this.path}`);
    const owner = this.#folder();
    return await this.#writer.write({
      path: this.path,
      text,
      owner,
      mode: FILE_MODE,
      refuse: (found) => this.#options.foreign(found),
      ...(keepIf === undefined ? {} : { keep: { path: this.path + KEPT_SUFFIX, ifText: keepIf } }),
    });
  }

  /** Puts the kept text back, or takes the file away if none is kept, and remembers the text that it replaces. */
  async goBack(): Promise<void> {
    const refused = this.read();
    const kept = this.readKept();
    this.#mayWrite(`go back from ${this.path}`);
    if (refused === undefined) return;
    const owner = this.#folder();
    await this.#writer.write({ path: this.path + REFUSED_SUFFIX, text: refused, owner, mode: FILE_MODE });
    if (kept === undefined) this.#delete(this.path);
    else await this.write(kept);
  }

  /** True for a text that was gone back from. */
  isRefused(text: string): boolean {
    return readRegular(this.path + REFUSED_SUFFIX)?.text === text;
  }

  /** Removes our file and what is kept beside it. What is gone already is no failure. */
  remove(): void {
    this.#mayWrite(`remove ${this.path}`);
    if (this.read() !== undefined) this.#delete(this.path);
    this.#delete(this.path + KEPT_SUFFIX);
    this.#delete(this.path + REFUSED_SUFFIX);
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#options.dir).sort();
    } catch (error) {
      if (codeOf(error) === "ENOENT") return [];
      throw fileError(`read ${this.#options.dir}`, error);
    }
  }

  #folder(): { readonly uid: number; readonly gid: number } {
    try {
      return statSync(this.#options.dir);
    } catch (error) {
      throw fileError(`use ${this.#options.dir}`, error);
    }
  }

  #delete(path: string): void {
    try {
      rmSync(path, { force: true });
    } catch (error) {
      throw fileError(`remove ${path}`, error);
    }
  }

  #mayWrite(tried: string): void {
    if (this.#options.readOnly === true)
      throw new ApiError(tried, "this run only reads", { failure: "rejected" });
  }
}

/** As Nomad chooses: two endings, and no files of editors. Hidden ones are read. */
function isLoaded(name: string): boolean {
  return /\.(?:hcl|json)$/.test(name) && !name.startsWith(".#") && !/^#.*#$/.test(name);
}
