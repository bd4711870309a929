import { z } from "zod";

import { ApiError } from "./errors.ts";
import type { NomadConnection } from "./nomad-connection.ts";
import { notNomad, parseAnswer } from "./nomad-answer.ts";

/** A template of a task, as its job states it. */
export interface JobTemplate {
  /** Undefined if it is read from a file where the task runs. */
  readonly text: string | undefined;
  /** True if what it comes to is the task's environment, and not only a file. */
  readonly isEnvironment: boolean;
  /** What a running task does when it comes to something else. */
  readonly changeMode: string;
  /** True if it is rendered once only, whatever `changeMode` says. */
  readonly once: boolean;
  readonly delimiters: readonly [left: string, right: string];
}

export interface JobTask {
  readonly name: string;
  /** `prestart`, `poststart`, `poststop`; undefined for a main task. */
  readonly hook: string | undefined;
  /** As stated: values may hold `${…}`. */
  readonly env: Readonly<Record<string, string>>;
  readonly services: readonly string[];
  readonly templates: readonly JobTemplate[];
}

export interface JobGroup {
  readonly name: string;
  readonly services: readonly string[];
  readonly tasks: readonly JobTask[];
}

/** One version of a job. */
export interface NomadJob {
  readonly id: string;
  /** Of a dispatched or periodic one; else `""`. */
  readonly parentId: string;
  readonly namespace: string;
  readonly version: number;
  /** True after `nomad job stop`, until it is purged or run again. */
  readonly isStopped: boolean;
  readonly groups: readonly JobGroup[];
}

/** Where a job runs, or ran. */
export interface JobAllocation {
  readonly id: string;
  readonly group: string;
  /** Of the job that it runs. */
  readonly jobVersion: number;
  /** `pending`, `running`, `complete`, `failed`, `lost`, `unknown` */
  readonly clientStatus: string;
  /** `run`, `stop`, `evict` */
  readonly desiredStatus: string;
  /** By task that has started: when it did so last, in milliseconds since 1970 by the clock of its machine. */
  readonly startedMs: ReadonlyMap<string, number>;
}

/** Reads of jobs. Each throws {@link ApiError}; who may not read a namespace is refused, never told that it has none. */
export interface NomadJobs {
  readonly connection: NomadConnection;
  /** The newest version. Undefined if the namespace has no such job. */
  job(id: string, namespace: string | undefined, signal?: AbortSignal): Promise<NomadJob | undefined>;
  /** The versions that Nomad keeps, six unless told otherwise, the newest first. None if there is no such job. */
  versions(id: string, namespace: string, signal?: AbortSignal): Promise<readonly NomadJob[]>;
  /** Old and stopped ones too. None if there is no such job. */
  allocations(id: string, namespace: string, signal?: AbortSignal): Promise<readonly JobAllocation[]>;
  /**
   * The job of an allocation. Undefined if there is none, or if it may not be read: of an allocation that is asked for
   * by its id Nomad doesn't say which.
   */
  jobOfAllocation(
    id: string,
    signal?: AbortSignal,
  ): Promise<{ readonly job: string; readonly namespace: string; readonly group: string } | undefined>;
}

const READ_JOB = (namespace: string): string => `namespace "${namespace}" { capabilities = ["read-job"] }`;

export function nomadJobs(connection: NomadConnection): NomadJobs {
  return {
    connection,
    async job(id, namespace, signal) {
      const tried = `read the job "${id}"`;
      const right = READ_JOB(namespace ?? connection.query["namespace"] ?? "default");
      const query = namespace === undefined ? {} : { namespace };
      const path = `/job/${encodeURIComponent(id)}`;
      const { status, text } = await connection.call({ path, query, tried, right }, signal, [404]);
      if (status !== 404) return jobFrom(parseAnswer(jobWire, text, tried));
      if (/job not found/i.test(text)) return undefined;
      throw notNomad(tried, new Error(`404 ${text.slice(0, 200)}`));
    },
    async versions(id, namespace, signal) {
      const tried = `read the versions of the job "${id}"`;
      const path = `/job/${encodeURIComponent(id)}/versions`;
      const right = READ_JOB(namespace);
      const { status, text } = await connection.call(
        { path, query: { namespace }, tried, right },
        signal,
        [404],
      );
      return status === 404 ? [] : (parseAnswer(versionsWire, text, tried).Versions ?? []).map(jobFrom);
    },
    async allocations(id, namespace, signal) {
      const tried = `list the allocations of the job "${id}"`;
      const path = `/job/${encodeURIComponent(id)}/allocations`;
      const right = READ_JOB(namespace);
      const { text } = await connection.call({ path, query: { namespace }, tried, right }, signal);
      return parseAnswer(z.array(allocationWire), text, tried).map(allocationFrom);
    },
    async jobOfAllocation(id, signal) {
      const tried = `read the allocation ${id}`;
      const path = `/allocation/${encodeURIComponent(id)}`;
      try {
        const { status, text } = await connection.call({ path, tried, right: READ_JOB("*") }, signal, [404]);
        if (status === 404) return undefined;
        const { JobID, Namespace, TaskGroup } = parseAnswer(placeWire, text, tried);
        return { job: JobID, namespace: Namespace, group: TaskGroup };
      } catch (error) {
        // So it answers to whom the namespace is closed.
        if (error instanceof ApiError && /Unknown allocation/.test(error.message)) return undefined;
        throw error;
      }
    },
  };
}

const serviceWire = z.object({ Name: z.string() });
const jobWire = z.object({
  ID: z.string(),
  ParentID: z.string().nullish(),
  Namespace: z.string(),
  Version: z.number(),
  Stop: z.boolean().nullish(),
  TaskGroups: z
    .array(
      z.object({
        Name: z.string(),
        Services: z.array(serviceWire).nullish(),
        Tasks: z
          .array(
            z.object({
              Name: z.string(),
              Lifecycle: z.object({ Hook: z.string() }).nullish(),
              Env: z.record(z.string(), z.string()).nullish(),
              Services: z.array(serviceWire).nullish(),
              Templates: z
                .array(
                  z.object({
                    SourcePath: z.string().nullish(),
                    EmbeddedTmpl: z.string().nullish(),
                    Envvars: z.boolean().nullish(),
                    ChangeMode: z.string().nullish(),
                    Once: z.boolean().nullish(),
                    LeftDelim: z.string().nullish(),
                    RightDelim: z.string().nullish(),
                  }),
                )
                .nullish(),
            }),
          )
          .nullish(),
      }),
    )
    .nullish(),
});
const versionsWire = z.object({ Versions: z.array(jobWire).nullish() });

function jobFrom(wire: z.output<typeof jobWire>): NomadJob {
  return {
    id: wire.ID,
    parentId: wire.ParentID ?? "",
    namespace: wire.Namespace,
    version: wire.Version,
    isStopped: wire.Stop === true,
    groups: (wire.TaskGroups ?? []).map((group) => ({
      name: group.Name,
      services: (group.Services ?? []).map(({ Name }) => Name),
      tasks: (group.Tasks ?? []).map((task) => ({
        name: task.Name,
        hook: task.Lifecycle?.Hook,
        env: task.Env ?? {},
        services: (task.Services ?? []).map(({ Name }) => Name),
        templates: (task.Templates ?? []).map((template) => ({
          text: (template.EmbeddedTmpl ?? "") === "" ? undefined : template.EmbeddedTmpl!,
          isEnvironment: template.Envvars === true,
          changeMode: template.ChangeMode ?? "restart",
          once: template.Once === true,
          delimiters: [template.LeftDelim || "{{", template.RightDelim || "}}"] as const,
        })),
      })),
    })),
  };
}

const placeWire = z.object({ JobID: z.string(), Namespace: z.string(), TaskGroup: z.string() });
const allocationWire = z.object({
  ID: z.string(),
  TaskGroup: z.string(),
  JobVersion: z.number(),
  ClientStatus: z.string(),
  DesiredStatus: z.string(),
  TaskStates: z
    .record(z.string(), z.object({ StartedAt: z.string().nullish(), LastRestart: z.string().nullish() }))
    .nullish(),
});

function allocationFrom(wire: z.output<typeof allocationWire>): JobAllocation {
  const started = Object.entries(wire.TaskStates ?? {}).flatMap(([task, { StartedAt, LastRestart }]) => {
    const times = [StartedAt, LastRestart].map(timeOf).filter((time) => time !== undefined);
    return times.length === 0 ? [] : [[task, Math.max(...times)] as const];
  });
  return {
    id: wire.ID,
    group: wire.TaskGroup,
    jobVersion: wire.JobVersion,
    clientStatus: wire.ClientStatus,
    desiredStatus: wire.DesiredStatus,
    startedMs: new Map(started),
  };
}

/** Go's zero time, of the year 1, stands for never. */
function timeOf(text: string | null | undefined): number | undefined {
  const ms = Date.parse(text ?? "");
  return ms > 0 ? ms : undefined;
}
