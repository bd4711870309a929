import { isDeepStrictEqual } from "node:util";

import { notNomad } from "../../clients/nomad-answer.ts";
import { type NomadService } from "../../clients/nomad-services.ts";
import type { Catalog, Instances, RawInstance } from "./catalog.ts";

/** Which of Nomad's namespaces count: all, or those that are named. */
export type NomadNamespaces = "all" | readonly string[];

export function isWanted(wanted: NomadNamespaces, namespace: string): boolean {
  return wanted === "all" || wanted.includes(namespace);
}

/** The services that Nomad keeps itself. */
export interface NomadCatalog {
  /** Tags by service, sorted, united over all namespaces that have one of the name. */
  readonly tags: Catalog;
  /** The namespaces that have a service of the name, sorted. */
  readonly namespaces: ReadonlyMap<string, readonly string[]>;
}

interface WireNamespace {
  readonly Namespace: string;
  readonly Services:
    | readonly { readonly ServiceName: string; readonly Tags: readonly string[] | null }[]
    | null;
}

/** Brings `previous` up to an answer of `/v1/services?namespace=*`. What did not change is the same object as before. */
export function foldNomadCatalog(
  previous: NomadCatalog | undefined,
  body: unknown,
  wanted: NomadNamespaces,
): NomadCatalog {
  if (!Array.isArray(body)) throw notNomad("watch Nomad's services", undefined);
  const tags = new Map<string, Set<string>>();
  const namespaces = new Map<string, Set<string>>();
  for (const { Namespace: namespace, Services: services } of body as readonly WireNamespace[]) {
    if (!isWanted(wanted, namespace)) continue;
    for (const service of services ?? []) {
      add(tags, service.ServiceName, service.Tags ?? []);
      add(namespaces, service.ServiceName, [namespace]);
    }
  }
  const next = {
    tags: sorted(previous?.tags, tags),
    namespaces: sorted(previous?.namespaces, namespaces),
  };
  return next.tags === previous?.tags && next.namespaces === previous.namespaces ? previous : next;
}

function add(lists: Map<string, Set<string>>, name: string, values: readonly string[]): void {
  const list = lists.get(name) ?? new Set();
  lists.set(name, list);
  for (const value of values) list.add(value);
}

function sorted(
  before: ReadonlyMap<string, readonly string[]> | undefined,
  after: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlyMap<string, readonly string[]> {
  const lists = new Map([...after].map(([name, values]) => [name, [...values].sort()] as const));
  return keepEqual(before, lists);
}

/** `after`, with the objects of `before` where they are equal; `before` itself if all are. */
export function keepEqual<Value>(
  before: ReadonlyMap<string, Value> | undefined,
  after: ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  let isSame = before?.size === after.size;
  const kept = new Map<string, Value>();
  for (const [name, value] of after) {
    const known = before?.get(name);
    const isEqual = known !== undefined && (known === value || isDeepStrictEqual(known, value));
    isSame &&= isEqual;
    kept.set(name, isEqual ? known : value);
  }
  return isSame && before !== undefined ? before : kept;
}

/** The instances of one node that Nomad registered, by service. */
export function nomadInstances(
  previous: Instances | undefined,
  registrations: Iterable<NomadService>,
  nodeAddress: string,
): Instances {
  const byService = new Map<string, RawInstance[]>();
  for (const { id, service, address, port, tags, namespace } of registrations) {
    const list = byService.get(service) ?? [];
    byService.set(service, list);
    list.push({
      id,
      service,
      address: address === "" ? nodeAddress : address,
      port,
      tags,
      meta: {},
      nomadNamespace: namespace,
    });
  }
  for (const list of byService.values()) list.sort((a, b) => (a.id < b.id ? -1 : 1));
  return keepEqual<readonly RawInstance[]>(previous, byService);
}

/**
 * Consul's services and Nomad's as one catalog. A service is its name: what both have, or two namespaces, is one
 * service, with the tags of all its instances. So it is with the instances of a name within Consul.
 *
 * @param previous What was joined last, for the identity of what did not change.
 */
export function joinCatalogs(previous: Catalog | undefined, consul: Catalog, nomad: Catalog): Catalog {
  return join(previous, consul, nomad, (ours, theirs) => [...new Set([...ours, ...theirs])].sort());
}

/** The same for the instances of one node. */
export function joinInstances(
  previous: Instances | undefined,
  consul: Instances,
  nomad: Instances,
): Instances {
  return join(previous, consul, nomad, (ours, theirs) =>
    [...ours, ...theirs].sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
}

function join<Value>(
  previous: ReadonlyMap<string, Value> | undefined,
  consul: ReadonlyMap<string, Value>,
  nomad: ReadonlyMap<string, Value>,
  unite: (ours: Value, theirs: Value) => Value,
): ReadonlyMap<string, Value> {
  if (nomad.size === 0) return consul;
  const all = new Map(consul);
  for (const [name, theirs] of nomad) {
    const ours = all.get(name);
    const value = ours === undefined ? theirs : unite(ours, theirs);
    const known = previous?.get(name);
    all.set(name, known !== undefined && isDeepStrictEqual(known, value) ? known : value);
  }
  return all;
}
