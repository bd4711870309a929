import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { promisify } from "node:util";

import { ApiError } from "./errors.ts";
import { codeOf, fileError } from "./file-error.ts";

/** Larger than any file that we write; what is larger is not ours. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Marks the temp files of this process: process ids repeat, above all in containers. */
const RUN = randomBytes(4).toString("hex");
const TEMP = /\.tmp-(\d{1,10})-([0-9a-f]{8})-\d+$/;

export interface Found {
  readonly text: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface WriteRequest {
  /** Absolute. Its folder exists and is no link. */
  readonly path: string;
  readonly text: string;
  /** Owner and mode of a file that doesn't exist yet. An existing file keeps its own. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly mode: number;
  /** Asked before an existing file is replaced. Returns why it must not be, or undefined. */
  readonly refuse?: (text: string) => string | undefined;
  /** Keeps the replaced file under this name if its text is the given one. */
  readonly keep?: { readonly path: string; readonly ifText: (text: string) => boolean };
}

interface Pending {
  readonly request: WriteRequest;
  readonly resolve: (changed: boolean) => void;
  readonly reject: (error: ApiError) => void;
}

interface Staged extends Pending {
  readonly fd: number;
  readonly temp: string;
}

const fsyncFile = promisify(fsync);

/**
 * Replaces files so that a reader sees the old or the new text, never a part, whatever happens.
 *
 * Writes that come in the same turn are made as one batch: all temp files, then their
 * fsyncs at the same time, then all renames. Only the fsync leaves the main thread,
 * since each change of threads costs more than the other calls together.
 */
export class AtomicWriter {
  readonly #onNotice: (message: string) => void;
  #pending: Pending[] = [];
  #count = 0;
  #saidChown = false;

  /** @param onNotice Told once if the owner of a file cannot be set. */
  constructor(onNotice: (message: string) => void) {
    this.#onNotice = onNotice;
  }

  /**
   * @returns True if the bytes differed and were written.
   * @throws {ApiError} `conflict` if `refuse` says so or a link stands there; else as `fileError`.
   */
  write(request: WriteRequest): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ request, resolve, reject });
      if (this.#pending.length === 1) queueMicrotask(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    const staged: Staged[] = [];
    for (const pending of batch) {
      const one = this.#stage(pending);
      if (one !== undefined) staged.push(one);
    }
    // A thread of its own doesn't pay for one or two files.
    if (staged.length < 3)
      for (const one of staged)
        this.#finish(
          one,
          attempt(() => fsyncSync(one.fd)),
        );
    else {
      const synced = await Promise.allSettled(staged.map((one) => fsyncFile(one.fd)));
      staged.forEach((one, at) => {
        const outcome = synced[at];
        this.#finish(one, outcome?.status === "rejected" ? toFailure(outcome.reason) : undefined);
      });
    }
  }

  #stage(pending: Pending): Staged | undefined {
    const { request, resolve, reject } = pending;
    const temp = this.#tempFor(request.path);
    let fd: number | undefined;
    try {
      const found = readRegular(request.path);
      if (found !== undefined) {
        if (found.text === request.text) {
          resolve(false);
          return undefined;
        }
        const refusal = request.refuse?.(found.text);
        if (refusal !== undefined) throw refused(request.path, refusal);
        if (request.keep?.ifText(found.text) === true) this.#keep(request.path, request.keep.path);
      }
      fd = openSync(temp, "wx", 0o600);
      this.#setOwner(fd, found ?? request.owner, request.path);
      fchmodSync(fd, found?.mode ?? request.mode);
      writeFileSync(fd, request.text);
      return { ...pending, fd, temp };
    } catch (error) {
      if (fd !== undefined) {
        closeSync(fd);
        removeTemp(temp);
      }
      reject(fileError(`write ${request.path}`, error));
      return undefined;
    }
  }

  #finish({ request, resolve, reject, fd, temp }: Staged, failure: { error: unknown } | undefined): void {
    try {
      closeSync(fd);
      if (failure !== undefined) throw failure.error;
      renameSync(temp, request.path);
      resolve(true);
    } catch (error) {
      removeTemp(temp);
      reject(fileError(`write ${request.path}`, error));
    }
  }

  /** A second name for the file that is about to be replaced. Costs no copy where the file system has links. */
  #keep(path: string, kept: string): void {
    const temp = this.#tempFor(kept);
    try {
      linkSync(path, temp);
    } catch (error) {
      if (codeOf(error) === "ENOSPC" || codeOf(error) === "EROFS") throw error;
      copyFileSync(path, temp, constants.COPYFILE_EXCL);
    }
    renameSync(temp, kept);
  }

  #tempFor(path: string): string {
    return `${path}.tmp-${process.pid}-${RUN}-${this.#count++}`;
  }

  #setOwner(fd: number, { uid, gid }: WriteRequest["owner"], path: string): void {
    if (uid === process.geteuid?.() && gid === process.getegid?.()) return;
    try {
      fchownSync(fd, uid, gid);
    } catch (error) {
      if (codeOf(error) !== "EPERM" && codeOf(error) !== "EINVAL" && codeOf(error) !== "ENOSYS") throw error;
      if (this.#saidChown) return;
      this.#saidChown = true;
      this.#onNotice(
        `Cannot give ${path} to user ${uid}, group ${gid}: not permitted. If the Agent cannot read its files, run dd-observe as that user, as root or with CAP_CHOWN.`,
      );
    }
  }
}

/**
 * Reads a regular file without following a link.
 *
 * @returns undefined if nothing stands there.
 * @throws {ApiError} `conflict` if something other than a file of ordinary size stands there.
 */
export function readRegular(path: string): Found | undefined {
  let fd: number;
  try {
    // O_NONBLOCK: opening a named pipe must not wait for its writer.
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw fileError(`read ${path}`, error);
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > MAX_BYTES)
      throw refused(path, "no ordinary file, or one that is far too large, stands there");
    return { text: readFileSync(fd, "utf8"), mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid };
  } catch (error) {
    throw fileError(`read ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

/** True for a temp file of ours that no living process will finish. */
export function isLeftover(name: string): boolean {
  const [, pid, run] = TEMP.exec(name) ?? [];
  if (pid === undefined || run === RUN) return false;
  if (Number(pid) === process.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === "ESRCH";
  }
}

export function isTemp(name: string): boolean {
  return TEMP.test(name);
}

function refused(path: string, why: string): ApiError {
  return new ApiError(`write ${path}`, why, {
    failure: "conflict",
    hint: "Move that file away, or change the wish.",
  });
}

function attempt(work: () => void): { error: unknown } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return toFailure(error);
  }
}

function toFailure(error: unknown): { error: unknown } {
  return { error };
}

function removeTemp(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The failure that led here is what the caller reports; the next list removes leftovers.
  }
}
