import type { Resolution, Wish } from "../../crds/resolve.ts";
import { remember } from "../../engine/plan/compile.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { Condition } from "../../engine/status/status.ts";
import { packParts } from "../pack-parts.ts";
import type { Place } from "./choose.ts";

export const PLACED = "Placed";

/** True if this machine does what only one may do of a service. Nobody does until the leader has chosen. */
export function isPlacedHere(
  { node, placed }: Pick<NodeSnapshot, "node" | "placed">,
  service: string,
): boolean {
  return placed.get(service) === node.name;
}

/**
 * The services for which a machine is chosen: those whose pack has something that only one may do, whether their wishes
 * ask for it or not. So a choice outlives a wish that comes and goes, and no second machine begins while the first ends.
 *
 * @returns what of it is on now, by service: options as they are written in documents, and polls; `unknown` while a
 *   wish can't be read, so that nothing changes.
 */
export function placeable(
  services: ReadonlyMap<string, Resolution>,
  clusterId: string,
): ReadonlyMap<string, readonly string[] | "unknown"> {
  const wanted = new Map<string, readonly string[] | "unknown">();
  for (const [service, resolution] of services) {
    const pack = resolution.state === "accepted" ? resolution.wish.pack : undefined;
    const known = resolution.state === "held" ? resolution.known?.pack : undefined;
    if (resolution.state === "accepted" && pack !== undefined && mayPlace(pack))
      wanted.set(service, placedNow(resolution.wish, clusterId));
    else if (known !== undefined && mayPlace(known)) wanted.set(service, []);
    else if (resolution.state === "held" && resolution.known === undefined) wanted.set(service, "unknown");
  }
  return wanted;
}

const mayPlace = remember(
  ({ options, polls }: Wish["pack"]) =>
    Object.keys(polls).length > 0 || Object.values(options).some(({ placement }) => placement === "one"),
);

function placedNow(wish: Wish, clusterId: string): readonly string[] {
  const { options, polls } = packParts(wish, clusterId);
  const on = Object.entries(wish.pack.options).filter(
    ([name, { placement }]) => placement === "one" && options[name] !== undefined && options[name] !== false,
  );
  return [...on.map(([name]) => `agent.${name}`), ...polls.keys()];
}

/** Says where it is done. Undefined if nothing of it is on. */
export function placedCondition(what: readonly string[], place: Place | undefined): Condition | undefined {
  if (what.length === 0) return undefined;
  const say = (status: Condition["status"], reason: string, message: string): Condition => ({
    type: PLACED,
    status,
    reason,
    message,
  });
  const names = what.join(", ");
  if (place === undefined)
    return say(
      "Unknown",
      "ChoosingMachine",
      `${names}: for one machine only, and none that runs it has reported yet`,
    );
  if (place.lostAtMs !== undefined)
    return say(
      "Unknown",
      "HandingOver",
      `${names}: took effect on ${place.node}, which is gone; another machine takes over three minutes later`,
    );
  return say("True", "Chosen", `${names}: on ${place.node} only`);
}
