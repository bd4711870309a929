import { join } from "node:path";

import type { Logger } from "pino";

import { Confd } from "../../clients/confd.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import type { Target } from "../../engine/loop/controller.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Action, ObservedObject } from "../../engine/plan/plan.ts";
import type { Condition } from "../../engine/status/status.ts";
import { FILE_PREFIX, fileAt, keyOfFile, pathOf, readMark, type AgentFile } from "./file.ts";
import type { FileRecord } from "./record.ts";
import { Records } from "./records.ts";
import type { NomadPlace } from "./reload-nomad.ts";
import { Reloader, type Reload } from "./reload.ts";
import { Verifier } from "./verifier.ts";

/** The text of a file that is about to be overwritten or deleted. */
export interface Backup {
  readonly key: string;
  readonly owner: string;
  readonly path: string;
  readonly reason: "drift" | "delete";
  readonly text: string;
}

export interface AgentConfigOptions {
  /** The Agent's `conf.d`. */
  readonly confd: string;
  readonly clusterId: string;
  /** Base URL of the Agent's expvar server. Without it nothing is verified. */
  readonly agent?: string | undefined;
  readonly reload: Reload;
  /** Needed where the reload is Nomad's to do. */
  readonly nomad?: NomadPlace | undefined;
  readonly onBackup?: (backup: Backup) => void | Promise<void>;
  readonly log?: Pick<Logger, "debug" | "info" | "warn" | "error">;
  readonly now?: () => number;
  /** Environment of the reload command. Minimal by default. */
  readonly reloadEnv?: Readonly<Record<string, string>>;
  /** At least this long between two reload commands. */
  readonly reloadGapMs?: number;
  /** True to observe only: nothing at all is written. For dry runs. */
  readonly readOnly?: boolean;
}

/** Changes are looked at together, and in portions: a cold sync makes thousands of its own. */
const LOOK_AFTER_MS = 250;
const LOOKS_PER_TURN = 200;

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** The Agent's files on this machine. */
export function agentConfigTarget(options: AgentConfigOptions): AgentConfigTarget {
  return new AgentConfigTarget(options);
}

/**
 * A text that the Agent refused is taken back: the last good one stands again. What stands
 * for the wish is then still the wish, so `observe` gives the refused text, no pass writes it
 * again, and a hand edit is put back to the last good text. The condition `AgentLoaded`
 * says so until the wish changes.
 */
export class AgentConfigTarget implements Target<AgentFile> {
  /** Writes that come together are synced together. */
  readonly concurrency = 64;
  readonly #options: AgentConfigOptions;
  readonly #log: Pick<Logger, "debug" | "info" | "warn" | "error">;
  readonly #confd: Confd;
  readonly #records: Records;
  readonly #reloader: Reloader;
  readonly #verifier: Verifier;
  /** One object per text, so that what was compiled and what was read are the same in memory. */
  readonly #bodies = new Map<string, AgentFile>();
  #reported = new Set<string>();
  #needsReload = false;

  constructor(options: AgentConfigOptions) {
    const { confd, clusterId, reload, log = SILENT, now = Date.now, reloadEnv, reloadGapMs } = options;
    this.#options = options;
    this.#log = log;
    this.#confd = new Confd({
      dir: confd,
      prefix: FILE_PREFIX,
      foreign: (path, text) => whyForeign(path, text, clusterId),
      onNotice: (message) => log.warn({ reason: message }, "conf.d notice"),
      readOnly: options.readOnly,
    });
    this.#records = new Records(this.#confd, clusterId, (error) =>
      log.warn({ error: toError(error).message }, "manifest not written"),
    );
    this.#reloader = new Reloader({
      reload,
      nomad: options.nomad,
      log,
      now,
      ...(reloadEnv === undefined ? {} : { env: reloadEnv }),
      ...(reloadGapMs === undefined ? {} : { minGapMs: reloadGapMs }),
    });
    this.#verifier = new Verifier({
      agent: options.agent,
      confd: this.#confd,
      records: this.#records,
      reloader: this.#reloader,
      log,
      now,
    });
  }

  async observe(signal: AbortSignal): Promise<readonly ObservedObject<AgentFile>[]> {
    const { files, conflicts } = await this.#confd.list(signal);
    this.#records.load();
    this.#reportConflicts(conflicts);
    const paths = new Set(files.map(({ path }) => path));
    for (const [path, record] of this.#records.entries()) {
      if (!paths.has(path) && (record.rejected === undefined || !this.#isKept(path))) this.#forget(path);
    }
    const observed = files.map(({ path, text }) => this.#observed(path, text));
    if (this.#options.readOnly !== true) await this.#records.save();
    return observed;
  }

  async apply(
    action: Action<AgentFile>,
    signal: AbortSignal,
  ): Promise<ObservedObject<AgentFile> | undefined> {
    signal.throwIfAborted();
    if (action.type === "delete") {
      await this.#delete(action.observed);
      return undefined;
    }
    const { body, retain } = action.desired;
    const path = pathOf(body);
    if (action.type === "update" && isEdited(action)) {
      await this.#backup(action.observed, path, "drift", action.observed.body.text);
    }
    const applied = hashOf(body);
    const restored = await this.#restoreLastGood(path, applied);
    if (!restored) await this.#write(path, body, { applied, retain });
    this.#bodies.set(path, body);
    return {
      key: action.desired.key,
      owner: body.service,
      body,
      ref: join(this.#confd.dir, path),
      retain,
      applied,
    };
  }

  async verify(signal: AbortSignal): Promise<ReadonlyMap<string, readonly Condition[]>> {
    const { conditions, needsReload } = await this.#verifier.verify(signal);
    if (needsReload) this.#needsReload = true;
    await this.settle();
    return conditions;
  }

  async settle(): Promise<void> {
    if (this.#needsReload) this.#reloader.request();
    this.#needsReload = false;
    await this.#records.save();
  }

  /**
   * Tells of hand edits to our files within half a second, so that they heal without waiting
   * for the next resync. The pass that heals them has to observe afresh.
   */
  watchEdits(onEdit: (path: string) => void, signal: AbortSignal): void {
    const changed = new Set<string>();
    const look = () => {
      const paths = [...changed].slice(0, LOOKS_PER_TURN);
      for (const path of paths) {
        changed.delete(path);
        if (!signal.aborted && this.#isEdited(path)) onEdit(path);
      }
      if (changed.size > 0) setTimeout(look).unref();
    };
    this.#confd.watch((path) => {
      if (changed.size === 0) setTimeout(look, LOOK_AFTER_MS).unref();
      changed.add(path);
    }, signal);
  }

  #isEdited(path: string): boolean {
    const body = this.#bodies.get(path);
    if (body === undefined || this.#records.get(path)?.rejected !== undefined) return false;
    try {
      return this.#confd.read(path) !== body.text;
    } catch {
      return true; // Whatever stands there now, the next pass says what is wrong with it.
    }
  }

  /** Waits for the reload that runs and writes the manifest: what a process does before it ends. */
  async close(): Promise<void> {
    await this.#reloader.idle();
    this.#verifier.noteReload();
    await this.#records.flush();
  }

  #observed(path: string, text: string): ObservedObject<AgentFile> {
    const place = fileAt(path);
    const mark = readMark(text);
    if (place === undefined || mark === undefined) throw new Error(`${path} was listed, yet it is not ours`);
    const record = this.#records.get(path) ?? this.#adopt(path, place, text, mark.retain);
    const { rejected } = record;
    const isTakenBack =
      rejected !== undefined && hashOf(text) === record.hash && this.#confd.readKept(path) === text;
    const body = this.#intern(path, { ...place, text: isTakenBack ? rejected.text : text });
    return {
      key: keyOfFile(place),
      owner: place.service,
      body,
      ref: join(this.#confd.dir, path),
      retain: mark.retain || record.retain,
      applied: record.applied === "" ? undefined : record.applied,
    };
  }

  /** A file of ours that the manifest doesn't know, such as after its loss. The Agent has had its time to load it. */
  #adopt(
    path: string,
    place: Pick<AgentFile, "check" | "service">,
    text: string,
    retain: boolean,
  ): FileRecord {
    const record: FileRecord = {
      ...place,
      hash: hashOf(text),
      applied: "",
      retain,
      writtenAt: 0,
      loaded: true,
      complaintsBefore: [],
    };
    this.#records.set(path, record);
    return record;
  }

  #isKept(path: string): boolean {
    try {
      return this.#confd.readKept(path) !== undefined;
    } catch (error) {
      // A link stands there instead: nothing of ours, and no reason to stop the others.
      if (error instanceof ApiError && error.failure === "conflict") return false;
      throw error;
    }
  }

  #intern(path: string, body: AgentFile): AgentFile {
    const known = this.#bodies.get(path);
    if (known?.text === body.text) return known;
    this.#bodies.set(path, body);
    return body;
  }

  async #write(
    path: string,
    body: AgentFile,
    { applied, retain }: { applied: string; retain: boolean },
  ): Promise<void> {
    const old = this.#records.get(path);
    const hash = hashOf(body.text);
    const good = old?.good;
    const changed = await this.#confd.write(
      path,
      body.text,
      good === undefined || good.hash === hash ? undefined : (replaced) => hashOf(replaced) === good.hash,
    );
    if (good?.hash === hash && old?.hash === hash) this.#confd.removeKept(path);
    const { check, service } = body;
    const common = { check, service, hash, applied, retain, ...(good === undefined ? {} : { good }) };
    if (changed || old === undefined)
      this.#records.set(path, { ...common, ...this.#verifier.newText(path, old) });
    else {
      const { writtenAt, loaded, before, complaintsBefore } = old;
      this.#records.set(path, { ...common, writtenAt, loaded, complaintsBefore, ...(before && { before }) });
    }
    if (changed) this.#needsReload = true;
  }

  /** @returns True if `applied` is what the Agent refused and its predecessor stands there in its place. */
  async #restoreLastGood(path: string, applied: string): Promise<boolean> {
    const record = this.#records.get(path);
    if (record?.rejected?.applied !== applied) return false;
    const kept = this.#confd.readKept(path);
    if (kept === undefined) return false;
    if (await this.#confd.write(path, kept)) this.#needsReload = true;
    this.#log.warn(
      { owner: record.service, path, reason: record.rejected.reason },
      "kept the last good file",
    );
    return true;
  }

  async #delete(observed: ObservedObject<AgentFile>): Promise<void> {
    const path = pathOf(observed.body);
    const text = this.#confd.read(path);
    if (text !== undefined) await this.#backup(observed, path, "delete", text);
    if (this.#confd.remove(path) !== undefined) this.#needsReload = true;
    this.#forget(path);
  }

  #forget(path: string): void {
    this.#records.delete(path);
    this.#bodies.delete(path);
  }

  async #backup(
    { key, owner }: ObservedObject<AgentFile>,
    path: string,
    reason: Backup["reason"],
    text: string,
  ): Promise<void> {
    this.#log.info({ owner, key, path, reason }, "file backed up");
    await this.#options.onBackup?.({ key, owner, path, reason, text });
  }

  #reportConflicts(conflicts: readonly { readonly path: string; readonly why: string }[]): void {
    for (const { path, why } of conflicts) {
      if (!this.#reported.has(path)) this.#log.warn({ path, reason: why }, "file left alone");
    }
    this.#reported = new Set(conflicts.map(({ path }) => path));
  }
}

function whyForeign(path: string, text: string, clusterId: string): string | undefined {
  const mark = readMark(text);
  const place = fileAt(path);
  if (place === undefined) return "its name is none that dd-observe gives";
  if (mark === undefined) return "it has no mark of dd-observe, so someone else made it";
  if (mark.owner !== clusterId) return `it belongs to another operator (${mark.owner})`;
  return mark.service === place.service ? undefined : `its mark names another service (${mark.service})`;
}

/** True if the file is not what we wrote last, whether or not the wish has changed as well. */
function isEdited({ drifted, observed }: Extract<Action<AgentFile>, { type: "update" }>): boolean {
  return drifted || (observed.applied !== undefined && hashOf(observed.body) !== observed.applied);
}
