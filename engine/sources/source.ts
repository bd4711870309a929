import type { Consul } from "../../clients/consul.ts";
import { keyPath } from "../../clients/consul-connection.ts";
import type { BlockingAnswer, BlockingRequest } from "../../clients/consul-read.ts";
import type { ApiError } from "../../clients/errors.ts";
import type { RawInstance } from "./catalog.ts";
import type { Clock } from "../clock.ts";
import type { RawDocument } from "./documents.ts";
import type { NomadSourceOptions } from "./nomad-source.ts";
import { refuseUnsure, Unproven, type Watch, type WatchState } from "./watch.ts";

/** What the controller role needs to know, all of it read and proven. */
export interface ClusterState {
  /** Tags of every service, sorted, by its name. */
  readonly catalog: ReadonlyMap<string, readonly string[]>;
  /** In no particular order. */
  readonly documents: ReadonlyMap<string, RawDocument>;
  /** Why services may be missing. Undefined if what is absent is gone. */
  readonly unseen?: string | undefined;
}

/** What the node role needs to know, all of it read and proven. */
export interface NodeState {
  readonly node: { readonly name: string; readonly address: string };
  readonly instances: ReadonlyMap<string, readonly RawInstance[]>;
  /** Of the services on this node, and the reserved ones that a node needs. */
  readonly documents: ReadonlyMap<string, RawDocument>;
  /** Why services may be missing. Undefined if what is absent is gone. */
  readonly unseen?: string | undefined;
}

export interface SourceHealth {
  /** True once a state has been given out. */
  readonly ready: boolean;
  readonly watches: readonly Readonly<WatchState>[];
  /** Why no newer state comes. Undefined while all is well. */
  readonly error: ApiError | undefined;
}

/**
 * Where wishes come from. A state is complete and proven, or absent: nothing is given out
 * while a watch fails. What did not change is the same object from state to state.
 */
export interface Source<State> {
  /** Every state, the newest only if the consumer is slow. For one consumer at a time. Ends with the signal. */
  changes(signal: AbortSignal): AsyncIterable<State>;
  /**
   * Reads everything once more, from a leader that made sure it still is one. For use before deletes.
   *
   * @throws {ApiError} if anything could not be read or proven.
   */
  confirm(signal: AbortSignal): Promise<State>;
  readonly health: SourceHealth;
}

export interface SourceOptions {
  readonly consul: Consul;
  /** Nomad, if services that it registers itself count as well. */
  readonly nomad?: NomadSourceOptions | undefined;
  /** Where documents lie, without a trailing slash: `observability`. */
  readonly prefix: string;
  readonly clock?: Clock | undefined;
  /**
   * True for a look at what the first run would do: then a prefix without the sentinel counts as read
   * where the sentinel's own key may be read. Never for a process that writes.
   */
  readonly beforeFirstRun?: boolean | undefined;
}

export const SERVICES_REQUEST: Omit<BlockingRequest, "index" | "waitMs"> = {
  path: "/catalog/services",
  tried: "watch the services",
  right: 'service_prefix "" { policy = "read" }',
};

export function documentsRequest(prefix: string): Omit<BlockingRequest, "index" | "waitMs"> {
  return {
    path: `/kv/${keyPath(`${prefix}/`)}`,
    query: { recurse: "" },
    tried: `watch the documents below "${prefix}/"`,
    right: `key_prefix "${prefix}/" { policy = "list" }`,
  };
}

export function keyRequest(prefix: string, name: string): Omit<BlockingRequest, "index" | "waitMs"> {
  const key = `${prefix}/${name}`;
  return {
    path: `/kv/${keyPath(key)}`,
    tried: `watch the key "${key}"`,
    right: `key_prefix "${prefix}/" { policy = "read" }`,
  };
}

/** Runs a watch to its end. A mistake in our own code ends the source, so that it is seen. */
export function follow<T>(
  values: AsyncIterable<T>,
  end: { fail(error: unknown): void },
  take: (value: T) => void,
): void {
  async function run(): Promise<void> {
    for await (const value of values) take(value);
  }
  run().catch((error: unknown) => end.fail(error));
}

/** Reads once from a leader that made sure it still is one. @throws {ApiError} if the answer proves nothing. */
export async function readOnce<T>(
  consul: Consul,
  request: Omit<BlockingRequest, "index" | "waitMs">,
  signal: AbortSignal,
  decode: (answer: BlockingAnswer) => T | Promise<T>,
): Promise<T> {
  const answer = await consul.read({ ...request, index: 0, waitMs: 0, consistent: true }, signal);
  refuseUnsure(request.tried, answer);
  try {
    return await decode(answer);
  } catch (error) {
    throw error instanceof Unproven ? error.reason : error;
  }
}

/**
 * @param error What is wrong besides the watches, and stops the source as they do.
 * @param beside What is wrong and stops nothing: Consul's part goes on without Nomad's.
 */
export function healthOf(
  watches: readonly Watch<unknown>[],
  ready: boolean,
  { error, beside }: { readonly error?: ApiError | undefined; readonly beside?: ApiError | undefined } = {},
): SourceHealth {
  const states = watches.map((one) => one.state);
  const failed = states.find((one) => one.error !== undefined)?.error;
  return { ready, watches: states, error: error ?? failed ?? beside };
}
