import { conditionsInWords, unmet } from "../crds/condition.ts";
import type { Resolution, Wish } from "../crds/resolve.ts";
import { ownerOfKey } from "../controllers/monitors/mark.ts";
import { effectiveOptions } from "../controllers/options.ts";
import { instrumentationWarnings } from "../controllers/workload-env/problems.ts";
import { packParts } from "../controllers/pack-parts.ts";
import { serviceVariables } from "../controllers/scope.ts";
import type { StoredEvent } from "../engine/status/status.ts";
import { viewCost, type CostView } from "./cost-view.ts";
import { storedDrift, type DriftView } from "./drift-view.ts";
import { knownServices } from "./facts.ts";
import { clusterIdIfKnown, composedOwners, type Look } from "./look.ts";
import { viewMonitors, type MonitorView } from "./monitors-view.ts";
import {
  CATALOG,
  DASHBOARDS,
  DOWNTIMES,
  EVALUATORS,
  METRIC_TAGS,
  SLOS,
  viewObjects,
  type ObjectView,
} from "./objects-view.ts";
import { noSuchService } from "./names.ts";
import { setupText } from "./setup-text.ts";
import {
  effectiveFields,
  globalFields,
  statedBy,
  type EffectiveField,
  type OriginGround,
} from "./origins.ts";
import { instancesOf } from "./instances.ts";
import { conditionsOf, filesOf, viewOf, type ServiceView, type WrittenCondition } from "./service-view.ts";
import { why, type Finding } from "./why.ts";

/** Everything about one service, as `describe -o json` shows it. */
export interface Described {
  readonly service: string;
  readonly ready: ServiceView["ready"];
  readonly stalled: ServiceView["stalled"];
  readonly since: string | undefined;
  /** Why something is missing, the gravest first. */
  readonly why: readonly Finding[];
  readonly observedBy: string | undefined;
  /** The document's ModifyIndex; 0 for a wish by tag alone. */
  readonly generation: number | undefined;
  /** Undefined if Consul's catalog has no such service. */
  readonly tags: readonly string[] | undefined;
  readonly nodes: readonly string[];
  readonly pack: { readonly name: string; readonly title: string; readonly setup: string } | undefined;
  readonly fields: readonly EffectiveField[];
  readonly conditions: readonly WrittenCondition[];
  readonly monitors: readonly MonitorView[];
  /** What else it has in Datadog, by kind. */
  readonly objects: readonly {
    readonly kind: string;
    readonly title: string;
    readonly list: readonly ObjectView[];
  }[];
  /** What people changed by hand in Datadog or in a file, field by field. */
  readonly drift: readonly DriftView[];
  /** Why the monitors' states are not known. */
  readonly statesUnknown: string | undefined;
  /** Undefined if no wish can be read, or for what belongs to no service. */
  readonly cost: CostView | undefined;
  readonly files: readonly (ReturnType<typeof filesOf>[number] & { readonly file: string | undefined })[];
  /** The newest first. */
  readonly events: readonly (StoredEvent & { readonly writer: string })[];
}

/**
 * Gathers what there is to know of a service. Works without Datadog's keys and without a running operator.
 *
 * @throws {UsageError} if nothing at all is known of it.
 */
export async function describeService(look: Look, service: string): Promise<Described> {
  const { config, consul, facts, snapshot } = look;
  const known = knownServices(facts);
  if (!known.includes(service)) throw noSuchService(service, known);

  const resolution = snapshot.services.get(service);
  const view = viewOf(service, resolution, facts);
  const tags = facts.catalog.get(service);
  const ground: OriginGround = {
    tags: tags ?? [],
    document: facts.documents.get(service),
    defaults: facts.documents.get("_defaults"),
    tagName: config.tagName,
  };
  const wish = resolution?.state === "accepted" ? resolution.wish : undefined;
  const instances = tags === undefined ? [] : await instancesOf(consul, config, service);
  const nodes = [...new Set(instances.map(({ node }) => node))].sort();
  const { monitors, held, notAsked } = await viewMonitors(look, (owner) => owner === service);
  const fields = fieldsOf(resolution, ground);
  // What is held whole is told of as such, not as a monitor that can't be made.
  const broken = [...held]
    .filter(([key]) => resolution?.state !== "held" && ownerOfKey(key) === service && key.includes("/"))
    .map(([key, because]) => ({ name: key.slice(key.lastIndexOf("/") + 1), because }));
  const conditions = conditionsOf(view.statuses);
  const files = filesOf(view);
  const check = wish?.pack.check;

  return {
    service,
    ready: view.ready,
    stalled: view.stalled,
    since: view.since,
    why: why({
      service,
      tagName: config.tagName,
      kvPrefix: config.kvPrefix,
      tags,
      nodes,
      hasDocument: facts.documents.has(service),
      otherServices: [...facts.catalog.keys()].filter((name) => name !== service),
      otherDocuments: [...facts.documents.keys()].filter(
        (name) => name !== service && !name.startsWith("_") && !facts.catalog.has(name),
      ),
      resolution,
      isComposed: composedOwners(look).has(service),
      order: facts.paused.get(service),
      pausedBy: fields.find(({ path, value }) => path === "paused" && value === true)?.from,
      hasLeader: facts.leader !== undefined,
      hasRun: facts.hasRun,
      conditions,
      seenGeneration: view.statuses.find(({ writer }) => writer === "controller")?.generation,
      reportedNodes: files.map(({ node }) => node),
      approved: new Set(facts.approved.keys()),
      absentSince: view.statuses.find(({ absentSince }) => absentSince !== undefined)?.absentSince,
      warnings: wish === undefined ? [] : instrumentationWarnings(wish).map(({ message }) => message),
      leftOut: wish === undefined ? [] : leftOut(wish, fields, monitors, broken),
      broken,
    }),
    observedBy: resolution === undefined ? undefined : statedBy(resolution, ground),
    generation: resolution?.generation,
    tags,
    nodes,
    pack: wish === undefined ? undefined : packOf(wish, await clusterIdIfKnown(look)),
    fields,
    conditions,
    monitors,
    objects: await otherObjects(look, service),
    drift: storedDrift(view.statuses),
    statesUnknown: notAsked,
    cost: await viewCost(look, service),
    files: files.map((file) => ({
      ...file,
      file: check === undefined ? undefined : `${check}.d/dd-observe-${service}.yaml`,
    })),
    events: view.statuses
      .flatMap(({ writer, events }) => events.map((event) => ({ ...event, writer })))
      .sort((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1)),
  };
}

/** What a service has in Datadog beside monitors, by kind, without the kinds of which it has nothing. */
async function otherObjects(look: Look, service: string): Promise<Described["objects"]> {
  const views = [
    [SLOS, await viewObjects(look, SLOS)],
    [DASHBOARDS, await viewObjects(look, DASHBOARDS)],
    [DOWNTIMES, await viewObjects(look, DOWNTIMES)],
    [METRIC_TAGS, await viewObjects(look, METRIC_TAGS)],
    [CATALOG, await viewObjects(look, CATALOG)],
    [EVALUATORS, await viewObjects(look, EVALUATORS)],
  ] as const;
  return views
    .map(([{ controller, title }, { objects }]) => ({
      kind: controller,
      title,
      list: objects.filter(({ owner }) => owner === service),
    }))
    .filter(({ list }) => list.length > 0);
}

function fieldsOf(resolution: Resolution | undefined, ground: OriginGround): readonly EffectiveField[] {
  if (resolution === undefined || resolution.state === "held") return [];
  return resolution.state === "global"
    ? globalFields(resolution.wish, ground)
    : effectiveFields(resolution.wish, ground);
}

/** @param clusterId Undefined where Consul's agent may not be asked for it. */
function packOf(wish: Wish, clusterId = "<cluster>"): Described["pack"] {
  const { name, title } = wish.pack;
  return { name, title, setup: setupText(packParts(wish, clusterId).setup) };
}

/** Monitors of the pack that the wish doesn't have, and what would bring them. */
function leftOut(
  wish: Wish,
  fields: readonly EffectiveField[],
  monitors: readonly MonitorView[],
  broken: readonly { readonly name: string }[],
): readonly { readonly name: string; readonly because: string }[] {
  const made = new Set([
    ...monitors.filter(({ isWanted }) => isWanted).map(({ key }) => key.slice(wish.service.length + 1)),
    ...broken.map(({ name }) => name),
  ]);
  // Only whether an option is on matters, not the texts that are filled in.
  const options = effectiveOptions(wish, serviceVariables(wish, "cluster"));
  return Object.entries(wish.pack.monitors)
    .filter(([name]) => !made.has(name))
    .map(([name, { needs }]) => {
      const off = fields.find(({ path, value }) => path === `monitors.${name}` && value === false);
      const missing = conditionsInWords(unmet(needs, options), wish.pack.options);
      const because =
        off !== undefined
          ? `switched off by the ${off.from}`
          : missing.length > 0
            ? `its metric is only there with ${missing.join(", and ")}`
            : `made only when a document names it: monitors.${name}: true`;
      return { name, because };
    });
}
