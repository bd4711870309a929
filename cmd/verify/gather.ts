import type { CatalogInstance, Consul, HealthCheck } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { compileDashboards } from "../../controllers/dashboards/compile.ts";
import type { DocumentText, Resolution } from "../../crds/resolve.ts";
import { foldCatalog } from "../../engine/sources/catalog.ts";
import { CONTROL_KEYS, readPlaced } from "../../engine/sources/control.ts";
import type { RawDocument } from "../../engine/sources/documents.ts";
import { readOnce, SERVICES_REQUEST } from "../../engine/sources/source.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { readLeader, type Leader } from "../../engine/leader/lease.ts";
import { parseStatus, STATUS_KEYS, type ServiceStatus } from "../../engine/status/status.ts";
import type { Config } from "../config.ts";
import { openResolver } from "../connect.ts";
import { instancesOf } from "../instances.ts";
import { parseOrder, type ClusterFacts, type Order } from "../facts.ts";
import type { Look } from "../look.ts";
import type { Learnt } from "./step.ts";

/** What Consul says of one service, each part by itself: a token that may not read one of them still shows the others. */
export interface ServiceFacts {
  readonly service: string;
  readonly instances: Learnt<readonly CatalogInstance[]>;
  readonly checks: Learnt<readonly HealthCheck[]>;
  /** Undefined if there is none. */
  readonly document: Learnt<RawDocument | undefined>;
  readonly defaults: Learnt<RawDocument | undefined>;
  readonly order: Learnt<Order | undefined>;
  readonly leader: Learnt<Leader | undefined>;
  /** Which node does what only one machine may do, by service. */
  readonly placed: Learnt<ReadonlyMap<string, string>>;
  /** What the leader says of it. */
  readonly status: Learnt<ServiceStatus | undefined>;
  /** What the nodes that run it say, by node. */
  readonly nodes: ReadonlyMap<string, Learnt<ServiceStatus | undefined>>;
  /** Of the dashboards that its pack adds a section to, by key. */
  readonly composed: ReadonlyMap<string, Learnt<ServiceStatus | undefined>>;
  /** This machine's name in Consul. */
  readonly self: Learnt<{ readonly node: string; readonly datacenter: string }>;
  readonly resolution: Resolution | undefined;
  /** Of this service alone. */
  readonly snapshot: Snapshot;
}

/**
 * Reads what Consul says of one service: some ten keys and answers, however large the cluster.
 *
 * @throws {ApiError} `unavailable` if Consul doesn't answer at all.
 */
export async function gatherService(consul: Consul, config: Config, service: string): Promise<ServiceFacts> {
  const { kvPrefix, statePrefix } = config;
  const [instances, checks, document, defaults, order, leader, placed, status, self] = await Promise.all([
    learn(instancesOf(consul, config, service)),
    learn(consul.healthChecks(service)),
    learn(readDocument(consul, kvPrefix, service)),
    learn(readDocument(consul, kvPrefix, "_defaults")),
    learn(readOrder(consul, CONTROL_KEYS.paused(statePrefix, service))),
    learn(readLeader(consul, `${statePrefix}/leader`)),
    learn(readPlacement(consul, CONTROL_KEYS.placed(statePrefix), service)),
    learn(readStatus(consul, STATUS_KEYS.ofController(statePrefix) + service)),
    learn(consul.agentSelf()),
  ]);

  const found = "value" in instances ? instances.value : [];
  const tags = [...new Set(found.flatMap((instance) => instance.tags))].sort();
  const documents = new Map<string, RawDocument>();
  for (const one of [document, defaults])
    if ("value" in one && one.value !== undefined) documents.set(one.value.name, one.value);
  const snapshot = openResolver(config).ofCluster(
    { catalog: found.length === 0 ? new Map() : new Map([[service, tags]]), documents },
    "value" in order && order.value !== undefined ? new Set([service]) : new Set(),
  );

  const nodes = new Map<string, ServiceFacts["status"]>();
  for (const node of [...new Set(found.map((instance) => instance.node))].sort())
    nodes.set(node, await learn(readStatus(consul, STATUS_KEYS.ofNode(statePrefix, node) + service)));
  const composed = new Map<string, ServiceFacts["status"]>();
  for (const key of [...(compileDashboards("cluster")(snapshot).composed ?? [])].sort())
    composed.set(key, await learn(readStatus(consul, STATUS_KEYS.ofController(statePrefix) + key)));

  return {
    service,
    instances,
    checks,
    document,
    defaults,
    order,
    leader,
    placed,
    status,
    nodes,
    composed,
    self,
    resolution: snapshot.services.get(service),
    snapshot,
  };
}

/** Services and documents of other names, to tell a slip. None where they may not be read. */
export async function otherNames(
  consul: Consul,
  { kvPrefix }: Pick<Config, "kvPrefix">,
): Promise<{ readonly services: readonly string[]; readonly documents: readonly string[] }> {
  const signal = AbortSignal.timeout(10_000);
  const [catalog, documents] = await Promise.all([
    learn(readOnce(consul, SERVICES_REQUEST, signal, (answer) => foldCatalog(new Map(), answer.body()))),
    learn(consul.kvList(`${kvPrefix}/`, {}, signal)),
  ]);
  return {
    services: "value" in catalog ? [...catalog.value.keys()] : [],
    documents: "value" in documents ? documents.value.map(({ key }) => key.slice(kvPrefix.length + 1)) : [],
  };
}

/** The facts in the form that lists and `describe` work with. What isn't known counts as not there. */
export function lookOf(facts: ServiceFacts, consul: Consul, config: Config, packs: Look["packs"]): Look {
  const valueOf = <T>(learnt: Learnt<T>): T | undefined => ("value" in learnt ? learnt.value : undefined);
  const statuses = [facts.status, ...facts.nodes.values()].flatMap((one) => valueOf(one) ?? []);
  const order = valueOf(facts.order);
  const clusterFacts: ClusterFacts = {
    catalog: new Map(),
    documents: new Map(),
    leader: valueOf(facts.leader),
    hasRun: statuses.length > 0,
    statuses: new Map([[facts.service, statuses]]),
    nodes: new Map(),
    paused: new Map(order === undefined ? [] : [[facts.service, order]]),
    approved: new Map(),
    progress: undefined,
  };
  return { config, consul, facts: clusterFacts, packs, snapshot: facts.snapshot };
}

async function readDocument(
  consul: Consul,
  kvPrefix: string,
  name: string,
): Promise<(RawDocument & DocumentText) | undefined> {
  const entry = await consul.kvGet(`${kvPrefix}/${name}`);
  return entry === undefined ? undefined : { name, text: entry.text, generation: entry.modifyIndex };
}

async function readOrder(consul: Consul, key: string): Promise<Order | undefined> {
  const entry = await consul.kvGet(key);
  return entry === undefined ? undefined : parseOrder(entry.text);
}

async function readPlacement(
  consul: Consul,
  prefix: string,
  service: string,
): Promise<ReadonlyMap<string, string>> {
  const entries = await consul.kvList(`${prefix}${service}/`);
  return readPlaced(entries.map(({ key }) => key.slice(prefix.length)));
}

async function readStatus(consul: Consul, key: string): Promise<ServiceStatus | undefined> {
  const entry = await consul.kvGet(key);
  return entry === undefined ? undefined : parseStatus(entry.text);
}

/** Whatever but silence is something to tell and to go on from. */
export async function learn<T>(asked: Promise<T>): Promise<Learnt<T>> {
  try {
    return { value: await asked };
  } catch (error) {
    if (!(error instanceof ApiError) || error.failure === "unavailable") throw error;
    return { error };
  }
}
