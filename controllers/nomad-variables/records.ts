import type { KvEntry, TxnOp } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import type { KvDeps } from "../deps.ts";
import { ENV_KEYS } from "../workload-env/keys.ts";
import { parseRecord, placeKey, type RecordedPlace, type VariableRecord } from "./record.ts";

/** What is noted in Consul of environments in Nomad, and what of it we know. Only the leader writes it. */
export class Records {
  readonly #options: KvDeps & { readonly clusterId: string };
  /** Ours, by service. */
  readonly #known = new Map<string, VariableRecord>();
  /** As they stand in Consul, by service. */
  readonly #entries = new Map<string, KvEntry>();

  constructor(options: KvDeps & { readonly clusterId: string }) {
    this.#options = options;
  }

  /** Ours alone. */
  async readAll(signal: AbortSignal): Promise<ReadonlyMap<string, VariableRecord>> {
    const { consul, statePrefix } = this.#options;
    const prefix = ENV_KEYS.inNomad(statePrefix);
    const entries = await consul.kvList(prefix, { consistent: true }, signal);
    this.#known.clear();
    this.#entries.clear();
    for (const entry of entries) this.#note(entry.key.slice(prefix.length), entry);
    return new Map(this.#known);
  }

  /** Undefined if there is none. @throws {ApiError} `conflict` if it is somebody else's. */
  async readOne(service: string, tried: string, signal: AbortSignal): Promise<VariableRecord | undefined> {
    const { consul, statePrefix } = this.#options;
    const key = ENV_KEYS.inNomadOf(statePrefix, service);
    const entry = await consul.kvGet(key, { consistent: true }, signal);
    this.#note(service, entry);
    if (entry === undefined || this.#known.has(service)) return this.#known.get(service);
    const owner = parseRecord(entry.text)?.owner;
    throw new ApiError(
      tried,
      `"${key}" ${owner === undefined ? "is not ours" : `is that of the operator ${owner}`}`,
      {
        failure: "conflict",
        hint: "Let one operator keep it: give this one another DD_OBSERVE_STATE_PREFIX, or remove that key.",
      },
    );
  }

  /** Nothing is sent if it stands so already. */
  async write(
    service: string,
    { retain, places }: Pick<VariableRecord, "retain" | "places">,
    signal: AbortSignal,
  ): Promise<VariableRecord> {
    const record: VariableRecord = {
      managedBy: "dd-observe",
      owner: this.#options.clusterId,
      retain,
      places,
    };
    const text = JSON.stringify(record);
    const key = ENV_KEYS.inNomadOf(this.#options.statePrefix, service);
    const entry = this.#entries.get(service);
    if (entry?.text === text) return record;
    await this.#store({ verb: "cas", key, text, modifyIndex: entry?.modifyIndex ?? 0 }, service, signal);
    const now = await this.#options.consul.kvGet(key, { consistent: true }, signal);
    this.#note(service, now);
    return record;
  }

  async delete(service: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(service);
    if (entry === undefined) return;
    const { key, modifyIndex } = entry;
    await this.#store({ verb: "delete-cas", key, modifyIndex }, service, signal);
    this.#note(service, undefined);
  }

  /** Items of one Variable that are other services', by name: the first of these services. */
  namesOfOthers(key: string, service: string): ReadonlyMap<string, string> {
    const names = new Map<string, string>();
    for (const [other, { places }] of this.#known) {
      if (other === service) continue;
      for (const place of places.filter((one) => placeKey(one) === key))
        for (const name of namesOf(place)) {
          const first = names.get(name);
          if (first === undefined || other < first) names.set(name, other);
        }
    }
    return names;
  }

  #note(service: string, entry: KvEntry | undefined): void {
    this.#known.delete(service);
    this.#entries.delete(service);
    if (entry === undefined) return;
    this.#entries.set(service, entry);
    const record = parseRecord(entry.text);
    if (record?.owner === this.#options.clusterId) this.#known.set(service, record);
  }

  async #store(op: TxnOp, service: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.store([op], signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError) || error.failure !== "conflict" || error.status !== 409) throw error;
      throw new ApiError(`note what of "${service}" stands in Nomad`, "its key changed at the same moment", {
        failure: "notFound",
        status: 409,
        cause: error,
      });
    }
  }
}

function namesOf({ owned, pending = {} }: RecordedPlace): readonly string[] {
  return [...owned, ...Object.keys(pending)];
}
