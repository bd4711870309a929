import type { Consul } from "../clients/consul.ts";
import { Latest } from "./latest.ts";
import { follow } from "./source.ts";
import { KV_RATE, watch, type WatchState } from "./watch.ts";

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
  /** Keeps the prefix from being empty: an empty one wakes on every write to Consul's KV. */
  keep: (statePrefix: string): string => `${statePrefix}/control/.keep`,
} as const;

/** Watches what people tell the operator. Nothing told, or nothing readable, means no pause and no approval. */
export function watchControl(
  consul: Consul,
  statePrefix: string,
  signal: AbortSignal,
): { readonly state: Readonly<WatchState>; changes(): AsyncIterable<Control> } {
  const prefix = CONTROL_KEYS.prefix(statePrefix);
  const keys = watch(
    {
      name: "control",
      read: consul.read,
      request: {
        path: `/kv/${prefix}`,
        query: { keys: "" },
        tried: `watch the commands below "${prefix}"`,
        right: `key_prefix "${prefix}" { policy = "list" }`,
      },
      rate: KV_RATE,
      decode: (answer) =>
        readControl(prefix, answer.status === 404 ? [] : (answer.body() as readonly string[])),
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

/** Reads once what people told the operator. */
export async function readControlOnce(
  consul: Consul,
  statePrefix: string,
  signal?: AbortSignal,
): Promise<Control> {
  const prefix = CONTROL_KEYS.prefix(statePrefix);
  return readControl(prefix, await consul.kvKeys(prefix, signal));
}
