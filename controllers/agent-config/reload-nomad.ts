import { ApiError } from "../../clients/errors.ts";
import { NOMAD_SIGNALS, type Nomad, type NomadAllocation, type NomadSignal } from "../../clients/nomad.ts";
import { didYouMean } from "../../crds/suggest.ts";

/** The Agent's task, as `nomad:<job>/<task>` names it. */
export interface NomadTask {
  readonly job: string;
  readonly task: string;
  /** Undefined for that of NOMAD_NAMESPACE. */
  readonly namespace: string | undefined;
  /** Undefined to restart the task instead. */
  readonly signal: NomadSignal | undefined;
}

const FORM = "nomad:<job>/<task>, with ?signal=SIGHUP and &namespace=<name> if need be";

/**
 * Parses what stands behind `nomad:`. The names of signals are a closed list: Nomad sends SIGINT, which ends the
 * Agent, for a name that it doesn't know.
 *
 * @throws {Error} that says what is wrong and what would be right.
 */
export function parseNomadTask(text: string): NomadTask {
  const [, job, task, search] = /^([^\s?]+)\/([^\s/?]+)(?:\?(\S*))?$/.exec(text) ?? [];
  if (job === undefined || task === undefined)
    throw new Error(`The reload "nomad:${text}" names no task; give ${FORM}`);
  const query = new URLSearchParams(search);
  const unknown = [...query.keys()].find((name) => name !== "signal" && name !== "namespace");
  if (unknown !== undefined)
    throw new Error(`The reload "nomad:${text}" has ${unknown}, which means nothing; give ${FORM}`);
  const name = query.get("signal") ?? undefined;
  const signal = NOMAD_SIGNALS.find((one) => one === name);
  if (name !== undefined && signal === undefined)
    throw new Error(
      `The reload "nomad:${text}" has the signal ${JSON.stringify(name)}, which is none of ${NOMAD_SIGNALS.join(", ")}${didYouMean(name.toUpperCase(), NOMAD_SIGNALS)}`,
    );
  return { job, task, namespace: query.get("namespace") ?? undefined, signal };
}

/** The calls that a reload needs. */
export type NomadTasks = Pick<
  Nomad,
  "agentSelf" | "allocation" | "jobAllocations" | "restartTask" | "signalTask"
>;

/** This machine, as Nomad sees it. */
export interface NomadPlace {
  readonly nomad: NomadTasks;
  /** The allocation that we run in ourselves, if we do: NOMAD_ALLOC_ID. */
  readonly ownAllocation: string | undefined;
}

/**
 * Restarts or signals the Agent's task on this machine, and on no other.
 *
 * @returns In how many allocations.
 * @throws {ApiError} if there is none, or Nomad refuses.
 */
export async function reloadNomadTask(
  { job, task, namespace, signal: name }: NomadTask,
  { nomad, ownAllocation }: NomadPlace,
  signal: AbortSignal,
): Promise<number> {
  const nodeId = await nodeIdOf({ nomad, ownAllocation }, signal);
  const here = (await nomad.jobAllocations(job, namespace, signal)).filter(
    (allocation) => allocation.nodeId === nodeId && runs(allocation, task),
  );
  if (here.length === 0)
    throw new ApiError(
      `${name === undefined ? "restart" : "signal"} the task "${task}" of the job "${job}"`,
      "no allocation of the job runs it on this machine",
      {
        failure: "notFound",
        hint: `Look at "nomad job status${namespace === undefined ? "" : ` -namespace ${namespace}`} ${job}", and put DD_OBSERVE_AGENT_RELOAD right if the job, the task or the namespace has another name.`,
      },
    );
  for (const allocation of here) {
    const ref = { allocation: allocation.id, task, namespace: allocation.namespace };
    if (name === undefined) await nomad.restartTask(ref, signal);
    else await nomad.signalTask(ref, name, signal);
  }
  return here.length;
}

/** The list of a job has allocations of long ago: one that ended, or whose task did, has nothing to restart. */
function runs({ clientStatus, desiredStatus, tasks }: NomadAllocation, task: string): boolean {
  return clientStatus === "running" && desiredStatus === "run" && tasks.get(task) === "running";
}

/** Beside the Agent in one group, our own allocation says where we are, and that needs fewer rights. */
async function nodeIdOf({ nomad, ownAllocation }: NomadPlace, signal: AbortSignal): Promise<string> {
  if (ownAllocation !== undefined) {
    const own = await nomad.allocation(ownAllocation, signal);
    if (own !== undefined) return own.nodeId;
  }
  const { nodeId } = await nomad.agentSelf(signal);
  if (nodeId !== undefined) return nodeId;
  throw new ApiError("find this machine among Nomad's nodes", "the agent there runs no client", {
    failure: "rejected",
    hint: "Set NOMAD_ADDR to the Nomad client of this machine.",
  });
}
