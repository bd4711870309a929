import type { Consul } from "../clients/consul.ts";
import { connect, type Connection } from "../controllers/datadog/connection.ts";
import type { DatadogKind } from "../controllers/datadog/kind.ts";
import { MarkedObjects } from "../controllers/datadog/target.ts";
import type { ClusterDeps } from "../controllers/deps.ts";
import { CLUSTER_CONTROLLERS } from "../controllers/index.ts";
import { didYouMean } from "../crds/suggest.ts";
import { Budget } from "../engine/budget.ts";
import { openLog } from "../engine/log.ts";
import { Memory } from "../engine/plan/memory.ts";
import type { Desired, Withheld } from "../engine/plan/plan.ts";
import { bind, References } from "../engine/plan/references.ts";
import type { Snapshot } from "../engine/sources/snapshot.ts";
import { rememberedOf } from "../engine/status/stored-object.ts";
import { readOrganisation } from "./backups.ts";
import type { Config } from "./config.ts";
import type { ClusterFacts } from "./facts.ts";
import type { Look } from "./look.ts";
import { UsageError } from "./print.ts";

/** One kind of Datadog's objects as commands work with it. */
export interface OpenKind {
  /** The controller's name: `monitors`. */
  readonly name: string;
  /** `monitor` */
  readonly noun: string;
  readonly kind: DatadogKind<unknown>;
  readonly target: MarkedObjects<unknown>;
  /** What the operator remembers of its objects. */
  readonly memory: Memory;
  /** What is wished now, with the ids of what it refers to as far as they are known. */
  readonly desired: Desired<unknown>;
  /** What can't be made yet, since what it refers to isn't there. */
  readonly waiting: readonly Withheld<unknown>[];
}

export interface OpenKinds {
  readonly kinds: readonly OpenKind[];
  /** Undefined without Datadog's keys: then nothing can be asked, and everything else can be told. */
  readonly connection: Connection | undefined;
}

interface KindsOptions {
  readonly look: Pick<Look, "config" | "snapshot"> & { readonly facts: Pick<ClusterFacts, "statuses"> };
  readonly clusterId: string;
  /** True if something is to be written. */
  readonly mayWrite?: boolean;
  /** The Datadog organisation that was written to last, if it is remembered. */
  readonly organisation?: number | undefined;
  /** Hashes that a person approved. */
  readonly approved?: ReadonlySet<string>;
}

/** Opens every kind that the leader keeps in Datadog. Calls nothing yet. */
export function openKinds(options: KindsOptions): OpenKinds {
  const { look, clusterId, mayWrite = false, organisation, approved = new Set() } = options;
  const { config, facts, snapshot } = look;
  const deps = { ...depsOf(config, clusterId, mayWrite), organisation, approved: () => approved };
  const registered = registeredKinds(deps);
  for (const { controller, memory } of registered) remember(memory, controller.name, facts);
  const references = new References(registered.map(({ controller }) => controller.name));
  for (const { controller, memory } of registered)
    references.notePass(
      controller.name,
      [...memory.entries()].map(([key, { ref }]) => [key, ref] as const),
    );
  const kinds = registered.map(({ controller, memory, target }): OpenKind => {
    const { desired, waiting } = bind(controller.compile(snapshot), references);
    const { name, noun } = controller;
    return { name, noun, kind: target.kind, target, memory, desired, waiting };
  });
  return { kinds, connection: connect(deps) };
}

/**
 * Opens every kind for a command that writes.
 *
 * @throws {RefusedError} if the keys belong to another organisation than the one that the operator wrote to last.
 */
export async function openForWriting(
  { look, clusterId, consul }: { readonly look: Look; readonly clusterId: string; readonly consul: Consul },
  signal: AbortSignal,
): Promise<OpenKinds> {
  const organisation = await readOrganisation(consul, look.config.statePrefix, signal);
  const approved = new Set(look.facts.approved.keys());
  const opened = openKinds({ look, clusterId, mayWrite: true, organisation, approved });
  await opened.connection?.organisation.expect(signal);
  return opened;
}

/** What documents come to in every kind, offline. One for many documents: what didn't change isn't worked out again. */
export function kindCompiler(
  config: Config,
  clusterId = "cluster",
): (snapshot: Snapshot) => ReadonlyMap<string, Desired<unknown>> {
  const registered = registeredKinds(depsOf(config, clusterId, false));
  return (snapshot) =>
    new Map(registered.map(({ controller }) => [controller.name, controller.compile(snapshot)]));
}

function registeredKinds(deps: ClusterDeps) {
  return CLUSTER_CONTROLLERS.flatMap((create) => {
    const registration = create(withKeys(deps));
    if (!("controller" in registration)) return [];
    const { controller, memory = new Memory() } = registration;
    if (!(controller.target instanceof MarkedObjects)) return [];
    return [{ controller, memory, target: controller.target as MarkedObjects<unknown> }];
  });
}

/** The kind that a person names: `monitors`, `monitor`, and `entity` for one of the catalog. */
export function kindNamed(kinds: readonly OpenKind[], given: string): OpenKind {
  const word = given.toLowerCase() === "entity" ? "catalog" : given.toLowerCase();
  const found = kinds.find(({ name }) => name === word || singularOf(name) === word);
  if (found !== undefined) return found;
  const names = kinds.map(({ name }) => name);
  throw new UsageError(
    `no kind of objects is named ${given}${didYouMean(word, names) || `; there are ${names.join(", ")}`}`,
  );
}

/** `slos` → `slo`; `metric-tags` and `catalog` stay. */
export function singularOf(name: string): string {
  return /^(?:monitors|dashboards|slos|downtimes|evaluators)$/.test(name) ? name.slice(0, -1) : name;
}

function depsOf(config: Config, clusterId: string, mayWrite: boolean): ClusterDeps {
  return {
    clusterId,
    policy: config.policy,
    tagName: config.tagName,
    isDryRun: !mayWrite,
    approved: () => new Set(),
    // A command keeps what it overwrites itself: under its own reason.
    onBackup: async () => undefined,
    log: openLog({ level: "silent", pretty: false }),
    datadog: config.datadog,
    budget: new Budget(),
    evaluators: config.evaluators,
    onOrganisation: () => undefined,
    openIntents: () => new Map(),
  };
}

/** What is wished can be told without Datadog's keys; a call with these would be refused. */
function withKeys(deps: ClusterDeps): ClusterDeps {
  const { url, apiKey, appKey } = deps.datadog;
  if (apiKey !== undefined && appKey !== undefined) return deps;
  return { ...deps, datadog: { url, apiKey: apiKey ?? "unset", appKey: appKey ?? "unset" } };
}

function remember(memory: Memory, controller: string, { statuses }: Pick<ClusterFacts, "statuses">): void {
  for (const { service, writer, objects } of [...statuses.values()].flat()) {
    if (writer !== "controller") continue;
    for (const object of objects)
      if (object.controller === controller) memory.set(object.key, rememberedOf(service, object, Date.now()));
  }
}

/** @throws {UsageError} if a key of Datadog's is missing. */
export function connected({ connection }: OpenKinds): Connection {
  if (connection !== undefined) return connection;
  throw new UsageError("Datadog's keys are needed", "Set DD_API_KEY and DD_APP_KEY.");
}
