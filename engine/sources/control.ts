import type { Consul } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { Latest } from "./latest.ts";
import { follow } from "./source.ts";
import { KV_RATE, Unproven, watch, type WatchState } from "./watch.ts";

/** What people told the operator by command: which services rest, and which plans are approved. */
export interface Control {
  readonly paused: ReadonlySet<string>;
  readonly approved: ReadonlySet<string>;
}

export const NO_CONTROL: Control = { paused: new Set(), approved: new Set() };

export const CONTROL_KEYS = {
  prefix: (statePrefix: string): string => `${statePrefix}/control/`,
  paused: (statePrefix: string, service: string): string => `${statePrefix}/control/paused/${service}`,
  approved: (statePrefix: string, hash: string): string => `${statePrefix}/control/approved/${hash}`,
  /**
   * Keeps the prefix from being empty: an empty one wakes on every write to Consul's KV, and
   * looks like one that may not be read.
   */
  keep: (statePrefix: string): string => `${statePrefix}/control/.keep`,
} as const;

/**
 * Watches what people tell the operator. An answer without the key that is always there proves nothing:
 * a token without rights sees an empty list, and what a person paused would be written.
 */
export function watchControl(
  consul: Consul,
  statePrefix: string,
  signal: AbortSignal,
): { readonly state: Readonly<WatchState>; changes(): AsyncIterable<Control> } {
  const prefix = CONTROL_KEYS.prefix(statePrefix);
  const keep = CONTROL_KEYS.keep(statePrefix);
  const right = `key_prefix "${prefix}" { policy = "list" }`;
  const tried = `watch the commands below "${prefix}"`;
  const decode = (names: readonly string[]): Control => {
    if (names.includes(keep)) return readControl(prefix, names);
    const hint = `Give the token of CONSUL_HTTP_TOKEN a policy with ${right}. If it has that: the controller role puts the key when it starts, and by hand it is: consul kv put ${keep}`;
    throw new Unproven(new ApiError(tried, `"${keep}" is not among them`, { failure: "unauthorized", hint }));
  };
  const keys = watch(
    {
      name: "control",
      read: consul.read,
      request: { path: `/kv/${prefix}`, query: { keys: "" }, tried, right },
      rate: KV_RATE,
      decode: (answer) => decode(answer.status === 404 ? [] : (answer.body() as readonly string[])),
    },
    signal,
  );
  const latest = new Latest<Control>();
  follow(keys, latest, (control) => latest.set(control));
  return { state: keys.state, changes: () => latest.values(signal) };
}

function readControl(prefix: string, keys: readonly string[]): Control {
  const below = (kind: string): ReadonlySet<string> =>
    new Set(
      keys
        .filter((key) => key.startsWith(prefix + kind))
        .map((key) => key.slice(prefix.length + kind.length)),
    );
  return { paused: below("paused/"), approved: below("approved/") };
}

/**
 * Reads once what people told the operator.
 *
 * @throws {ApiError} `unauthorized` if the token may not read it: a denied list looks like an empty one,
 *   a denied key doesn't.
 */
export async function readControlOnce(
  consul: Consul,
  statePrefix: string,
  signal?: AbortSignal,
): Promise<Control> {
  const prefix = CONTROL_KEYS.prefix(statePrefix);
  await consul.kvGet(CONTROL_KEYS.keep(statePrefix), {}, signal);
  return readControl(prefix, await consul.kvKeys(prefix, signal));
}
