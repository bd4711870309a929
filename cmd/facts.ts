import type { Consul, KvEntry } from "../clients/consul.ts";
import { ApiError } from "../clients/errors.ts";
import { parseNodeStatus, type NodeStatus } from "../controllers/receivers/node-status.ts";
import { parseProgress, progressKey, type Progress } from "../engine/budget/progress.ts";
import { foldCatalog, type Catalog } from "../engine/sources/catalog.ts";
import { CONTROL_KEYS } from "../engine/sources/control.ts";
import { isDocumentName, SENTINEL, type RawDocument } from "../engine/sources/documents.ts";
import { readLeader, type Leader } from "../engine/leader/lease.ts";
import { joinCatalogs } from "../engine/sources/nomad-catalog.ts";
import { readOnce, SERVICES_REQUEST } from "../engine/sources/source.ts";
import { parseStatus, type ServiceStatus } from "../engine/status/status.ts";
import type { Config } from "./config.ts";
import { readNomadCatalog } from "./instances.ts";

/** What a person told the operator by command. */
export interface Order {
  /** Who and when, as far as it is known. */
  readonly by?: string | undefined;
  /** ISO 8601 */
  readonly at?: string | undefined;
  readonly reason?: string | undefined;
}

/** Everything that Consul says about the operator and its services. */
export interface ClusterFacts {
  /** Tags of every service, Nomad's own included where they count. */
  readonly catalog: Catalog;
  readonly documents: ReadonlyMap<string, RawDocument>;
  readonly leader: Leader | undefined;
  /** False if no operator has ever run here. */
  readonly hasRun: boolean;
  /** Of all writers, by service. */
  readonly statuses: ReadonlyMap<string, readonly ServiceStatus[]>;
  /** Services that a person paused by command. */
  readonly paused: ReadonlyMap<string, Order>;
  /** Hashes that a person approved. */
  readonly approved: ReadonlyMap<string, Order>;
  /** What nodes say of themselves, by name. */
  readonly nodes: ReadonlyMap<string, NodeStatus>;
  /** What the leader says of its calls to Datadog. Undefined while there is nothing to say. */
  readonly progress: Progress | undefined;
}

/**
 * Reads what there is to know, with a handful of calls whatever the number of services.
 *
 * @throws {ApiError} with the address or the right that is missing.
 */
export async function readFacts(consul: Consul, config: Config): Promise<ClusterFacts> {
  const { kvPrefix, statePrefix } = config;
  const signal = AbortSignal.timeout(30_000);
  const hasRun = await ensureReadable(consul, kvPrefix);
  const [consuls, nomads, documents, leader, statuses, orders, progress] = await Promise.all([
    readOnce(consul, SERVICES_REQUEST, signal, (answer) => foldCatalog(new Map(), answer.body())),
    readNomadCatalog(config, signal),
    consul.kvList(`${kvPrefix}/`, {}, signal),
    readLeader(consul, `${statePrefix}/leader`, signal),
    consul.kvList(`${statePrefix}/status/`, {}, signal),
    consul.kvList(CONTROL_KEYS.prefix(statePrefix), {}, signal),
    readProgress(consul, statePrefix, signal),
  ]);
  return {
    catalog: joinCatalogs(undefined, consuls, nomads?.tags ?? new Map()),
    documents: documentsOf(documents, `${kvPrefix}/`),
    leader,
    hasRun,
    statuses: byService(statuses.flatMap(({ text }) => parseStatus(text) ?? [])),
    paused: ordersBelow(orders, CONTROL_KEYS.paused(statePrefix, "")),
    approved: ordersBelow(orders, CONTROL_KEYS.approved(statePrefix, "")),
    nodes: new Map(statuses.flatMap(({ text }) => nodeOf(parseNodeStatus(text)))),
    progress,
  };
}

function nodeOf(status: NodeStatus | undefined): readonly (readonly [string, NodeStatus])[] {
  return status === undefined ? [] : [[status.node, status]];
}

/** Undefined also where the token may not read it: the rest can be shown all the same. */
export async function readProgress(
  consul: Consul,
  statePrefix: string,
  signal?: AbortSignal,
): Promise<Progress | undefined> {
  try {
    const entry = await consul.kvGet(progressKey(statePrefix), {}, signal);
    return parseProgress(entry?.text, Date.now());
  } catch (error) {
    if (error instanceof ApiError && error.failure === "unauthorized") return undefined;
    throw error;
  }
}

/**
 * Makes sure that documents can be read: a list that is denied looks like an empty one, a single key doesn't.
 *
 * @returns False if no operator has run here yet.
 * @throws {ApiError} `unauthorized`, `unavailable`
 */
export async function ensureReadable(consul: Consul, kvPrefix: string): Promise<boolean> {
  return (await consul.kvGet(`${kvPrefix}/${SENTINEL}`)) !== undefined;
}

function documentsOf(entries: readonly KvEntry[], prefix: string): ReadonlyMap<string, RawDocument> {
  const documents = new Map<string, RawDocument>();
  for (const { key, text, modifyIndex } of entries) {
    const name = key.slice(prefix.length);
    if (isDocumentName(name)) documents.set(name, { name, text, generation: modifyIndex });
  }
  return documents;
}

function byService(statuses: readonly ServiceStatus[]): ReadonlyMap<string, readonly ServiceStatus[]> {
  const sorted = new Map<string, ServiceStatus[]>();
  for (const status of statuses) {
    const same = sorted.get(status.service);
    if (same === undefined) sorted.set(status.service, [status]);
    else if (status.writer === "controller") same.unshift(status);
    else same.push(status);
  }
  return sorted;
}

function ordersBelow(entries: readonly KvEntry[], prefix: string): ReadonlyMap<string, Order> {
  const orders = new Map<string, Order>();
  for (const { key, text } of entries)
    if (key.startsWith(prefix)) orders.set(key.slice(prefix.length), parseOrder(text));
  return orders;
}

/** A key counts whatever its value: a person may have put it by hand. */
export function parseOrder(text: string): Order {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof value !== "object" || value === null) return {};
  const { by, at, reason } = value as Readonly<Record<string, unknown>>;
  return { by: textOf(by), at: textOf(at), reason: textOf(reason) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value.slice(0, 300) : undefined;
}

/** `by ada at 2026-11-22 10:00 ("testing")` */
export function orderInWords({ by, at, reason }: Order): string {
  return [
    by === undefined ? "" : `by ${by}`,
    at === undefined ? "" : `at ${at}`,
    reason === undefined ? "" : `(${JSON.stringify(reason)})`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** Every service, and every reserved document that is no part of others, that anything is known of. Sorted. */
export function knownServices({ catalog, documents, statuses }: ClusterFacts): readonly string[] {
  const names = [...documents.keys()].filter((name) => name !== "_defaults");
  return [...new Set([...catalog.keys(), ...names, ...statuses.keys()])].sort();
}
