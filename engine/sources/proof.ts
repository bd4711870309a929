import type { Consul } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { SENTINEL, viewOf, type DocumentsView } from "./documents.ts";
import { Unproven } from "./watch.ts";

/**
 * Proofs that an answer is whole. Consul answers a denied list, an unknown node and a
 * rebuilt server as it answers an empty one, so what is absent is only taken for gone
 * beside something that must be there.
 */
export class Proof {
  readonly #consul: Consul;
  readonly #prefix: string;
  readonly #beforeFirstRun: boolean;
  #sentinelSeen = false;

  /**
   * @param prefix Without a trailing slash.
   * @param beforeFirstRun True if a sentinel that nobody has put yet is no reason to doubt.
   */
  constructor(consul: Consul, prefix: string, beforeFirstRun = false) {
    this.#consul = consul;
    this.#prefix = prefix;
    this.#beforeFirstRun = beforeFirstRun;
  }

  get sentinelKey(): string {
    return `${this.#prefix}/${SENTINEL}`;
  }

  /** @throws {Unproven} if the sentinel is not among the keys. */
  async documents(view: DocumentsView | undefined, signal: AbortSignal): Promise<DocumentsView> {
    if (view?.hasSentinel === true) {
      this.#sentinelSeen = true;
      return view;
    }
    const doubt = await this.#missing(signal);
    if (doubt === undefined) return view ?? viewOf(new Map());
    throw doubt;
  }

  /** For a read of the sentinel alone. @throws {Unproven} if it is not there. */
  async sentinel(isThere: boolean, signal: AbortSignal): Promise<void> {
    const doubt = isThere ? undefined : await this.#missing(signal);
    if (doubt !== undefined) throw doubt;
    this.#sentinelSeen = isThere;
  }

  /** @throws {Unproven} if `consul`, which every cluster has, is not among the services. */
  services(names: { has(name: string): boolean }): void {
    if (names.has("consul")) return;
    throw new Unproven(
      new ApiError("watch the services", 'Consul does not show its own service "consul"', {
        failure: "unauthorized",
        hint: 'Give the token of CONSUL_HTTP_TOKEN a policy with service_prefix "" { policy = "read" } and node_prefix "" { policy = "read" }.',
      }),
    );
  }

  /** @throws {Unproven} if the answer is not about our own node. */
  node(found: string | undefined, wanted: string): void {
    // Consul compares node names without their case.
    if (found?.toLowerCase() === wanted.toLowerCase()) return;
    throw new Unproven(
      new ApiError(
        `watch the node "${wanted}"`,
        found === undefined ? "Consul shows no such node" : `Consul answers with the node "${found}"`,
        {
          failure: "unauthorized",
          hint: `Give the token of CONSUL_HTTP_TOKEN a policy with node_prefix "" { policy = "read" } and service_prefix "" { policy = "read" }, or put the node's name right: "consul members" lists them.`,
        },
      ),
    );
  }

  /** A list leaves out what may not be read; a single key is 403 if denied and 404 if absent. */
  async #missing(signal: AbortSignal): Promise<Unproven | undefined> {
    const tried = `read the documents below "${this.#prefix}/"`;
    const key = this.sentinelKey;
    let isThere: boolean;
    try {
      isThere = (await this.#consul.kvGet(key, {}, signal)) !== undefined;
    } catch (error) {
      if (!(error instanceof ApiError) || error.failure !== "unauthorized") throw error;
      const hint = `Give the token of CONSUL_HTTP_TOKEN a policy with key_prefix "${this.#prefix}/" { policy = "list" } (read and list).`;
      return new Unproven(
        new ApiError(tried, error.message, { failure: "unauthorized", cause: error, hint }),
      );
    }
    if (isThere) {
      const hint = `Give the token of CONSUL_HTTP_TOKEN a policy with key_prefix "${this.#prefix}/" { policy = "list" }, not only key "${key}".`;
      return new Unproven(
        new ApiError(tried, `the list leaves out "${key}", which is there`, {
          failure: "unauthorized",
          hint,
        }),
      );
    }
    if (this.#beforeFirstRun) return undefined;
    if (this.#sentinelSeen) {
      return new Unproven(
        new ApiError(
          tried,
          `"${key}" was there and is gone: Consul lost its state, or someone deleted the key`,
          {
            failure: "unavailable",
            hint: `Nothing is changed until you confirm that the documents are right: consul kv put ${key}, or restart dd-observe.`,
          },
        ),
      );
    }
    return new Unproven(
      new ApiError(tried, `"${key}" is not there yet`, {
        failure: "unavailable",
        hint: `The controller role puts it when it starts. Without one: consul kv put ${key}`,
      }),
    );
  }
}

/**
 * Puts the sentinel if it is not there. Called once when the process starts, never later:
 * that a sentinel is gone is how we see that Consul lost its state.
 *
 * @param prefix Without a trailing slash.
 * @returns `notAllowed` if the token may not write it; then another process has to.
 */
export async function ensureSentinel(
  { consul, prefix }: { readonly consul: Consul; readonly prefix: string },
  signal?: AbortSignal,
): Promise<"created" | "present" | "notAllowed"> {
  const text = "Put by dd-observe. It proves that this prefix can be read; nothing is changed without it.\n";
  return await ensureKey(consul, `${prefix}/${SENTINEL}`, text, signal);
}

/**
 * Puts a key if it is not there. Looks first: a write is an entry in the log of every server, even one that
 * changes nothing, and a thousand machines may start at once.
 *
 * @returns `notAllowed` if the token may not write it.
 */
export async function ensureKey(
  consul: Consul,
  key: string,
  text: string,
  signal?: AbortSignal,
): Promise<"created" | "present" | "notAllowed"> {
  try {
    if ((await consul.kvGet(key, {}, signal)) !== undefined) return "present";
    const created = await consul.kvPut(key, text, { cas: 0 }, signal);
    return created ? "created" : "present";
  } catch (error) {
    if (error instanceof ApiError && error.failure === "unauthorized") return "notAllowed";
    throw error;
  }
}
