import type { Nomad, NomadAllocation, NomadSelf } from "../../../clients/nomad.ts";
import { toError } from "../../../clients/errors.ts";

/** What must be in order before a machine begins, and again before the next one does. */
export interface HealthOptions {
  /** The agent of this machine. */
  readonly self: Pick<NomadSelf, "nodeId" | "nodeName">;
  /** Allocations that ran here before. Undefined if that is not known, or not asked. */
  readonly before: readonly string[] | undefined;
}

/** So many names stand in a message. */
const MOST_NAMES = 3;

/**
 * Asks Nomad what is not in order: that a server leads, that all servers are healthy, that this machine
 * is ready, and that what ran on it runs again.
 *
 * @returns sentences; none if all is well. What can't be asked is not in order.
 */
export async function troublesOf(
  nomad: Nomad,
  { self, before }: HealthOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = await Promise.all([
    asked(async () => ((await nomad.statusLeader(signal)) === "" ? ["no Nomad server leads"] : [])),
    asked(async () => await sickServers(nomad, signal)),
    asked(async () => await ownNode(nomad, self, signal)),
    asked(async () => await stoppedAllocations(nomad, self, before, signal)),
  ]);
  signal.throwIfAborted();
  return found.flat();
}

/** Names of the allocations that run on this machine and are meant to. */
export async function runningHere(
  nomad: Nomad,
  { nodeId }: Pick<NomadSelf, "nodeId">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (nodeId === undefined) return [];
  return (await nomad.nodeAllocations(nodeId, signal))
    .filter(({ clientStatus, desiredStatus }) => clientStatus === "running" && desiredStatus === "run")
    .map(({ id }) => id)
    .sort();
}

async function asked(question: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await question();
  } catch (error) {
    const { message, hint } = toError(error) as Error & { readonly hint?: string };
    return [hint === undefined ? message : `${message}. ${hint}`];
  }
}

async function sickServers(nomad: Nomad, signal: AbortSignal): Promise<readonly string[]> {
  const { isHealthy, sick } = await nomad.serverHealth(signal);
  if (isHealthy) return [];
  return [`${sick.length === 0 ? "not all Nomad servers are" : `${named(sick)} not`} healthy`];
}

async function ownNode(
  nomad: Nomad,
  { nodeId, nodeName }: HealthOptions["self"],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (nodeId === undefined) return [];
  const node = await nomad.node(nodeId, signal);
  if (node === undefined) return [`Nomad doesn't know the node ${nodeName}`];
  return node.status === "ready" ? [] : [`Nomad's node ${node.name} is ${node.status}`];
}

async function stoppedAllocations(
  nomad: Nomad,
  { nodeId }: HealthOptions["self"],
  before: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (nodeId === undefined || before === undefined || before.length === 0) return [];
  const known = new Map((await nomad.nodeAllocations(nodeId, signal)).map((one) => [one.id, one]));
  const missing = before.flatMap((id) => {
    const allocation = known.get(id);
    // What ran and is not listed any more was stopped and forgotten.
    return allocation === undefined || isInOrder(allocation) ? [] : [allocation];
  });
  if (missing.length === 0) return [];
  const names = named(missing.map(({ name, clientStatus }) => `${name} (${clientStatus})`));
  return [`of ${before.length} allocations that ran here, ${missing.length} don't: ${names}`];
}

/** A batch job may have ended, and a person may have stopped something meanwhile. */
function isInOrder({ clientStatus, desiredStatus }: NomadAllocation): boolean {
  return clientStatus === "running" || clientStatus === "complete" || desiredStatus !== "run";
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(", ");
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}
