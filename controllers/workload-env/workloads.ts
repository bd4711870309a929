import type { Consul } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import type { NomadJob, NomadJobs } from "../../clients/nomad-jobs.ts";
import type { Site, Workload } from "./judge.ts";

/** Nomad, as far as the jobs of services are looked for there. */
export interface JobsDeps {
  readonly jobs: NomadJobs;
  /** The services that Nomad registers itself. Undefined where they don't count. */
  readonly registered?: RegisteredServices | undefined;
}

export interface RegisteredServices {
  /** Namespaces by service. */
  namespaces(signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Ids of a service's instances, which have the form of those in Consul. */
  instances(service: string, namespace: string, signal: AbortSignal): Promise<readonly string[]>;
}

export interface WorkloadsOptions extends JobsDeps {
  readonly consul: Pick<Consul, "catalogService">;
}

/** A job that a service runs in. */
export interface JobPlace {
  readonly namespace: string;
  readonly job: string;
}

/** Where a service runs. */
export interface Found {
  /** By job. None if it runs by something else than Nomad, or nowhere. */
  readonly places: readonly (JobPlace & { readonly sites: readonly Site[] })[];
  /** True if an instance is that of an allocation that Nomad doesn't know, or doesn't show us. */
  readonly isHidden: boolean;
  /** Why it isn't known whether a job is named as the service, where there is no instance to tell. */
  readonly unknown?: ApiError;
}

type Place = Found["places"][number];

/** Names of services that Nomad registers: `_nomad-task-<allocation>-group-<group>-<service>-<port>`, or of one task. */
const INSTANCE = /^_nomad-task-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-(.+)$/;

/** Remembered allocations beyond which all are looked up anew. */
const MOST_REMEMBERED = 50_000;

/**
 * Finds the jobs of services. An allocation's job never changes, so that is remembered; what else Nomad says is asked for
 * again in each round, once for each job however many services it has.
 */
export class Workloads {
  readonly #options: WorkloadsOptions;
  /** By allocation. */
  readonly #placeOf = new Map<string, JobPlace & { readonly group: string }>();
  #jobs = new Map<string, Promise<NomadJob | undefined>>();
  #workloads = new Map<string, Promise<Omit<Workload, "sites"> | undefined>>();
  #namespaces: Promise<ReadonlyMap<string, readonly string[]>> | undefined;

  constructor(options: WorkloadsOptions) {
    this.#options = options;
  }

  /** What was read of jobs is read again from here on. */
  beginRound(): void {
    this.#jobs = new Map();
    this.#workloads = new Map();
    this.#namespaces = undefined;
    if (this.#placeOf.size > MOST_REMEMBERED) this.#placeOf.clear();
  }

  /**
   * The jobs that a service runs in, by the instances that stand in the catalog. Before its first instance there is
   * none; then a job of the service's own name counts if it has a service so named.
   *
   * @throws {ApiError}
   */
  async find(service: string, signal: AbortSignal): Promise<Found> {
    const instances = await this.#options.consul.catalogService(service, signal);
    const ids = [...instances.map(({ id }) => id), ...(await this.#registered(service, signal))];
    if (ids.length === 0) return await this.#named(service, signal);
    const sites = new Map<string, { readonly place: JobPlace; readonly sites: Site[] }>();
    let isHidden = false;
    const instancesOfJobs = ids.flatMap((id) => parseInstance(id) ?? []);
    for (const { allocation, rest } of instancesOfJobs) {
      const place = await this.#ofAllocation(allocation, instancesOfJobs.length > 1, signal);
      if (place === undefined) {
        isHidden = true;
        continue;
      }
      const site = siteOf(rest, place.group, await this.job(place, signal));
      const found = sites.get(keyOf(place)) ?? { place, sites: [] };
      sites.set(keyOf(place), found);
      if (!found.sites.some((one) => one.group === site.group && one.task === site.task))
        found.sites.push(site);
    }
    const places = [...sites.values()].map(({ place: { namespace, job }, sites: list }): Place => ({
      namespace,
      job,
      sites: list,
    }));
    return { places, isHidden };
  }

  /** The newest version of a job. Undefined if there is none any more. */
  async job(place: JobPlace, signal: AbortSignal): Promise<NomadJob | undefined> {
    return await this.#once(
      this.#jobs,
      place,
      async () => await this.#options.jobs.job(place.job, place.namespace, signal),
    );
  }

  /** A job with its allocations, and the older versions that they run. Undefined if there is none any more. */
  async workload(place: Place, signal: AbortSignal): Promise<Workload | undefined> {
    const found = await this.#once(this.#workloads, place, async () => await this.#read(place, signal));
    return found === undefined ? undefined : { ...found, sites: place.sites };
  }

  async #read(place: JobPlace, signal: AbortSignal): Promise<Omit<Workload, "sites"> | undefined> {
    const { jobs } = this.#options;
    const job = await this.job(place, signal);
    if (job === undefined) return undefined;
    const allocations = await jobs.allocations(place.job, place.namespace, signal);
    for (const { id, group } of allocations) this.#placeOf.set(id, { ...place, group });
    const isMixed = allocations.some(
      ({ clientStatus, jobVersion }) => clientStatus === "running" && jobVersion !== job.version,
    );
    const older = isMixed ? await jobs.versions(place.job, place.namespace, signal) : [];
    return { job, allocations, older: new Map(older.map((one) => [one.version, one])) };
  }

  /** @param hasOthers True if it is one of several: most likely of one job, whose list tells of all of them. */
  async #ofAllocation(
    id: string,
    hasOthers: boolean,
    signal: AbortSignal,
  ): Promise<(JobPlace & { readonly group: string }) | undefined> {
    const known = this.#placeOf.get(id);
    if (known !== undefined) return known;
    const found = await this.#options.jobs.jobOfAllocation(id, signal);
    if (found === undefined) return undefined;
    const place = { namespace: found.namespace, job: found.job, group: found.group };
    this.#placeOf.set(id, place);
    if (hasOthers) await this.#once(this.#workloads, place, async () => await this.#read(place, signal));
    return place;
  }

  async #registered(service: string, signal: AbortSignal): Promise<readonly string[]> {
    const { registered } = this.#options;
    if (registered === undefined) return [];
    this.#namespaces ??= registered.namespaces(signal);
    const found: string[] = [];
    for (const namespace of (await this.#namespaces).get(service) ?? [])
      found.push(...(await registered.instances(service, namespace, signal)));
    return found;
  }

  /** Nobody said that the service is one of Nomad's: a guess that fails is no failure of its own. */
  async #named(service: string, signal: AbortSignal): Promise<Found> {
    try {
      const job = await this.#options.jobs.job(service, undefined, signal);
      const sites = job === undefined || job.isStopped ? [] : sitesNamed(service, job);
      if (job === undefined || sites.length === 0) return { places: [], isHidden: false };
      return { places: [{ namespace: job.namespace, job: job.id, sites }], isHidden: false };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError)) throw error;
      return { places: [], isHidden: false, unknown: error };
    }
  }

  async #once<T>(known: Map<string, Promise<T>>, place: JobPlace, read: () => Promise<T>): Promise<T> {
    const key = keyOf(place);
    const reading = known.get(key) ?? read();
    known.set(key, reading);
    return await reading;
  }
}

function keyOf({ namespace, job }: JobPlace): string {
  return `${namespace}\0${job}`;
}

function parseInstance(id: string): { readonly allocation: string; readonly rest: string } | undefined {
  const [, allocation, rest] = INSTANCE.exec(id) ?? [];
  return allocation === undefined || rest === undefined ? undefined : { allocation, rest };
}

/** A task's name comes first in the id of its service. Of two that both fit, the longer is meant. */
function siteOf(rest: string, group: string, job: NomadJob | undefined): Site {
  if (rest.startsWith(`group-${group}-`)) return { group, task: undefined };
  const tasks = job?.groups.find(({ name }) => name === group)?.tasks.map(({ name }) => name) ?? [];
  const task = tasks.filter((name) => rest.startsWith(`${name}-`)).sort((a, b) => b.length - a.length)[0];
  return { group, task };
}

/** Where a job has a service of this name, as far as the name can be told before it runs. */
function sitesNamed(service: string, { id, groups }: NomadJob): readonly Site[] {
  const filled = (name: string, group: string, task: string): string =>
    name
      .replaceAll(/\$\{(?:NOMAD_JOB_NAME|JOB)\}/g, id)
      .replaceAll(/\$\{(?:NOMAD_GROUP_NAME|TASKGROUP)\}/g, group)
      .replaceAll(/\$\{(?:NOMAD_TASK_NAME|TASK)\}/g, task)
      .replaceAll("${BASE}", `${id}-${group}-${task}`);
  return groups.flatMap((group): readonly Site[] => [
    ...(group.services.some((name) => filled(name, group.name, "") === service)
      ? [{ group: group.name, task: undefined }]
      : []),
    ...group.tasks
      .filter(({ name, services }) => services.some((one) => filled(one, group.name, name) === service))
      .map(({ name }) => ({ group: group.name, task: name })),
  ]);
}
