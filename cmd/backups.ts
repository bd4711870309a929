import type { Consul, TxnOp } from "../clients/consul.ts";
import { toError } from "../clients/errors.ts";
import type { Log } from "../engine/log.ts";
import type { StatusStore } from "../engine/status/status-writer.ts";

interface BackupOptions {
  readonly statePrefix: string;
  /** `cluster`, or `nodes/<name>`. */
  readonly scope: string;
  readonly store: StatusStore;
  readonly log: Log;
}

/** Consul takes at most 512 KiB in one transaction, in base64. */
const MOST_BYTES = 256 * 1024;

/**
 * Keeps what is about to be deleted, or overwritten because a person edited it: in the log, and the last
 * one of each object at `dd-observe/backups/<scope>/<controller>/<key>`. A backup that fails stops nothing.
 */
export function backups({
  statePrefix,
  scope,
  store,
  log,
}: BackupOptions): (controller: string, key: string, reason: "delete" | "drift", text: string) => void {
  return (controller, key, reason, text) => {
    log.info({ controller, key, reason, backup: text.slice(0, 20_000) }, "backup");
    if (text.length > MOST_BYTES) return;
    const entry = JSON.stringify({ at: new Date().toISOString(), controller, key, reason, text });
    const op: TxnOp = {
      verb: "set",
      key: `${statePrefix}/backups/${scope}/${controller}/${key}`,
      text: entry,
    };
    store([op], AbortSignal.timeout(10_000)).catch((error: unknown) => {
      log.warn({ controller, key, error: toError(error).message }, "backup not stored");
    });
  };
}

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
