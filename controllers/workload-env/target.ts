import type { KvEntry, TxnOp } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Target } from "../../engine/loop/controller.ts";
import { ownerOf, type ObservedObject } from "../../engine/plan/plan.ts";
import type { KvDeps } from "../deps.ts";
import { environmentKey, type EnvironmentBody } from "./compile.ts";
import { ENV_KEYS, parseOwnership, readEnvKey, type Ownership } from "./keys.ts";

export interface EnvTargetOptions extends KvDeps {
  readonly clusterId: string;
  /** The system's own if absent. */
  readonly clock?: Pick<Clock, "wallMs"> | undefined;
}

export interface EnvTarget extends Target<EnvironmentBody> {
  /** When a service's variables were changed last, as it was seen last. Milliseconds since 1970; undefined if nobody noted it. */
  changedMs(service: string): number | undefined;
}

/** What stands of one service. */
export interface Standing {
  /** Variables, ours or not, by name. */
  readonly variables: ReadonlyMap<string, KvEntry>;
  /** The key that says which are ours. */
  readonly record: KvEntry | undefined;
  readonly ownership: Ownership | undefined;
}

/** A transaction takes 64 operations, one of which proves that we lead, and one of which says what is ours. */
const MOST_OPS = 62;

/**
 * The environments of workloads in Consul's KV store: a key for each variable, and one beside them that says which are
 * ours. All keys of a service change in one transaction.
 */
export function envTarget(options: EnvTargetOptions): EnvTarget {
  const { clusterId } = options;
  const changed = new Map<string, number | undefined>();
  return {
    concurrency: 4,
    changedMs: (service) => changed.get(service),

    async observe(signal) {
      signal.throwIfAborted();
      const standing = await readAll(options, signal);
      changed.clear();
      for (const [service, { ownership }] of standing) changed.set(service, msOf(ownership?.changedAt));
      return [...standing].flatMap(([service, one]) => observed(options, service, one) ?? []);
    },

    async apply(action, signal) {
      signal.throwIfAborted();
      const service = ownerOf(action);
      const standing = await readStanding(options, service, signal);
      const tried = `${action.type} the environment of "${service}"`;
      if (standing.record !== undefined && standing.ownership?.owner !== clusterId)
        throw strangersRecord(tried, service, options, standing.ownership);

      if (action.type === "delete") {
        await write(options, tried, deletesOf(options, service, standing), signal);
        changed.delete(service);
        return undefined;
      }
      const { body, retain } = action.desired;
      refuseStrangers(tried, service, options, body, standing);
      const ownership = nextOwnership(options, standing, { body, retain });
      await write(options, tried, changesOf(options, service, standing, { body, ownership }), signal);
      changed.set(service, msOf(ownership.changedAt));
      return { key: environmentKey(service), owner: service, body, ref: ref(options, service), retain };
    },
  };
}

function ref({ statePrefix }: EnvTargetOptions, service: string): string {
  return ENV_KEYS.of(statePrefix, service);
}

async function readAll(
  { consul, statePrefix }: EnvTargetOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Standing>> {
  // One list, so that what is ours and what stands there are of one moment.
  const entries = await consul.kvList(ENV_KEYS.all(statePrefix), { consistent: true }, signal);
  const prefix = ENV_KEYS.owned(statePrefix);
  const records = entries.filter(({ key }) => key.startsWith(prefix));
  const byService = new Map<string, Map<string, KvEntry>>();
  for (const entry of entries) {
    const read = readEnvKey(entry.key, statePrefix);
    if (read === undefined) continue;
    const variables = byService.get(read.service) ?? new Map<string, KvEntry>();
    byService.set(read.service, variables.set(read.name, entry));
  }
  return new Map(
    records.map((record) => {
      const service = record.key.slice(prefix.length);
      const variables = byService.get(service) ?? new Map<string, KvEntry>();
      return [service, { variables, record, ownership: parseOwnership(record.text) }];
    }),
  );
}

/** What stands of one service in Consul, ours or not. */
export async function readStanding(
  { consul, statePrefix }: Pick<EnvTargetOptions, "consul" | "statePrefix">,
  service: string,
  signal: AbortSignal,
): Promise<Standing> {
  const record = await consul.kvGet(ENV_KEYS.ownedOf(statePrefix, service), { consistent: true }, signal);
  const entries = await consul.kvList(ENV_KEYS.of(statePrefix, service), { consistent: true }, signal);
  const variables = new Map<string, KvEntry>();
  for (const entry of entries) {
    const name = readEnvKey(entry.key, statePrefix)?.name;
    if (name !== undefined) variables.set(name, entry);
  }
  return { variables, record, ownership: record === undefined ? undefined : parseOwnership(record.text) };
}

/** Ours alone: what others put beside it is theirs. */
function observed(
  options: EnvTargetOptions,
  service: string,
  { variables, ownership }: Standing,
): ObservedObject<EnvironmentBody> | undefined {
  if (ownership?.owner !== options.clusterId) return undefined;
  const names = ownership.names.filter((name) => variables.has(name)).toSorted();
  const body = Object.fromEntries(names.map((name) => [name, variables.get(name)!.text]));
  const key = environmentKey(service);
  return { key, owner: service, body, ref: ref(options, service), retain: ownership.retain };
}

function strangersRecord(
  tried: string,
  service: string,
  { statePrefix }: EnvTargetOptions,
  ownership: Ownership | undefined,
): ApiError {
  const whose = ownership === undefined ? "is not ours" : `is that of the operator ${ownership.owner}`;
  return new ApiError(tried, `"${ENV_KEYS.ownedOf(statePrefix, service)}" ${whose}`, {
    failure: "conflict",
    hint: "Let one operator keep it: give this one another DD_OBSERVE_STATE_PREFIX, or remove that key.",
  });
}

function refuseStrangers(
  tried: string,
  service: string,
  { statePrefix }: EnvTargetOptions,
  body: EnvironmentBody,
  { variables, ownership }: Standing,
): void {
  const ours = new Set(ownership?.names);
  const taken = Object.keys(body).find(
    (name) => variables.has(name) && !ours.has(name) && variables.get(name)!.text !== body[name],
  );
  if (taken === undefined) return;
  throw new ApiError(tried, `somebody else wrote "${ENV_KEYS.of(statePrefix, service)}${taken}"`, {
    failure: "conflict",
    hint: "Remove that key: until then nothing of this service is published or changed.",
  });
}

/** What will be ours. The time stays while no variable changes. */
function nextOwnership(
  { clusterId, clock = systemClock }: EnvTargetOptions,
  { variables, ownership }: Standing,
  { body, retain }: { readonly body: EnvironmentBody; readonly retain: boolean },
): Ownership {
  const names = Object.keys(body).toSorted();
  const isSame =
    names.every((name) => variables.get(name)?.text === body[name]) &&
    (ownership?.names ?? []).every((name) => Object.hasOwn(body, name) || !variables.has(name));
  const changedAt = isSame ? ownership?.changedAt : new Date(clock.wallMs()).toISOString();
  return {
    managedBy: "dd-observe",
    owner: clusterId,
    retain,
    names,
    ...(changedAt === undefined ? {} : { changedAt }),
  };
}

function msOf(changedAt: string | undefined): number | undefined {
  const ms = Date.parse(changedAt ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}

/** Nothing of a variable that stands as wished. Each write is bound to what was just seen, so that nothing of others is lost. */
function changesOf(
  options: EnvTargetOptions,
  service: string,
  standing: Standing,
  { body, ownership: next }: { readonly body: EnvironmentBody; readonly ownership: Ownership },
): readonly (readonly TxnOp[])[] {
  const { statePrefix } = options;
  const { variables, record, ownership } = standing;
  const prefix = ENV_KEYS.of(statePrefix, service);
  const sets = Object.entries(body).flatMap(([name, text]): readonly TxnOp[] => {
    const entry = variables.get(name);
    if (entry?.text === text) return [];
    return [{ verb: "cas", key: prefix + name, text, modifyIndex: entry?.modifyIndex ?? 0 }];
  });
  const stale = (ownership?.names ?? []).filter((name) => !Object.hasOwn(body, name));
  const deletes = deletesIn(prefix, stale, variables);
  const say = (text: string, modifyIndex: number): TxnOp => ({
    verb: "cas",
    key: ENV_KEYS.ownedOf(statePrefix, service),
    text,
    modifyIndex,
  });
  const text = JSON.stringify(next);
  if (sets.length + deletes.length <= MOST_OPS)
    return [[say(text, record?.modifyIndex ?? 0), ...sets, ...deletes]];
  // Nearly all are others than before: a reader then sees none for a moment, but never a part of each.
  const all = Object.entries(body).map(([name, value]): TxnOp => ({
    verb: "cas",
    key: prefix + name,
    text: value,
    modifyIndex: 0,
  }));
  const afterwards: TxnOp = { verb: "set", key: ENV_KEYS.ownedOf(statePrefix, service), text };
  return [...deletesOf(options, service, standing), [afterwards, ...all]];
}

function deletesOf(
  { statePrefix }: EnvTargetOptions,
  service: string,
  { variables, record, ownership }: Standing,
): readonly (readonly TxnOp[])[] {
  if (record === undefined) return [];
  const deletes = deletesIn(ENV_KEYS.of(statePrefix, service), ownership?.names ?? [], variables);
  const { key, modifyIndex } = record;
  return [[{ verb: "delete-cas", key, modifyIndex }, ...deletes]];
}

function deletesIn(
  prefix: string,
  names: readonly string[],
  variables: ReadonlyMap<string, KvEntry>,
): readonly TxnOp[] {
  return names.flatMap((name): readonly TxnOp[] => {
    const entry = variables.get(name);
    return entry === undefined
      ? []
      : [{ verb: "delete-cas", key: prefix + name, modifyIndex: entry.modifyIndex }];
  });
}

/** @throws {ApiError} `unavailable` if a key changed since it was read: then all is looked at again. */
async function write(
  { store }: EnvTargetOptions,
  tried: string,
  transactions: readonly (readonly TxnOp[])[],
  signal: AbortSignal,
): Promise<void> {
  for (const ops of transactions) {
    try {
      await store(ops, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ApiError) || error.failure !== "conflict" || error.status !== 409) throw error;
      throw new ApiError(tried, "one of its keys changed at the same moment", {
        failure: "notFound",
        status: 409,
        cause: error,
      });
    }
  }
}
