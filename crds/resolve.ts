import { z } from "zod";

import { takesBudget } from "./budget.ts";
import { locateProblems, readDocument, type Parsed } from "./document.ts";
import { checkDefaults, checkWish } from "./checks.ts";
import type { GlobalKind, GlobalWish } from "./global.ts";
import { isSlug } from "./names.ts";
import { statesRoute } from "./notify.ts";
import type { Pack } from "./pack.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import { didYouMean } from "./suggest.ts";
import { readTags } from "./tags.ts";
import {
  defaultsLayer,
  mergeLayers,
  wishLayer,
  withDefaults,
  type WishFields,
  type WishLayer,
} from "./wish.ts";

/** A document as Consul's KV holds it. */
export interface DocumentText {
  readonly text: string;
  /** Its ModifyIndex: which version of the wish this is. */
  readonly generation: number;
}

/** What one service wants, checked and complete. */
export interface Wish extends Omit<WishFields, "pack"> {
  readonly service: string;
  readonly pack: Pack;
  /** The document's ModifyIndex; 0 for a wish by tag alone. */
  readonly generation: number;
}

/** What an owner wants is not known, so nothing of it may be deleted or changed. */
export interface Held {
  readonly state: "held";
  readonly service: string;
  readonly generation: number;
  readonly problems: readonly Problem[];
  readonly paused: boolean;
  /** Of a service: what is certain although its wish is refused as a whole. Absent if the document can't be read. */
  readonly known?: Pick<Wish, "service" | "env" | "team" | "tags" | "pack">;
  /** Of a service: the packs of which it may use one. */
  readonly mayUse?: ReadonlyMap<string, Pack>;
}

/** What a service wants. */
export type ServiceResolution =
  | { readonly state: "accepted"; readonly service: string; readonly generation: number; readonly wish: Wish }
  | Held;

/** What a reserved document wants; `service` is its name, such as `_monitors/disk-full`. */
export type ReservedResolution =
  | {
      readonly state: "global";
      readonly kind: GlobalKind;
      readonly service: string;
      readonly generation: number;
      readonly wish: GlobalWish;
    }
  | Held;

/** What one owner wants: a service, or a reserved document. */
export type Resolution = ServiceResolution | ReservedResolution;

/** What resolving needs to know besides the service itself. */
export interface Ground {
  readonly packs: ReadonlyMap<string, Pack>;
  readonly policy: Policy;
  readonly defaults: Parsed<WishLayer>;
  /** The tag that says a service is observed. */
  readonly tagName: string;
}

/** True if the wish itself asks that nothing of it be written or deleted for now. */
export function isPausedByWish(resolution: Resolution | undefined): boolean {
  if (resolution === undefined) return false;
  return resolution.state === "held" ? resolution.paused : resolution.wish.paused;
}

/** Reads `observability/_defaults`. Absent means nothing is inherited. */
export function readDefaults(document: DocumentText | undefined): Parsed<WishLayer> {
  return document === undefined
    ? { ok: true, value: {} }
    : readDocument("_defaults", document.text, defaultsLayer);
}

/**
 * Works out what one service wants: inherited defaults, then its tags, then its document, the later winning field by field.
 *
 * @returns undefined if the service has neither the tag nor a document.
 */
export function resolve(
  service: string,
  tags: readonly string[],
  document: DocumentText | undefined,
  ground: Ground,
): ServiceResolution | undefined {
  const byTag = readTags(service, tags, ground.tagName);
  if (!byTag.observed && document === undefined) return undefined;

  const generation = document?.generation ?? 0;
  const held = (problems: readonly Problem[], paused = false, known?: Held["known"]): Held => ({
    state: "held",
    service,
    generation,
    problems,
    paused,
    mayUse: ground.packs,
    ...(known === undefined ? {} : { known }),
  });
  if (!isSlug(service)) return held([unusableName(service)]);

  const own: Parsed<WishLayer> =
    document === undefined ? { ok: true, value: {} } : readDocument(service, document.text, wishLayer);
  const problems = [
    ...(own.ok ? [] : own.problems),
    ...byTag.problems,
    ...inherited(service, ground.defaults),
  ];
  if (problems.length > 0 || !own.ok || !ground.defaults.ok)
    return held(
      problems,
      false,
      byTag.problems.length > 0 ? undefined : certainOf(service, byTag.layer, document, ground),
    );

  const unknown = checkDefaults(ground.defaults.value, ground.packs);
  if (unknown.length > 0) return held(inherited(service, { ok: false, problems: unknown }));

  const layer = mergeLayers(ground.defaults.value, byTag.layer, own.value);
  const pack = choosePack(service, layer.pack, ground);
  if ("reason" in pack) return held(placed([pack], document), layer.paused);

  const fields = withDefaults(layer);
  const stated = mergeLayers(byTag.layer, own.value);
  const wish: Wish = {
    ...fields,
    agent: agentOfPack(fields.agent, stated, pack),
    // One that is inherited speaks to the packs that know what it is about.
    budget: stated.budget === undefined && !takesBudget(pack) ? {} : fields.budget,
    monitors: monitorsOfPack(fields.monitors, stated, pack),
    slos: slosOfPack(fields.slos, stated, pack),
    service,
    pack,
    generation,
  };
  const refused = checkWish(wish, ground.policy).map((problem) => withOrigin(problem, stated));
  if (refused.length > 0)
    return held(placed(refused, document), layer.paused, certainOf(service, byTag.layer, document, ground));
  return { state: "accepted", service, generation, wish };
}

/** Fields that say what a service is, whatever else is wrong with its document. */
const { shape } = wishLayer;
const certainLayer = z
  .object({ pack: shape.pack, env: shape.env, team: shape.team, tags: shape.tags })
  .partial();

/** What is certain of a service whose document is refused: undefined where it can't be read, or may name any pack. */
function certainOf(
  service: string,
  byTag: WishLayer,
  document: DocumentText | undefined,
  ground: Ground,
): Held["known"] {
  const own = document === undefined ? undefined : readDocument(service, document.text, certainLayer);
  if (own?.ok === false || !ground.defaults.ok) return undefined;
  const layer = mergeLayers(ground.defaults.value, byTag, own?.value ?? {});
  const chosen = choosePack(service, layer.pack, ground);
  if ("reason" in chosen) return undefined;
  return { service, env: layer.env, team: layer.team, tags: layer.tags ?? [], pack: chosen };
}

/** Adds the places of problems that were found after the document was read. */
export function placed(problems: readonly Problem[], document: DocumentText | undefined): readonly Problem[] {
  return document === undefined ? problems : locateProblems(document.text, problems);
}

function unusableName(service: string): Problem {
  return {
    owner: service,
    reason: "InvalidName",
    message:
      "the service's name cannot become a file's name or a tag; use letters, digits, dots, dashes and underscores, at most 100",
  };
}

/** What is wrong with `_defaults`, said of one that inherits it. */
export function inherited(service: string, defaults: Parsed<WishLayer>): readonly Problem[] {
  if (defaults.ok) return [];
  return defaults.problems.map((problem) => ({
    owner: service,
    reason: "DefaultsInvalid",
    message: `observability/_defaults${problem.at === undefined ? "" : `:${problem.at.line}:${problem.at.column}`}: ${problem.message}`,
  }));
}

/** Fields in which a check can find fault with what is inherited. */
const INHERITABLE: readonly (keyof WishLayer)[] = [
  "agent",
  "monitors",
  "slos",
  "dashboards",
  "downtimes",
  "metrics",
  "catalog",
  "dependencies",
  "instrumentation",
  "budget",
  "evaluators",
  "notify",
];

/** Says so where it isn't the service itself that is wrong, but what it inherits. */
export function withOrigin(problem: Problem, stated: object): Problem {
  const path = problem.path ?? "";
  const field = INHERITABLE.find((name) => path === name || path.startsWith(`${name}.`));
  if (field === undefined) return problem;
  const own = (stated as Readonly<Record<string, unknown>>)[field];
  const isOwn =
    field === "notify"
      ? statesRoute(own, path)
      : own !== undefined &&
        own !== null &&
        (path === field || Object.keys(own).some((name) => `${path}.`.startsWith(`${field}.${name}.`)));
  if (isOwn) return problem;
  const { path: _path, ...rest } = problem;
  return { ...rest, message: `observability/_defaults: ${problem.message}` };
}

/** An explicit pack wins; then a pack with the service's name; then `generic`. */
function choosePack(service: string, named: string | undefined, { packs }: Ground): Pack | Problem {
  const name = named ?? (packs.has(service) ? service : "generic");
  const pack = packs.get(name);
  if (pack !== undefined) return pack;
  const names = [...packs.keys()].sort();
  return {
    owner: service,
    reason: "UnknownPack",
    path: "pack",
    message: `no pack is named ${name}${didYouMean(name, names) || ";"} there are ${names.join(", ")}`,
  };
}

/** Leaves out inherited options that this pack doesn't have: `_defaults` speaks to all packs. */
function agentOfPack(agent: WishFields["agent"], stated: WishLayer, pack: Pack): WishFields["agent"] {
  return Object.fromEntries(
    Object.entries(agent).filter(
      ([name]) => Object.hasOwn(pack.options, name) || Object.hasOwn(stated.agent ?? {}, name),
    ),
  );
}

/** The same for tuned monitors. One that is defined in `_defaults` holds for every service. */
function monitorsOfPack(
  monitors: WishFields["monitors"],
  stated: WishLayer,
  pack: Pack,
): WishFields["monitors"] {
  return Object.fromEntries(
    Object.entries(monitors).filter(
      ([name, monitor]) =>
        Object.hasOwn(pack.monitors, name) ||
        Object.hasOwn(stated.monitors ?? {}, name) ||
        (typeof monitor === "object" && monitor.query !== undefined),
    ),
  );
}

/** The same for SLOs. */
function slosOfPack(slos: WishFields["slos"], stated: WishLayer, pack: Pack): WishFields["slos"] {
  return Object.fromEntries(
    Object.entries(slos).filter(
      ([name, slo]) =>
        Object.hasOwn(pack.slos, name) ||
        Object.hasOwn(stated.slos ?? {}, name) ||
        (typeof slo === "object" && slo.type !== undefined),
    ),
  );
}
