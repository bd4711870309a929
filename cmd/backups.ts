import { gunzipSync, gzipSync } from "node:zlib";

import type { Consul, TxnOp } from "../clients/consul.ts";
import { toError } from "../clients/errors.ts";
import { hashOf } from "../engine/hash.ts";
import type { Log } from "../engine/log.ts";
import type { StatusStore } from "../engine/status/status-writer.ts";

/** Why an object's text is kept: what the operator does to it, or a person's command. */
export type BackupReason = "delete" | "drift" | "update" | "adopt" | "restore";

interface BackupOptions {
  readonly consul: Pick<Consul, "kvKeys">;
  readonly statePrefix: string;
  /** `cluster`, or `nodes/<name>`. */
  readonly scope: string;
  readonly store: StatusStore;
  readonly log: Log;
}

/** Consul takes at most 512 KiB in one transaction, in base64. */
const MOST_BYTES = 256 * 1024;
/** Longer ones are packed: JSON shrinks to a tenth. */
const PACKED_BYTES = 64 * 1024;
const STORE_MS = 10_000;
/** Versions of one object that are kept. */
const VERSIONS = 5;
/** Backups of objects that nothing happens to any more. */
const KEPT_MS = 30 * 24 * 3_600_000;

export type KeepBackup = (
  controller: string,
  key: string,
  reason: BackupReason,
  text: string,
) => Promise<void>;

/** One kept version of an object, as it stands in Consul's KV. */
export interface StoredBackup {
  /** ISO 8601 */
  readonly at: string;
  readonly controller: string;
  readonly key: string;
  readonly reason: BackupReason;
  /** The object's text, or that text packed by gzip, in base64. */
  readonly text?: string;
  readonly gzip?: string;
}

export function backupsPrefix(statePrefix: string, scope: string): string {
  return `${statePrefix}/backups/${scope}/`;
}

/**
 * Keeps what is about to be deleted or overwritten: in the log, and the last versions of each object at
 * `dd-observe/backups/<scope>/<controller>/<key>/<time>`.
 *
 * @returns A function that ends once the version is stored, and throws if it can't be.
 */
export function backups({ consul, statePrefix, scope, store, log }: BackupOptions): KeepBackup {
  const prefix = backupsPrefix(statePrefix, scope);
  /** What was stored last of each object, so that a write that is tried again and again doesn't push out older versions. */
  const last = new Map<string, { readonly at: string; readonly hash: string }>();
  return async (controller, key, reason, text) => {
    log.info({ controller, key, reason, backup: text.slice(0, 20_000) }, "backup");
    const at = new Date().toISOString();
    const isLong = text.length > PACKED_BYTES;
    const content = isLong ? { gzip: gzipSync(text).toString("base64") } : { text };
    const entry = JSON.stringify({ at, controller, key, reason, ...content } satisfies StoredBackup);
    if (entry.length > MOST_BYTES)
      throw new Error(`It is ${entry.length} bytes long, more than Consul keeps in one key`);
    const folder = `${prefix}${controller}/${key}/`;
    const older = (await consul.kvKeys(folder, AbortSignal.timeout(STORE_MS))).toSorted();
    const hash = hashOf(text);
    const newest = last.get(folder);
    if (newest?.hash === hash && older.at(-1) === newest.at) return;
    const ops: TxnOp[] = [
      { verb: "set", key: folder + at, text: entry },
      ...older
        .slice(0, Math.max(0, older.length + 1 - VERSIONS))
        .map((old): TxnOp => ({ verb: "delete", key: old })),
    ];
    const result = await store(ops, AbortSignal.timeout(STORE_MS));
    if (!result.ok) throw new Error(result.errors[0]?.what ?? "Consul refused it");
    last.set(folder, { at: folder + at, hash });
  };
}

/** One kept version as it is read back. */
export interface Backup extends Pick<StoredBackup, "at" | "controller" | "key" | "reason"> {
  /** The object's JSON, as Datadog gave it. */
  readonly text: string;
}

/**
 * Reads what is kept, the newest first.
 *
 * @param folder Below the scope: `""` for everything, `monitors/`, `monitors/ray/queue-too-long/`.
 * @returns With it the keys that hold nothing that can be read: a person's, or another version's.
 */
export async function readBackups(
  {
    consul,
    statePrefix,
    scope,
  }: { readonly consul: Pick<Consul, "kvList"> } & Pick<BackupOptions, "statePrefix" | "scope">,
  folder: string,
  signal?: AbortSignal,
): Promise<{ readonly backups: readonly Backup[]; readonly unreadable: readonly string[] }> {
  const entries = await consul.kvList(backupsPrefix(statePrefix, scope) + folder, {}, signal);
  const found: Backup[] = [];
  const unreadable: string[] = [];
  for (const { key, text } of entries) {
    const backup = parseBackup(text);
    if (backup === undefined) unreadable.push(key);
    else found.push(backup);
  }
  return { backups: found.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)), unreadable };
}

function parseBackup(stored: string): Backup | undefined {
  try {
    const { at, controller, key, reason, text, gzip } = JSON.parse(stored) as Partial<StoredBackup>;
    const plain = gzip === undefined ? text : gunzipSync(Buffer.from(gzip, "base64")).toString("utf8");
    const isWhole = [at, controller, key, reason, plain].every((part) => typeof part === "string");
    return isWhole
      ? { at: at!, controller: controller!, key: key!, reason: reason!, text: plain! }
      : undefined;
  } catch {
    return undefined; // Not JSON, or cut off: the caller names it.
  }
}

/** Deletes backups that are older than 30 days. What can't be deleted now is deleted another time. */
export async function pruneBackups(
  { consul, statePrefix, scope, store, log }: BackupOptions,
  now = Date.now(),
): Promise<void> {
  try {
    const keys = await consul.kvKeys(backupsPrefix(statePrefix, scope), AbortSignal.timeout(STORE_MS));
    const old = keys.filter((key) => Date.parse(key.slice(key.lastIndexOf("/") + 1)) < now - KEPT_MS);
    for (let at = 0; at < old.length; at += OPS)
      await store(
        old.slice(at, at + OPS).map((key): TxnOp => ({ verb: "delete", key })),
        AbortSignal.timeout(STORE_MS),
      );
  } catch (error) {
    log.warn({ error: toError(error).message }, "old backups not deleted");
  }
}

/** Operations of one transaction, below Consul's 64 with room for the fence. */
const OPS = 60;

function organisationKey(statePrefix: string): string {
  return `${statePrefix}/state/organisation`;
}

/** The Datadog organisation that was written to last. */
export async function readOrganisation(
  consul: Consul,
  statePrefix: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const entry = await consul.kvGet(organisationKey(statePrefix), {}, signal);
  const id = Number(entry?.text);
  return entry === undefined || !Number.isSafeInteger(id) ? undefined : id;
}

export function writeOrganisation(statePrefix: string, id: number, store: StatusStore, log: Log): void {
  store(
    [{ verb: "set", key: organisationKey(statePrefix), text: String(id) }],
    AbortSignal.timeout(10_000),
  ).catch((error: unknown) => {
    log.warn({ error: toError(error).message }, "organisation not stored");
  });
}
