import type { Consul } from "./consul-calls.ts";
import { catalogCalls, sessionCalls } from "./consul-catalog.ts";
import { connect, type ConsulOptions } from "./consul-connection.ts";
import { kvCalls } from "./consul-kv.ts";
import { openPackage } from "./consul-package.ts";
import { readConsul } from "./consul-read.ts";

export type {
  AgentSelf,
  CatalogInstance,
  Consul,
  HealthCheck,
  KvEntry,
  ReadOptions,
  ServiceRegistration,
  TxnOp,
  TxnResult,
} from "./consul-calls.ts";
export type { ConsulOptions, TokenSource } from "./consul-connection.ts";

/** Opens one Consul. Connects at the first call. */
export function createConsul(options: ConsulOptions): Consul {
  const connection = connect(options);
  const call = openPackage(connection);
  return {
    read: readConsul(connection),
    ...kvCalls(call),
    ...sessionCalls(call),
    ...catalogCalls(call),
  };
}
