import { isPausedByWish, type Resolution } from "../crds/resolve.ts";
import { isReserved } from "../crds/names.ts";
import {
  summarize,
  type Condition,
  type ServiceStatus,
  type StoredCondition,
} from "../engine/status/status.ts";
import { orderInWords, type ClusterFacts } from "./facts.ts";

/** One service as it stands: what it wishes, what the operator says of it, and the sum of both. */
export interface ServiceView {
  readonly service: string;
  readonly resolution: Resolution | undefined;
  readonly statuses: readonly ServiceStatus[];
  readonly ready: Condition;
  readonly stalled: Condition;
  /** When something last changed, ISO 8601. */
  readonly since: string | undefined;
}

export interface WrittenCondition extends StoredCondition {
  /** `controller` or the node's name. */
  readonly writer: string;
}

/**
 * The sum of what is known of one service.
 *
 * @param resolution What the service wishes, worked out afresh from the catalog and its document.
 */
export function viewOf(
  service: string,
  resolution: Resolution | undefined,
  { statuses, leader, paused }: Pick<ClusterFacts, "statuses" | "leader" | "paused">,
): ServiceView {
  const written = statuses.get(service) ?? [];
  const conditions = conditionsOf(written);
  const own = [
    restingOf(service, resolution, paused),
    notSeen(resolution, written, leader !== undefined),
  ].filter((condition) => condition !== undefined);
  const [ready, stalled] = summarize([...own, ...conditions]);
  const since = conditions
    .map(({ lastTransitionTime }) => lastTransitionTime)
    .sort()
    .at(-1);
  return { service, resolution, statuses: written, ready: ready!, stalled: stalled!, since };
}

export function conditionsOf(statuses: readonly ServiceStatus[]): readonly WrittenCondition[] {
  return statuses.flatMap(({ writer, conditions }) => conditions.map((one) => ({ ...one, writer })));
}

function restingOf(
  service: string,
  resolution: Resolution | undefined,
  paused: ClusterFacts["paused"],
): Condition | undefined {
  const order = paused.get(service);
  if (order === undefined && !isPausedByWish(resolution)) return undefined;
  const how = order === undefined ? "by its wish" : `by command ${orderInWords(order)}`.trim();
  return { type: "Resting", status: "False", reason: "Paused", message: `paused ${how}` };
}

/** What is to be said of a wish that no controller has looked at as it is now. */
function notSeen(
  resolution: Resolution | undefined,
  statuses: readonly ServiceStatus[],
  hasLeader: boolean,
): Condition | undefined {
  if (resolution === undefined) return undefined;
  const say = (status: Condition["status"], reason: string, message: string): Condition => ({
    type: "Seen",
    status,
    reason,
    message,
  });
  const seen = statuses.find(({ writer }) => writer === "controller");
  const isNewest = seen !== undefined && seen.generation >= resolution.generation;
  if (isNewest) return undefined;
  if (resolution.state === "held")
    return say("False", "InvalidWish", resolution.problems[0]?.message ?? "the wish cannot be read");
  const what = seen === undefined && !isReserved(resolution.service) ? "the service" : "the newest document";
  return hasLeader
    ? say("Unknown", "NotSeenYet", `the controller has not seen ${what} yet`)
    : say("Unknown", "NoController", `no controller runs, and none has seen ${what}`);
}

/** What the nodes say of a service's file. */
export function filesOf({ statuses }: Pick<ServiceView, "statuses">) {
  return statuses
    .filter(({ writer }) => writer !== "controller")
    .map(({ writer, conditions }) => ({
      node: writer,
      written: conditions.find(({ type }) => type === "ConfigWritten"),
      loaded: conditions.find(({ type }) => type === "AgentLoaded"),
    }));
}
