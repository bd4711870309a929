import { ApiError, toError } from "../../clients/errors.ts";
import type { Consul, TxnOp } from "../../clients/consul.ts";
import { systemClock, type Clock } from "../../engine/clock.ts";
import type { Log } from "../../engine/log.ts";
import { CONTROL_KEYS, readPlaced } from "../../engine/sources/control.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { readOnce } from "../../engine/sources/source.ts";
import type { Board } from "../../engine/status/board.ts";
import { STATUS_KEYS, type Condition } from "../../engine/status/status.ts";
import { choose, HAND_OVER_MS, type Place } from "./choose.ts";
import { placeable, PLACED, placedCondition } from "./wishes.ts";

export interface PlacementOptions {
  readonly consul: Consul;
  readonly statePrefix: string;
  readonly clusterId: string;
  /** What is wished now. Undefined while that is not known. */
  readonly snapshot: () => Snapshot | undefined;
  readonly board: Board;
  /** Writes to Consul's KV as long as we lead. */
  readonly store: (ops: readonly TxnOp[]) => Promise<unknown>;
  readonly log: Log;
  /** How often it is looked whether the chosen machines are still there. */
  readonly intervalMs: number;
  /** True where Nomad's own services count, of which Consul shows no instances. */
  readonly alsoFromNomad?: boolean | undefined;
  readonly clock?: Clock | undefined;
}

/** How often it is looked while somebody waits for a choice. */
const SOON_MS = 5_000;
/** So many rounds in a row may see nobody before that is told. */
const PATIENCE = 12;
/** So many reads at a time. */
const CONCURRENCY = 4;
/** A transaction takes 64 operations, one of which proves that we lead. */
const MOST_OPS = 62;

/**
 * Chooses, for each service whose pack has something that only one machine may do, that machine, again and again until
 * the signal aborts. Only the leader does it. Reads nothing while there is no such service.
 */
export async function watchPlacement(options: PlacementOptions, signal: AbortSignal): Promise<void> {
  const { intervalMs, log, clock = systemClock } = options;
  const round = placementRound(options);
  let told: string | undefined;
  let rounds = 0;
  for (let pauseMs = 0; !signal.aborted;) {
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    let wrong: string | undefined;
    try {
      const { isWaiting, unread } = await round(signal);
      // At a start nodes have not reported yet.
      rounds = unread === undefined ? 0 : rounds + 1;
      wrong = rounds >= PATIENCE ? unread : undefined;
      pauseMs = isWaiting ? Math.min(SOON_MS, intervalMs) : intervalMs;
    } catch (error) {
      if (signal.aborted) return;
      wrong = wordsOf(error);
      pauseMs = Math.min(SOON_MS, intervalMs);
    }
    if (wrong !== undefined && wrong !== told) log.warn({ error: wrong }, "placement not known");
    told = wrong;
  }
}

interface Round {
  /** True if a service has nobody yet, or somebody who is gone. */
  readonly isWaiting: boolean;
  /** Why candidates could not be seen, if that is likely a right that is missing. */
  readonly unread: string | undefined;
}

/** Makes a function that looks and chooses once. */
export function placementRound(options: PlacementOptions): (signal: AbortSignal) => Promise<Round> {
  const {
    consul,
    statePrefix,
    clusterId,
    snapshot: newest,
    board,
    store,
    log,
    clock = systemClock,
  } = options;
  const places = new Map<string, Place>();
  let spoken: readonly string[] = board
    .all()
    .flatMap(({ service, conditions }) => (conditions.some(({ type }) => type === PLACED) ? [service] : []));
  let isClean = false;

  return async (signal) => {
    const snapshot = newest();
    if (snapshot === undefined) return { isWaiting: true, unread: undefined };
    const wanted = placeable(snapshot.services, clusterId);
    const mayNeed = [...wanted].flatMap(([service, what]) => (what === "unknown" ? [] : [service]));
    if (mayNeed.length === 0 && isClean) return { isWaiting: false, unread: undefined };

    const keys = CONTROL_KEYS.placed(statePrefix);
    const names = (await consul.kvKeys(keys, signal)).map((key) => key.slice(keys.length));
    const placed = readPlaced(names);
    const { candidates, unread } = await findCandidates(options, mayNeed, signal);
    const nowMs = clock.wallMs();
    for (const service of new Set([...wanted.keys(), ...placed.keys(), ...places.keys()])) {
      const node = placed.get(service);
      const known = places.get(service);
      const before = node === undefined ? undefined : known?.node === node ? known : { node };
      const after = placeOf(service, before, {
        what: wanted.get(service) ?? (snapshot.unseen === undefined ? undefined : "unknown"),
        candidates: candidates.get(service),
        nowMs,
      });
      if (after === undefined) places.delete(service);
      else places.set(service, after);
    }

    const ops = changesOf(statePrefix, names, places);
    for (let at = 0; at < ops.length; at += MOST_OPS) await store(ops.slice(at, at + MOST_OPS));
    for (const op of ops)
      if (op.verb === "set") log.info({ key: op.key.slice(keys.length) }, "machine chosen");

    const conditions = new Map<string, Condition>();
    for (const [service, what] of wanted) {
      const condition = what === "unknown" ? undefined : placedCondition(what, places.get(service));
      if (condition !== undefined) conditions.set(service, condition);
    }
    for (const [service, condition] of conditions)
      board.setConditions(service, snapshot.services.get(service)?.generation, [condition]);
    for (const service of spoken) if (!conditions.has(service)) board.dropConditions(service, [PLACED]);
    spoken = [...conditions.keys()];
    isClean = mayNeed.length === 0 && places.size === 0;
    const isWaiting = [...mayNeed, ...places.keys()].some((service) => {
      const place = places.get(service);
      return place === undefined || place.lostAtMs !== undefined;
    });
    return { isWaiting, unread };
  };
}

/** What becomes of one service's choice. */
function placeOf(
  service: string,
  before: Place | undefined,
  {
    what,
    candidates,
    nowMs,
  }: {
    readonly what: readonly string[] | "unknown" | undefined;
    readonly candidates: ReadonlySet<string> | undefined;
    readonly nowMs: number;
  },
): Place | undefined {
  if (what === "unknown") return before;
  if (what !== undefined)
    // What could not be seen says nothing of who is gone.
    return candidates === undefined ? before : choose(service, before, candidates, nowMs);
  // A service that is away for a moment must not find another machine while the first still stops.
  const after = choose(service, before, NOBODY, nowMs);
  return nowMs - (after?.lostAtMs ?? nowMs) < HAND_OVER_MS ? after : undefined;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Old choices go and new ones come in one step: whoever reads the keys sees one of a service at the most. */
function changesOf(
  statePrefix: string,
  names: readonly string[],
  places: ReadonlyMap<string, Place>,
): readonly TxnOp[] {
  const prefix = CONTROL_KEYS.placed(statePrefix);
  const wanted = new Map(
    [...places].map(([service, { node }]) => [CONTROL_KEYS.placedOn(statePrefix, service, node), service]),
  );
  const present = new Set(names.map((name) => prefix + name));
  const serviceOf = (key: string): string => key.slice(prefix.length).split("/", 1)[0]!;
  const stale = [...present].filter((key) => !wanted.has(key));
  const fresh = [...wanted.keys()].filter((key) => !present.has(key));
  const services = new Set([...stale, ...fresh].map(serviceOf));
  return [...services]
    .sort()
    .flatMap((service): readonly TxnOp[] => [
      ...stale.filter((key) => serviceOf(key) === service).map((key): TxnOp => ({ verb: "delete", key })),
      ...fresh
        .filter((key) => serviceOf(key) === service)
        .map((key): TxnOp => ({ verb: "set", key, text: "" })),
    ]);
}

/**
 * The nodes that can do a service's work: they run an instance, Consul knows them to be alive, and their node role has
 * reported on the service.
 */
async function findCandidates(
  { consul, statePrefix, alsoFromNomad = false }: PlacementOptions,
  names: readonly string[],
  signal: AbortSignal,
): Promise<{
  readonly candidates: ReadonlyMap<string, ReadonlySet<string>>;
  readonly unread: string | undefined;
}> {
  const candidates = new Map<string, ReadonlySet<string>>();
  if (names.length === 0) return { candidates, unread: undefined };
  const prefix = STATUS_KEYS.ofNodes(statePrefix);
  const reported = new Set((await consul.kvKeys(prefix, signal)).map((key) => key.slice(prefix.length)));
  let unread: string | undefined;
  const living = alsoFromNomad ? await readLiving(consul, signal) : undefined;
  for (let at = 0; at < names.length; at += CONCURRENCY) {
    await Promise.all(
      names.slice(at, at + CONCURRENCY).map(async (service) => {
        // Of a service that only Nomad has, the nodes that run it are those that say so.
        const alive = (await readAlive(consul, service, signal)) ?? living;
        if (alive === undefined) {
          // Nobody runs it, or nobody may be seen that does.
          if ([...reported].some((name) => name.endsWith(`/${service}`)))
            unread = `Consul shows no node with ${service}. If it runs: the controller's token needs node_prefix "" { policy = "read" }`;
          return;
        }
        candidates.set(
          service,
          new Set(alive.filter((node) => reported.has(`${encodeURIComponent(node)}/${service}`))),
        );
      }),
    );
  }
  if (reported.size === 0 && [...candidates.values()].length > 0)
    unread ??= `no node role has reported. If one runs: the controller's token needs key_prefix "${prefix}" { policy = "list" }`;
  return { candidates, unread };
}

interface HealthEntry {
  readonly Node?: { readonly Node?: string };
  readonly Checks?: readonly { readonly CheckID?: string; readonly Status?: string }[] | null;
}

/** Names of the nodes with an instance that Consul's own membership doesn't know to be dead. Undefined if none at all is shown. */
async function readAlive(
  consul: Consul,
  service: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const request = {
    path: `/health/service/${encodeURIComponent(service)}`,
    tried: `read the machines of "${service}"`,
    right: 'node_prefix "" { policy = "read" } and service_prefix "" { policy = "read" }',
  };
  const entries = await readOnce(
    consul,
    request,
    signal,
    (answer) => answer.body() as readonly HealthEntry[],
  );
  if (entries.length === 0) return undefined;
  return entries.flatMap(({ Node, Checks }) => {
    const isDead = (Checks ?? []).some((one) => one.CheckID === "serfHealth" && one.Status === "critical");
    return Node?.Node === undefined || isDead ? [] : [Node.Node];
  });
}

/** Names of all nodes that Consul's own membership doesn't know to be dead. Undefined if none at all is shown. */
async function readLiving(consul: Consul, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const right = 'node_prefix "" { policy = "read" }';
  const tried = "read the machines of the cluster";
  const all = await readOnce(
    consul,
    { path: "/catalog/nodes", tried, right },
    signal,
    (answer) => answer.body() as readonly { readonly Node: string }[],
  );
  const critical = await readOnce(
    consul,
    { path: "/health/state/critical", tried, right },
    signal,
    (answer) => answer.body() as readonly { readonly Node: string; readonly CheckID: string }[],
  );
  if (all.length === 0) return undefined;
  const dead = new Set(critical.filter(({ CheckID }) => CheckID === "serfHealth").map(({ Node }) => Node));
  return all.map(({ Node }) => Node).filter((name) => !dead.has(name));
}

function wordsOf(error: unknown): string {
  const { message } = toError(error);
  return error instanceof ApiError && error.hint !== undefined ? `${message}. ${error.hint}` : message;
}
