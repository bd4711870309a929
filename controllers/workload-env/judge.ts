import type { JobAllocation, JobTask, NomadJob } from "../../clients/nomad-jobs.ts";
import { variablePath } from "../../clients/nomad-variables.ts";
import type { Condition } from "../../engine/status/status.ts";
import { readTemplate, type Sources, type Taking } from "./job-template.ts";
import { JOINED } from "./variable.ts";

/** Where a service runs within a job: its group, and its task if it is that of one task. */
export interface Site {
  readonly group: string;
  readonly task: string | undefined;
}

/** One job that a service runs in. */
export interface Workload {
  /** The newest version. */
  readonly job: NomadJob;
  /** Older ones, as far as Nomad keeps them and an allocation runs them. */
  readonly older: ReadonlyMap<number, NomadJob>;
  readonly sites: readonly Site[];
  /** Of all groups, old and stopped ones too. */
  readonly allocations: readonly JobAllocation[];
}

/** What is wished of one service's environment, and what stands. */
export interface Published {
  readonly service: string;
  readonly statePrefix: string;
  /** By name. */
  readonly variables: Readonly<Record<string, string>>;
  readonly change: "noop" | "restart";
  /** True if it also stands in the job's Nomad Variable. */
  readonly inVariable: boolean;
  /** When it was changed last, in milliseconds since 1970; undefined if nobody noted it. */
  readonly changedMs: number | undefined;
}

/** Whether running tasks take the environment. Without the type, which is the controller's. */
export type Verdict = Omit<Condition, "type">;

/** Whether the jobs take what is published. The gravest of several. Pure. @param workloads At least one. */
export function judge(published: Published, workloads: readonly Workload[]): Verdict {
  const verdicts = workloads.map((workload) => judgeOne(published, workload));
  return verdicts.sort((a, b) => GRAVEST.indexOf(a.reason) - GRAVEST.indexOf(b.reason))[0]!;
}

const GRAVEST = ["JobDoesNotTake", "NotLooked", "TakenAtNextDeploy", "TakenInPart", "JobOverrides", "Taken"];

/** What isn't known, and why. */
export function notLooked(why: string): Verdict {
  return {
    status: "Unknown",
    reason: "NotLooked",
    message: `published; whether the job takes it is not known: ${why}`,
  };
}

function judgeOne(published: Published, workload: Workload): Verdict {
  const { job, sites, allocations } = workload;
  const groups = new Set(sites.map(({ group }) => group));
  const running = allocations.filter(
    (one) => one.clientStatus === "running" && one.desiredStatus === "run" && groups.has(one.group),
  );
  const newest = takersOf(published, job, sites);
  if (newest.state !== "takes") {
    const older = running.filter(({ jobVersion }) => jobVersion !== job.version);
    const isTakenByOlder = older.some((one) => takersIn(published, workload, one).state === "takes");
    return newest.state === "unknown"
      ? notLooked(`the template of ${newest.where} stands in a file, or works out which keys it reads`)
      : doesNotTake(published, newest, isTakenByOlder);
  }
  const waiting = waitingOf(published, workload, running);
  if (waiting !== undefined)
    return { status: atNextDeploy(published), reason: "TakenAtNextDeploy", message: waiting };
  return takes(published, workload, newest.takers, running.length);
}

/** Who wishes that a change be taken up by a deployment has what it wished. */
function atNextDeploy({ change }: Published): Condition["status"] {
  return change === "noop" ? "True" : "False";
}

interface Taker extends Taking {
  readonly task: JobTask;
}

type Takers =
  | { readonly state: "takes"; readonly takers: readonly Taker[] }
  | { readonly state: "none" | "file" | "unknown"; readonly where: string };

/** The templates of a job's tasks that take the service's environment. */
function takersOf(published: Published, job: NomadJob, sites: readonly Site[]): Takers {
  const takers: Taker[] = [];
  const tasks: string[] = [];
  let isUnknown = false;
  let isFile = false;
  for (const { group, task } of sites) {
    const all = job.groups.find(({ name }) => name === group)?.tasks ?? [];
    // A service of the group may be that of any of its main tasks.
    const concerned = all.filter(({ name, hook }) =>
      task === undefined ? hook === undefined : name === task,
    );
    for (const one of concerned) {
      tasks.push(`${group}/${one.name}`);
      for (const template of one.templates) {
        const reading = readTemplate(template, sourcesOf(published, job, group, one.name));
        if (reading === "unknown") isUnknown = true;
        else if (reading === "none") continue;
        else if (reading.isEnvironment) takers.push({ ...reading, task: one });
        else isFile = true;
      }
    }
  }
  if (takers.length > 0) return { state: "takes", takers };
  const names = tasks.length === 0 ? "" : ` (${listed(tasks, "task", "tasks")})`;
  const where = `the job "${job.id}"${names}`;
  return { state: isUnknown ? "unknown" : isFile ? "file" : "none", where };
}

function takersIn(published: Published, workload: Workload, { jobVersion }: JobAllocation): Takers {
  const { job, older, sites } = workload;
  const version = jobVersion === job.version ? job : older.get(jobVersion);
  return version === undefined
    ? { state: "unknown", where: `version ${jobVersion} of the job "${job.id}"` }
    : takersOf(published, version, sites);
}

function sourcesOf(
  { service, statePrefix, inVariable }: Published,
  job: NomadJob,
  group: string,
  task: string,
): Sources {
  const name = job.parentId === "" ? job.id : job.parentId;
  const all = `${statePrefix}/env`;
  return {
    all,
    folder: `${all}/${service}`,
    variable: inVariable ? variablePath(name) : undefined,
    names: {
      NOMAD_JOB_NAME: job.id,
      NOMAD_JOB_ID: job.id,
      NOMAD_JOB_PARENT_ID: name,
      NOMAD_GROUP_NAME: group,
      NOMAD_TASK_NAME: task,
    },
  };
}

function doesNotTake(
  { service }: Published,
  { state, where }: Extract<Takers, { readonly where: string }>,
  isTakenByOlder: boolean,
): Verdict {
  const what =
    state === "file"
      ? `${where} writes it into a file only, without env = true`
      : `no template of ${where} takes it`;
  const before = isTakenByOlder ? "; allocations of an older version still do" : "";
  return {
    status: "False",
    reason: "JobDoesNotTake",
    message: `published, but ${what}${before}. "dd-observe env ${service} -o nomad" prints what to paste into the task`,
  };
}

/** Why running tasks don't have it yet. Undefined if all have. */
function waitingOf(
  published: Published,
  workload: Workload,
  running: readonly JobAllocation[],
): string | undefined {
  const { job } = workload;
  if (running.length === 0)
    return `no allocation of the job "${job.id}" runs; the next one takes it when it starts`;
  const without: JobAllocation[] = [];
  const before: JobAllocation[] = [];
  for (const allocation of running) {
    const found = takersIn(published, workload, allocation);
    if (found.state !== "takes") without.push(allocation);
    else if (found.takers.some((taker) => isBefore(published, allocation, taker))) before.push(allocation);
  }
  const of = `of ${running.length} ${running.length === 1 ? "allocation" : "allocations"} of the job "${job.id}"`;
  if (without.length > 0)
    return `${without.length} ${of} run an older version, which doesn't take it; version ${job.version} does`;
  if (before.length > 0)
    return `${before.length} ${of} started before the last change (${new Date(published.changedMs!).toISOString()}) and take it up when they start again`;
  return undefined;
}

/** True if the task was started with what stood before the last change. By the clocks of two machines. */
function isBefore(
  { changedMs }: Published,
  { startedMs }: JobAllocation,
  { task, restarts }: Taker,
): boolean {
  const started = startedMs.get(task.name);
  return !restarts && changedMs !== undefined && started !== undefined && started < changedMs;
}

function takes(
  { service, variables }: Published,
  { job }: Workload,
  takers: readonly Taker[],
  running: number,
): Verdict {
  const names = Object.keys(variables).sort();
  const left = names.filter((name) => takers.every((taker) => !taker.takes(name)));
  const own = names.filter((name) => takers.some((taker) => setsOtherwise(taker, name, variables[name]!)));
  const kept = own.filter((name) => takers.every((taker) => taker.leavesOwn(name)));
  // Joined ones have both, the job's and ours.
  const overridden = kept.filter((name) => !isJoined(takers, name));
  const replaced = own.filter((name) => !kept.includes(name) && !isJoined(takers, name));
  const where = `the job "${job.id}"`;
  const instead =
    replaced.length === 0
      ? ""
      : `. Its template puts ${listed(replaced, "variable", "variables")} in place of the job's own; the one of "dd-observe env ${service} -o nomad" leaves them`;
  if (left.length > 0) {
    const message = `${where} takes ${names.length - left.length} of ${names.length} variables, without ${listed(left, "variable", "variables")}${instead}`;
    return { status: "True", reason: "TakenInPart", message };
  }
  if (overridden.length > 0) {
    const message = `${where} takes it, and sets ${listed(overridden, "variable", "variables")} itself, which wins${instead}`;
    return { status: "True", reason: "JobOverrides", message };
  }
  const many =
    running === 1 ? `1 allocation of ${where} takes it` : `${running} allocations of ${where} take it`;
  return { status: "True", reason: "Taken", message: `${many}${instead}` };
}

/** Whether the job's own `env` says something else. Empty counts as nothing said. */
function setsOtherwise({ task, takes: isTaken }: Taker, name: string, published: string): boolean {
  const own = Object.hasOwn(task.env, name) ? task.env[name]! : "";
  return isTaken(name) && own !== "" && own !== published;
}

function isJoined(takers: readonly Taker[], name: string): boolean {
  return Object.hasOwn(JOINED, name) && takers.every(({ mentions }) => mentions(name));
}

const MOST_LISTED = 10;

/** At most ten names. */
function listed(names: readonly string[], one: string, many: string): string {
  const more = names.length - MOST_LISTED;
  const shown = names.slice(0, MOST_LISTED).join(", ");
  if (more > 0) return `${shown} and ${more} more ${more === 1 ? one : many}`;
  return `${names.length === 1 ? one : many} ${shown}`;
}
