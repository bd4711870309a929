import { ApiError } from "../../clients/errors.ts";
import type { JobPlace, Workloads } from "../workload-env/workloads.ts";
import type { RecordedPlace, VariableRecord } from "./record.ts";

/** What has no job yet is looked for again within this time. */
const NO_JOB_MS = 60_000;
/** So many services are looked for again at one look, those first that were looked for the longest ago. */
const MOST_LOOKED = 100;
/** How long one look may take. */
const LOOK_MS = 2_000;

/** The jobs in whose Variables the environment of a service belongs. */
export class JobPlaces {
  readonly #workloads: Workloads;
  #lookedMs = new Map<string, number>();

  constructor(workloads: Workloads) {
    this.#workloads = workloads;
  }

  /**
   * Where a service's environment belongs now, and where it stands though its job is gone. While it runs nowhere,
   * what stands stays where it is.
   *
   * @throws {ApiError} `NoJob` if nothing stands and no job is known.
   */
  async placesFor(
    { service, record, tried }: { service: string; record: VariableRecord | undefined; tried: string },
    signal: AbortSignal,
  ): Promise<{ readonly current: readonly JobPlace[]; readonly gone: readonly RecordedPlace[] }> {
    const { places, isHidden, unknown } = await this.#find(service, signal);
    this.#lookedMs.set(service, performance.now());
    const recorded = record?.places ?? [];
    if (places.length === 0 && recorded.length === 0) {
      if (unknown !== undefined) throw unknown;
      throw noJob(tried, isHidden);
    }
    const others = recorded.filter((one) => !places.some((place) => isSame(place, one)));
    const gone: RecordedPlace[] = [];
    // Without another place there is no proof that it moved: the job may only be between two runs.
    if (places.length > 0)
      for (const place of others) if (await this.#isGone(place, signal)) gone.push(place);
    const kept = others.filter((place) => !gone.includes(place));
    return { current: [...places, ...kept], gone };
  }

  /** Services that run in another job than where their environment stands. Looks at some of them, in turns. */
  async moved(
    records: ReadonlyMap<string, VariableRecord>,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const startedMs = performance.now();
    this.#lookedMs = new Map([...this.#lookedMs].filter(([service]) => records.has(service)));
    const due = [...records]
      .sort(([a], [b]) => (this.#lookedMs.get(a) ?? 0) - (this.#lookedMs.get(b) ?? 0))
      .slice(0, MOST_LOOKED);
    const moved = new Set<string>();
    for (const [service, { places: recorded }] of due) {
      if (performance.now() - startedMs > LOOK_MS) break;
      this.#lookedMs.set(service, performance.now());
      try {
        const { places } = await this.#find(service, signal);
        const isNew = places.some((place) => !recorded.some((one) => isSame(place, one)));
        const others = recorded.filter((one) => !places.some((place) => isSame(place, one)));
        let isLeft = false;
        if (places.length > 0) for (const place of others) isLeft ||= await this.#isGone(place, signal);
        if (isNew || isLeft) moved.add(service);
      } catch (error) {
        signal.throwIfAborted();
        // Whoever may not look at a job still keeps what stands in its Variable.
        if (!(error instanceof ApiError) || error.failure !== "unauthorized") throw error;
      }
    }
    return moved;
  }

  /** Under the name by which the job's tasks may read it: that of its parent, where it was dispatched or is periodic. */
  async #find(service: string, signal: AbortSignal) {
    const found = await this.#workloads.find(service, signal);
    const places = new Map<string, JobPlace>();
    for (const place of found.places) {
      const parent = (await this.#workloads.job(place, signal))?.parentId ?? "";
      const job = parent === "" ? place.job : parent;
      places.set(`${place.namespace}\0${job}`, { namespace: place.namespace, job });
    }
    return { ...found, places: [...places.values()] };
  }

  async #isGone(place: JobPlace, signal: AbortSignal): Promise<boolean> {
    const job = await this.#workloads.job(place, signal);
    return job === undefined || job.isStopped;
  }
}

function isSame(a: JobPlace, b: JobPlace): boolean {
  return a.namespace === b.namespace && a.job === b.job;
}

function noJob(tried: string, isHidden: boolean): ApiError {
  const answer = isHidden
    ? "Nomad doesn't know, or doesn't show us, the allocations that run it"
    : "no job of Nomad is known that runs it";
  const hint = isHidden
    ? "Give the token of NOMAD_TOKEN read-job in their namespace; or set NOMAD_ADDR, if they are another Nomad's."
    : "It is found by its first instance, before that only if it has the service's own name. In Consul the environment is published all the same.";
  return new ApiError(tried, answer, {
    failure: "notFound",
    reason: "NoJob",
    retryWithinMs: NO_JOB_MS,
    hint,
  });
}
