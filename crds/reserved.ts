import { checkDefaults } from "./checks.ts";
import { readDocument, type Parsed } from "./document.ts";
import { driftOf, type DriftLayer } from "./drift.ts";
import { checkGlobal } from "./global-checks.ts";
import { globalMonitorLayer } from "./global-monitor.ts";
import {
  GLOBAL_FOLDERS,
  globalDashboardLayer,
  globalDowntimeLayer,
  globalFolderOf,
  globalSloLayer,
  type GlobalFolder,
  type GlobalFrame,
  type GlobalKind,
  type GlobalWish,
} from "./global.ts";
import { isSlug } from "./names.ts";
import { NOMAD_DOCUMENT, nomadLayer } from "./nomad.ts";
import { effectiveNotify, mergeNotify } from "./notify.ts";
import type { Problem } from "./problem.ts";
import {
  inherited,
  placed,
  withOrigin,
  type DocumentText,
  type Ground,
  type Held,
  type ReservedResolution,
} from "./resolve.ts";
import { nearest } from "./suggest.ts";
import { mergeTags, WISH_DEFAULTS, type WishLayer } from "./wish.ts";

/** Reserved names that stand alone. */
const ALONE: readonly string[] = ["_defaults", NOMAD_DOCUMENT];
/** Those that have names below them. */
const FOLDERS = GLOBAL_FOLDERS.map(({ folder }) => folder);

const KEPT = new Intl.ListFormat("en").format([...ALONE, ...FOLDERS.map((folder) => `${folder}/<name>`)]);

/** True for the name of a document that defines a monitor of no service: `_monitors/disk-full`. */
export function isGlobalMonitorName(name: string): boolean {
  return globalFolderOf(name)?.kind === "monitor";
}

/** The reserved name that was probably meant by the first part of another one, or undefined. */
export function nearestReserved(part: string): string | undefined {
  return nearest(part, [...FOLDERS, ...ALONE]);
}

/**
 * Works out what a document with a reserved name wants. `_defaults` is none of its own: it is a part of every wish.
 *
 * @param isOverQuota True if there are more documents of its kind than the policy allows, and this is one too many.
 */
export function resolveReserved(
  name: string,
  document: DocumentText,
  ground: Ground,
  isOverQuota = false,
): ReservedResolution {
  const { generation } = document;
  const held = (problems: readonly Problem[], paused = false): Held => ({
    state: "held",
    service: name,
    generation,
    problems,
    paused,
  });
  const folder = globalFolderOf(name);
  const kind = name === NOMAD_DOCUMENT ? "nomad" : folder?.kind;
  if (kind === undefined) return held([wrongName(name)]);

  const own = READERS[kind](name, document.text);
  const problems = [...(own.ok ? [] : own.problems), ...inherited(name, ground.defaults)];
  if (problems.length > 0 || !own.ok || !ground.defaults.ok) return held(problems);
  const unknown = checkDefaults(ground.defaults.value, ground.packs);
  if (unknown.length > 0) return held(inherited(name, { ok: false, problems: unknown }));

  const wish = own.value.wish(
    frameOf(name, generation, own.value.common, ground.defaults.value),
    ground.defaults.value,
  );
  const refused = [
    ...(isOverQuota && folder !== undefined ? [overQuota(name, folder, ground.policy[folder.quota])] : []),
    ...checkGlobal(wish, ground).map((problem) => withOrigin(problem, own.value.stated)),
  ];
  if (refused.length > 0) return held(placed(refused, document), wish.paused);
  return { state: "global", kind, service: name, generation, wish };
}

/** What a document says that every kind of document can say. */
interface CommonLayer extends Pick<WishLayer, "env" | "team" | "tags" | "freeze" | "deletion" | "paused"> {
  readonly drift?: DriftLayer | undefined;
}

interface ReadGlobal {
  readonly stated: object;
  readonly common: CommonLayer;
  readonly wish: (frame: GlobalFrame, defaults: WishLayer) => GlobalWish;
}

/** How the documents of each kind are read. */
const READERS: Readonly<Record<GlobalKind, (name: string, text: string) => Parsed<ReadGlobal>>> = {
  monitor: (name, text) =>
    read(
      readDocument(name, text, globalMonitorLayer),
      ({ notify, messageTemplate, ...monitor }) =>
        (frame, defaults) => ({
          kind: "monitor",
          ...frame,
          notify: effectiveNotify(mergeNotify(defaults.notify, notify)),
          messageTemplate: messageTemplate ?? defaults.messageTemplate,
          monitor,
        }),
    ),
  slo: (name, text) =>
    read(readDocument(name, text, globalSloLayer), (slo) => (frame) => ({ kind: "slo", ...frame, slo })),
  dashboard: (name, text) =>
    read(readDocument(name, text, globalDashboardLayer), (dashboard) => (frame) => ({
      kind: "dashboard",
      ...frame,
      dashboard,
    })),
  downtime: (name, text) =>
    read(readDocument(name, text, globalDowntimeLayer), (downtime) => (frame) => ({
      kind: "downtime",
      ...frame,
      downtime,
    })),
  nomad: (name, text) =>
    read(readDocument(name, text, nomadLayer), ({ telemetry = {}, restart = "never" }) => (frame) => ({
      kind: "nomad",
      ...frame,
      nomad: { telemetry, restart },
    })),
};

function read<Layer extends CommonLayer>(
  parsed: Parsed<Layer>,
  wishOf: (own: Omit<Layer, keyof CommonLayer>) => ReadGlobal["wish"],
): Parsed<ReadGlobal> {
  if (!parsed.ok) return parsed;
  const { env, team, tags, drift, freeze, deletion, paused, ...own } = parsed.value;
  const common = { env, team, tags, drift, freeze, deletion, paused };
  return { ok: true, value: { stated: parsed.value, common, wish: wishOf(own) } };
}

function frameOf(key: string, generation: number, own: CommonLayer, defaults: WishLayer): GlobalFrame {
  return {
    key,
    name: key.slice(key.indexOf("/") + 1),
    generation,
    env: own.env ?? defaults.env,
    team: own.team ?? defaults.team,
    tags: mergeTags(defaults.tags ?? [], own.tags ?? []),
    drift: driftOf(own.drift ?? defaults.drift),
    freeze: own.freeze ?? defaults.freeze ?? WISH_DEFAULTS.freeze,
    deletion: own.deletion ?? defaults.deletion ?? WISH_DEFAULTS.deletion,
    paused: own.paused ?? defaults.paused ?? WISH_DEFAULTS.paused,
  };
}

/** What is wrong with a reserved name that is none of an object's. */
function wrongName(name: string): Problem {
  const slash = name.indexOf("/");
  const [part, rest] = slash === -1 ? [name, undefined] : [name.slice(0, slash), name.slice(slash + 1)];
  const problem = (reason: string, message: string): Problem => ({ owner: name, reason, message });
  if (FOLDERS.includes(part) && rest !== undefined && !isSlug(rest)) {
    const message = `what follows ${part}/ must be a name of letters, digits, dots, dashes and underscores, at most 100`;
    return problem("InvalidName", message);
  }
  const meant = meantBy(part, rest);
  const hint = meant === undefined ? `; there are ${KEPT}` : `; did you mean ${meant}?`;
  return problem("UnknownName", `${name} is no name that means anything${hint}`);
}

function meantBy(part: string, rest: string | undefined): string | undefined {
  const near = nearestReserved(part);
  if (near === undefined || ALONE.includes(near)) return near;
  return `${near}/${rest ?? "<name>"}`;
}

function overQuota(owner: string, { folder }: GlobalFolder, most: number): Problem {
  const message = `there are more documents below ${folder} than the ${most} that the operator's policy allows; those that come last by name wait`;
  return { owner, reason: "NotAllowed", message };
}
