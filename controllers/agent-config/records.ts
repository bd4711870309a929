import type { Confd } from "../../clients/confd.ts";
import { parseManifest, renderManifest, type FileRecord } from "./record.ts";

/** Beside the checks' folders. Not `.yaml`, so that the Agent doesn't read it. */
export const MANIFEST = "dd-observe.manifest.json";

/** Changes after which the manifest is written at once and not only after the delay. */
const BATCH = 100;
const DELAY_MS = 1_000;

/**
 * The records of our files, kept in memory and in the manifest. The manifest is written
 * behind: at the end of a large batch, else a second after the first change, so that a
 * single change among ten thousand files doesn't pay for all of them.
 */
export class Records {
  readonly #confd: Confd;
  readonly #clusterId: string;
  readonly #onError: (error: unknown) => void;
  #files: Map<string, FileRecord> | undefined;
  #reloadedAt = 0;
  #changes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(confd: Confd, clusterId: string, onError: (error: unknown) => void) {
    this.#confd = confd;
    this.#clusterId = clusterId;
    this.#onError = onError;
  }

  /** Reads the manifest the first time, and sees to it that a lost one is written again. */
  load(): void {
    const text = this.#confd.readOwn(MANIFEST);
    if (this.#files !== undefined) {
      if (text === undefined && this.#files.size > 0) this.#changes++;
      return;
    }
    const manifest = parseManifest(text, this.#clusterId);
    this.#files = new Map(manifest.files);
    this.#reloadedAt = manifest.reloadedAt;
  }

  get reloadedAt(): number {
    return this.#reloadedAt;
  }

  set reloadedAt(atMs: number) {
    if (atMs === this.#reloadedAt) return;
    this.#reloadedAt = atMs;
    this.#changes++;
  }

  get(path: string): FileRecord | undefined {
    return this.#files?.get(path);
  }

  set(path: string, record: FileRecord): void {
    (this.#files ??= new Map()).set(path, record);
    this.#changes++;
  }

  delete(path: string): void {
    if (this.#files?.delete(path) === true) this.#changes++;
  }

  entries(): readonly (readonly [string, FileRecord])[] {
    return [...(this.#files ?? [])];
  }

  /** Writes the manifest soon, or now if much has changed. A manifest that cannot be written is no reason to fail. */
  async save(): Promise<void> {
    if (this.#changes >= BATCH) await this.flush();
    else if (this.#changes > 0) this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS);
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#changes === 0) return;
    this.#changes = 0;
    const manifest = { reloadedAt: this.#reloadedAt, files: this.#files ?? new Map() };
    try {
      await this.#confd.writeOwn(MANIFEST, renderManifest(manifest, this.#clusterId));
    } catch (error) {
      this.#changes++;
      this.#onError(error);
    }
  }
}
