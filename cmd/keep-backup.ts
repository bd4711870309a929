import type { Consul } from "../clients/consul.ts";
import { openLog } from "../engine/log.ts";
import { backups, type KeepBackup } from "./backups.ts";
import type { Config } from "./config.ts";

/** Keeps what a command is about to overwrite, beside what the operator keeps. */
export function keepForCommand(consul: Consul, { statePrefix }: Pick<Config, "statePrefix">): KeepBackup {
  return backups({
    consul,
    statePrefix,
    scope: "cluster",
    store: async (ops, signal) => await consul.txn(ops, signal),
    // The command says itself what it does.
    log: openLog({ level: "silent", pretty: false }),
  });
}
