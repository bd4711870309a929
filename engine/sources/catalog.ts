import { isDeepStrictEqual } from "node:util";

import { ApiError } from "../../clients/errors.ts";

/** One instance of a service on one node. */
export interface RawInstance {
  readonly id: string;
  readonly service: string;
  /** Its own, or its node's if it has none. */
  readonly address: string;
  readonly port: number;
  /** Sorted, since Consul gives them in any order. */
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /** Of an instance that Nomad registered itself: the namespace of its job. */
  readonly nomadNamespace?: string;
}

/** Tags of every service, sorted, by its name. */
export type Catalog = ReadonlyMap<string, readonly string[]>;

/** Instances of one node by service, sorted by id. */
export type Instances = ReadonlyMap<string, readonly RawInstance[]>;

export interface NodeView {
  readonly node: { readonly name: string; readonly address: string };
  readonly instances: Instances;
}

/** Brings `previous` up to an answer of `/v1/catalog/services`. What did not change is the same object as before. */
export function foldCatalog(previous: Catalog, body: unknown): Catalog {
  if (!isRecord(body)) throw wrongShape("the services");
  const names = Object.keys(body);
  let next: Map<string, readonly string[]> | undefined =
    names.length === previous.size ? undefined : new Map();
  for (const [at, name] of names.entries()) {
    const tags = body[name] as readonly string[] | null;
    const known = previous.get(name);
    const same = known !== undefined && hasSameTags(known, tags ?? []);
    if (next === undefined && !same) {
      // Only equal ones so far: they are the first `at` names.
      next = new Map(names.slice(0, at).map((one) => [one, previous.get(one) ?? []]));
    }
    next?.set(name, same ? known : (tags ?? []).toSorted());
  }
  return next ?? previous;
}

function hasSameTags(sorted: readonly string[], tags: readonly string[]): boolean {
  if (sorted.length !== tags.length) return false;
  if (sorted.every((tag, at) => tag === tags[at])) return true;
  const others = tags.toSorted();
  return sorted.every((tag, at) => tag === others[at]);
}

interface WireService {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[] | null;
  readonly Meta: Readonly<Record<string, string>> | null;
}

/**
 * Brings `previous` up to an answer of `/v1/catalog/node/<node>`. What did not change is the same object as before.
 *
 * @returns Undefined if the answer is about no node: it is not known, or may not be read.
 */
export function foldNode(previous: NodeView | undefined, body: unknown): NodeView | undefined {
  if (body === null) return undefined;
  if (!isRecord(body) || !isRecord(body["Node"]) || !isRecord(body["Services"])) throw wrongShape("the node");
  const { Node: name, Address: address } = body["Node"] as {
    readonly Node: string;
    readonly Address: string;
  };
  const byService = new Map<string, RawInstance[]>();
  for (const service of Object.values(body["Services"]) as WireService[]) {
    const list = byService.get(service.Service) ?? [];
    byService.set(service.Service, list);
    list.push(instanceOf(service, address));
  }
  for (const list of byService.values()) list.sort((a, b) => (a.id < b.id ? -1 : 1));

  const before: Instances = previous?.instances ?? new Map();
  const instances = keepEqual(before, byService);
  const node = { name, address };
  if (previous === undefined) return { node, instances };
  const sameNode = isDeepStrictEqual(previous.node, node);
  if (sameNode && instances === before) return previous;
  return { node: sameNode ? previous.node : node, instances };
}

function instanceOf(service: WireService, nodeAddress: string): RawInstance {
  return {
    id: service.ID,
    service: service.Service,
    address: service.Address === "" ? nodeAddress : service.Address,
    port: service.Port,
    tags: (service.Tags ?? []).toSorted(),
    meta: service.Meta ?? {},
  };
}

function keepEqual(before: Instances, after: ReadonlyMap<string, RawInstance[]>): Instances {
  let changed = before.size !== after.size;
  const kept = new Map<string, readonly RawInstance[]>();
  for (const [service, list] of after) {
    const known = before.get(service);
    const same = known !== undefined && isDeepStrictEqual(known, list);
    if (!same) changed = true;
    kept.set(service, same ? known : list);
  }
  return changed ? kept : before;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrongShape(what: string): ApiError {
  return new ApiError(`read ${what} from Consul`, "the answer has another shape", { failure: "unavailable" });
}
