import type { Consul } from "../../clients/consul.ts";
import type { Config } from "../config.ts";
import { UsageError } from "../print.ts";

/**
 * Makes sure that no operator but ours has ever worked at a Consul that is somebody's: a session would take its lead,
 * and its memory of objects in Datadog.
 *
 * @returns How to take back what the operator itself puts there.
 * @throws {UsageError}
 */
export async function claimConsul(
  consul: Consul,
  { statePrefix, kvPrefix, consul: { address } }: Pick<Config, "statePrefix" | "kvPrefix" | "consul">,
): Promise<() => Promise<void>> {
  const mark = `${statePrefix}/dev`;
  const isOurs = (await consul.kvGet(mark)) !== undefined;
  if (!isOurs && (await consul.kvKeys(`${statePrefix}/`)).length > 0)
    throw new UsageError(
      `an operator has worked at the Consul at ${address} already, and dev would get in its way`,
      "Unset CONSUL_HTTP_ADDR for a Consul of dev's own, or set DD_OBSERVE_STATE_PREFIX=dd-observe-dev.",
    );
  const sentinel = `${kvPrefix}/.keep`;
  const hadSentinel = !isOurs && (await consul.kvGet(sentinel)) !== undefined;
  await consul.kvPut(mark, "A session of `dd-observe dev` works here.\n");
  return async () => {
    if (!hadSentinel) await consul.kvDelete(sentinel);
    await consul.kvDelete(`${statePrefix}/`, { recurse: true });
  };
}
