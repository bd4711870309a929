import { IDLE, type Progress, type RestartRequest } from "./progress.ts";

/** Who goes first. Servers do by default: clients of a newer version than their servers are not supported by Nomad. */
export type RestartOrder = "servers-first" | "clients-first" | "by-name";

/**
 * The machine that is next, or undefined if none waits.
 *
 * Within its kind the servers' leader comes last: each leader that goes costs the cluster an election.
 *
 * @param leader The address of the servers' leader, as Nomad says it: `10.0.0.1:4647`. `""` if it isn't known.
 */
export function chooseNext(
  requests: readonly RestartRequest[],
  order: RestartOrder,
  leader: string,
): RestartRequest | undefined {
  const rank = (request: RestartRequest): number => {
    const isLeader = leader !== "" && request.rpcAddress === leader ? 1 : 0;
    if (order === "by-name") return 0;
    const kind = request.isServer === (order === "servers-first") ? 0 : 2;
    return kind + isLeader;
  };
  return requests.toSorted((a, b) => rank(a) - rank(b) || compare(a.node, b.node))[0];
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The record after one machine is done, or gone: who is next, or that nobody waits. */
export function nextTurn(
  requests: readonly RestartRequest[],
  { order, leader }: { readonly order: RestartOrder; readonly leader: string },
  { generation, nowMs }: { readonly generation: number; readonly nowMs: number },
): Progress {
  const next = chooseNext(requests, order, leader);
  if (next === undefined) return IDLE;
  return { step: "turn", node: next.node, generation, since: new Date(nowMs).toISOString() };
}
