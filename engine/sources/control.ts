import type { Consul } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { Latest } from "./latest.ts";
import { follow } from "./source.ts";
import { KV_RATE, Unproven, watch, type WatchState } from "./watch.ts";

/** What is told to all processes: by people, which services rest and which plans are approved; by the leader, where is done what only one machine may do. */
export interface Control {
  readonly paused: ReadonlySet<string>;
  readonly approved: ReadonlySet<string>;
  /** The chosen node's name by service. A service that isn't there has none. */
  readonly placed: ReadonlyMap<string, string>;
}

export const NO_CONTROL: Control = { paused: new Set(), approved: new Set(), placed: new Map() };

export const CONTROL_KEYS = {
  prefix: (statePrefix: string): string => `${statePrefix}/control/`,
  paused: (statePrefix: string, service: string): string => `${statePrefix}/control/paused/${service}`,
  approved: (statePrefix: string, hash: string): string => `${statePrefix}/control/approved/${hash}`,
  /** A choice is a key without a value, so that whoever watches the names of keys has read it. */
  placed: (statePrefix: string): string => `${statePrefix}/control/placed/`,
  placedOn: (statePrefix: string, service: string, node: string): string =>
    `${statePrefix}/control/placed/${service}/${encodeURIComponent(node)}`,
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
  return { paused: below("paused/"), approved: below("approved/"), placed: readPlaced(below("placed/")) };
}

/**
 * Reads choices from the names of their keys.
 *
 * @param names `<service>/<node>`. A service with two nodes, such as by a person's hand, has none: nobody, never two.
 */
export function readPlaced(names: Iterable<string>): ReadonlyMap<string, string> {
  const placed = new Map<string, string>();
  const doubtful = new Set<string>();
  for (const name of names) {
    const [service, node, ...more] = name.split("/");
    if (service === undefined || node === undefined || node === "" || more.length > 0) continue;
    if (placed.has(service)) doubtful.add(service);
    placed.set(service, decoded(node));
  }
  for (const service of doubtful) placed.delete(service);
  return placed;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not a name that we wrote. It is no node's.
  }
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
