import { hostInUrl, refusedAddress } from "../../crds/address.ts";
import { fillIn, fillInText, type Variables } from "../../crds/fill-in.ts";
import type { PackPoll } from "../../crds/pack-manifest.ts";
import type { Policy } from "../../crds/policy.ts";
import type { Wish } from "../../crds/resolve.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import { packParts } from "../pack-parts.ts";
import { isPlacedHere } from "../placement/wishes.ts";
import { allTags } from "../scope.ts";

/** One number that is asked for again and again, and sent to the local Agent as a gauge. */
export interface Poll {
  /** `temporal/running/default`: the service, the poll's name in the pack, and what it is repeated for. */
  readonly key: string;
  readonly service: string;
  readonly url: string;
  /** Where the number stands in the answer: a JSON pointer. */
  readonly pointer: string;
  readonly whenAbsent: number | undefined;
  readonly metric: string;
  readonly tags: readonly string[];
  readonly intervalMs: number;
  /** What the person can do if there is no number. */
  readonly hint: string | undefined;
}

/** What one machine has to ask for. */
export interface DesiredPolls {
  readonly polls: ReadonlyMap<string, Poll>;
  /** Services of which it isn't known now what they want: what goes on for them goes on. */
  readonly held: ReadonlySet<string>;
  /** Services that want polls and can't have them, and why. */
  readonly refused: ReadonlyMap<string, string>;
}

export interface PollGround {
  readonly clusterId: string;
  readonly policy: Policy;
}

/**
 * Works out which numbers one machine has to ask its instances for. Pure.
 *
 * A poll speaks of the service as a whole, so one machine asks one instance, whichever of several comes first.
 */
export function compilePolls(snapshot: NodeSnapshot, ground: PollGround): DesiredPolls {
  const { services, instances, placed, paused, node } = snapshot;
  const polls = new Map<string, Poll>();
  const held = new Set<string>();
  const refused = new Map<string, string>();
  // Few services have a place. Not even what is held goes on where another machine begins it.
  for (const service of placed.keys()) {
    const resolution = services.get(service);
    if (resolution === undefined || !isPlacedHere(snapshot, service)) continue;
    if (resolution.state === "held" || paused.has(service)) held.add(service);
    if (resolution.state !== "accepted" || held.has(service)) continue;
    if (resolution.wish.paused) held.add(service);
    else {
      const [instance] = instances.get(service) ?? [];
      if (instance === undefined || Object.keys(resolution.wish.pack.polls).length === 0) continue;
      const wanted = pollsOf(resolution.wish, hostInUrl(instance.address), ground);
      const wrong = refusedAddress(instance.address, [...ground.policy.endpointHosts, node.name]);
      if (wrong === undefined) for (const poll of wanted) polls.set(poll.key, poll);
      else if (wanted.length > 0) refused.set(service, `instance ${instance.id} cannot be asked: ${wrong}`);
    }
  }
  return { polls, held, refused };
}

function pollsOf(wish: Wish, host: string, { clusterId }: PollGround): readonly Poll[] {
  const { polls, options, variables } = packParts(wish, clusterId);
  const tags = allTags(wish, clusterId);
  return [...polls].flatMap(([name, poll]) =>
    repeated(poll, options).map((each) => ({
      key: [wish.service, name, ...(each === undefined ? [] : [each])].join("/"),
      service: wish.service,
      ...filledIn(poll, { ...variables, host, ...(each === undefined ? {} : { each }) }, tags),
    })),
  );
}

/** What a poll is repeated for: each value of a list option, or nothing. */
function repeated(
  { each }: PackPoll,
  options: Readonly<Record<string, unknown>>,
): readonly (string | undefined)[] {
  if (each === undefined) return [undefined];
  return [...new Set([options[each] ?? []].flat().map(String))];
}

function filledIn(
  poll: PackPoll,
  variables: Variables,
  tags: readonly string[],
): Omit<Poll, "key" | "service"> {
  return {
    url: fillInText(poll.url, inUrl(variables)),
    pointer: poll.value,
    whenAbsent: poll.whenAbsent,
    metric: fillInText(poll.metric, variables),
    tags: [...new Set([...tags, ...(fillIn(poll.tags, variables) as readonly string[])])].sort(),
    intervalMs: poll.intervalSeconds * 1000,
    hint: poll.hint,
  };
}

/** A value is one part of a URL and can't become another: neither a path nor a host. */
function inUrl({ host, ...others }: Variables): Variables {
  return {
    host,
    ...Object.fromEntries(
      Object.entries(others).map(([name, value]) => [
        name,
        value === undefined
          ? undefined
          : encodeURIComponent(typeof value === "string" ? value : JSON.stringify(value)),
      ]),
    ),
  };
}
