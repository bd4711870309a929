import { ApiError } from "../../clients/errors.ts";
import type { Mandate } from "../../clients/guarded-agents.ts";
import type { NomadVariables } from "../../clients/nomad-variables.ts";
import { variablePath } from "../../clients/nomad-variables.ts";
import type { Target } from "../../engine/loop/controller.ts";
import { ownerOf, type Action, type ObservedObject } from "../../engine/plan/plan.ts";
import type { KvDeps } from "../deps.ts";
import type { EnvironmentBody } from "../workload-env/compile.ts";
import type { JobPlace, Workloads } from "../workload-env/workloads.ts";
import { variableKey } from "./compile.ts";
import { JobPlaces } from "./places.ts";
import { placeKey, type RecordedPlace, type VariableRecord } from "./record.ts";
import { Records } from "./records.ts";
import { Share } from "./share.ts";
import { VariablesSeen } from "./seen.ts";

export interface NomadVariablesOptions extends KvDeps {
  readonly clusterId: string;
  readonly variables: NomadVariables;
  readonly workloads: Workloads;
  /** Without it nothing is sent once we may not lead any more. Absent where one process alone may write, or none. */
  readonly mandate?: Mandate | undefined;
}

/**
 * The environments of workloads in the Nomad Variables of their jobs. A Variable also has items of others, and can carry
 * no mark: which items are ours stands in Consul, written before them.
 */
export class NomadVariablesTarget implements Target<EnvironmentBody> {
  readonly concurrency = 4;
  readonly #options: NomadVariablesOptions;
  readonly #records: Records;
  readonly #seen: VariablesSeen;
  readonly #places: JobPlaces;

  constructor(options: NomadVariablesOptions) {
    this.#options = options;
    this.#records = new Records(options);
    this.#seen = new VariablesSeen(options.variables);
    this.#places = new JobPlaces(options.workloads);
  }

  async observe(signal: AbortSignal): Promise<readonly ObservedObject<EnvironmentBody>[]> {
    signal.throwIfAborted();
    const records = await this.#records.readAll(signal);
    // Without an environment of ours there, Nomad isn't asked.
    if (records.size === 0) return [];
    this.#options.workloads.beginRound();
    await this.#seen.refresh(
      [...records.values()].flatMap(({ places }) => places),
      signal,
    );
    const moved = await this.#places.moved(records, signal);
    return [...records].map(([service, record]) =>
      this.#observed(service, record, moved.has(service) ? [] : record.places),
    );
  }

  async apply(
    action: Action<EnvironmentBody>,
    signal: AbortSignal,
  ): Promise<ObservedObject<EnvironmentBody> | undefined> {
    signal.throwIfAborted();
    const service = ownerOf(action);
    const tried = `${action.type} the environment of "${service}" in Nomad`;
    const record = await this.#records.readOne(service, tried, signal);
    if (action.type === "delete") {
      for (const place of record?.places ?? [])
        await this.#share(service, place, tried).remove(place, signal);
      await this.#records.delete(service, signal);
      return undefined;
    }
    const { body, retain } = action.desired;
    const { current, gone } = await this.#places.placesFor({ service, record, tried }, signal);
    const places = current.map((place) => recordedAt(record, place));
    const shares = places.map((place) => ({ place, share: this.#share(service, place, tried) }));
    // All are looked at before the first is written: a name that somebody else took changes nothing anywhere.
    const intended: RecordedPlace[] = [];
    for (const { place, share } of shares) intended.push(await share.intend(place, body, signal));
    await this.#records.write(service, { retain, places: [...intended, ...gone] }, signal);
    const written: RecordedPlace[] = [];
    for (const [at, { share }] of shares.entries())
      written.push(await share.write(intended[at]!, body, signal));
    for (const place of gone) await this.#share(service, place, tried).remove(place, signal);
    const next = await this.#records.write(service, { retain, places: written }, signal);
    return this.#observed(service, next, written);
  }

  #share(service: string, place: JobPlace, tried: string): Share {
    const { variables, mandate } = this.#options;
    return new Share({
      service,
      variables,
      seen: this.#seen,
      mandate,
      at: { namespace: place.namespace, path: variablePath(place.job) },
      others: () => this.#records.namesOfOthers(placeKey(place), service),
      tried,
    });
  }

  /** What stands in each of the places alike. @param places None if what stands isn't where it should. */
  #observed(
    service: string,
    { places: recorded, retain }: VariableRecord,
    places: readonly RecordedPlace[],
  ): ObservedObject<EnvironmentBody> {
    const [first, ...more] = places.map((place) => this.#seen.wishedAt(place));
    const same = Object.entries(first ?? {}).filter(([name, value]) =>
      more.every((one) => one[name] === value),
    );
    const paths = recorded.map(({ namespace, job }) => `${variablePath(job)} of ${namespace}`);
    return {
      key: variableKey(service),
      owner: service,
      body: Object.fromEntries(same.sort(([a], [b]) => (a < b ? -1 : 1))),
      ref: paths.join(", "),
      retain,
    };
  }
}

function recordedAt(record: VariableRecord | undefined, { namespace, job }: JobPlace): RecordedPlace {
  const known = record?.places.find((place) => place.namespace === namespace && place.job === job);
  return known ?? { namespace, job, wished: [], owned: [] };
}

/** Where nothing is read or written, and why. */
export function nowhere(why: string, hint?: string): Target<EnvironmentBody> {
  return {
    observe: async () => await Promise.resolve([]),
    apply: async (action) =>
      await Promise.reject(
        new ApiError(`${action.type} the environment of "${ownerOf(action)}" in Nomad`, why, {
          failure: "rejected",
          ...(hint === undefined ? {} : { hint }),
        }),
      ),
  };
}
