import type { Consul } from "./consul.ts";
import { ApiError } from "./errors.ts";

/** The same Consul, unable to write: every call that would change something is refused before it leaves. For commands that only look. */
export function readOnlyConsul(consul: Consul): Consul {
  const refuse = (what: string) => async (): Promise<never> => {
    throw new ApiError(`${what} in Consul`, "this command only reads", { failure: "rejected" });
  };
  return {
    ...consul,
    kvPut: refuse("write a key"),
    kvDelete: refuse("delete a key"),
    kvAcquire: refuse("lock a key"),
    kvRelease: refuse("release a key"),
    txn: refuse("make a transaction"),
    sessionCreate: refuse("create a session"),
    sessionRenew: refuse("renew a session"),
    sessionDestroy: refuse("end a session"),
    serviceRegister: refuse("register a service"),
    serviceDeregister: refuse("deregister a service"),
  };
}
