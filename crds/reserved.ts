import { checkDefaults, checkGlobalMonitor } from "./checks.ts";
import { readDocument } from "./document.ts";
import { globalMonitorLayer, type GlobalMonitor, type GlobalMonitorLayer } from "./global-monitor.ts";
import { isSlug } from "./names.ts";
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

/** Reserved names that stand alone, and those that have names below them. True for what this version keeps. */
const ALONE: Readonly<Record<string, boolean>> = { _defaults: true, _nomad: false };
const FOLDERS: Readonly<Record<string, boolean>> = { _monitors: true, _dashboards: false };

const KEPT = "_defaults and _monitors/<name>";

/** True for the name of a document that defines a monitor of no service: `_monitors/disk-full`. */
export function isGlobalMonitorName(name: string): boolean {
  return name.startsWith("_monitors/") && isSlug(name.slice("_monitors/".length));
}

/** The reserved name that was probably meant by the first part of another one, or undefined. */
export function nearestReserved(part: string): string | undefined {
  return nearest(part, [...Object.keys(FOLDERS), ...Object.keys(ALONE)]);
}

/**
 * Works out what a document with a reserved name wants. `_defaults` is none of its own: it is a part of every wish.
 *
 * @param isOverQuota True if there are more monitors of no service than the policy allows, and this is one too many.
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
  const misnamed = wrongName(name);
  if (misnamed !== undefined) return held([misnamed]);

  const own = readDocument(name, document.text, globalMonitorLayer);
  const problems = [...(own.ok ? [] : own.problems), ...inherited(name, ground.defaults)];
  if (problems.length > 0 || !own.ok || !ground.defaults.ok) return held(problems);
  const unknown = checkDefaults(ground.defaults.value, ground.packs);
  if (unknown.length > 0) return held(inherited(name, { ok: false, problems: unknown }));

  const wish = joined(name, generation, own.value, ground.defaults.value);
  const refused = [
    ...(isOverQuota ? [overQuota(name, ground.policy.maxMonitors)] : []),
    ...checkGlobalMonitor(wish, ground.policy).map((problem) => withOrigin(problem, own.value)),
  ];
  if (refused.length > 0) return held(placed(refused, document), wish.paused);
  return { state: "global", service: name, generation, wish };
}

function joined(
  key: string,
  generation: number,
  own: GlobalMonitorLayer,
  defaults: WishLayer,
): GlobalMonitor {
  const { env, team, tags, notify, drift, deletion, paused, ...monitor } = own;
  return {
    key,
    name: key.slice(key.indexOf("/") + 1),
    generation,
    monitor,
    env: env ?? defaults.env,
    team: team ?? defaults.team,
    tags: mergeTags(defaults.tags ?? [], tags ?? []),
    notify: notify ?? defaults.notify ?? WISH_DEFAULTS.notify,
    drift: drift ?? defaults.drift ?? WISH_DEFAULTS.drift,
    deletion: deletion ?? defaults.deletion ?? WISH_DEFAULTS.deletion,
    paused: paused ?? defaults.paused ?? WISH_DEFAULTS.paused,
  };
}

function wrongName(name: string): Problem | undefined {
  const slash = name.indexOf("/");
  const [part, rest] = slash === -1 ? [name, undefined] : [name.slice(0, slash), name.slice(slash + 1)];
  const problem = (reason: string, message: string): Problem => ({ owner: name, reason, message });
  if (Object.hasOwn(FOLDERS, part) && rest !== undefined) {
    if (FOLDERS[part] !== true)
      return problem("NotKept", `${part}/<name> is reserved, and not kept by this version`);
    return isSlug(rest)
      ? undefined
      : problem(
          "InvalidName",
          `what follows ${part}/ must be a name of letters, digits, dots, dashes and underscores, at most 100`,
        );
  }
  if (ALONE[part] === false && rest === undefined)
    return problem("NotKept", `${part} is reserved, and not kept by this version`);

  const meant = meantBy(part, rest);
  const hint = meant === undefined ? `; there are ${KEPT}` : `; did you mean ${meant}?`;
  return problem("UnknownName", `${name} is no name that means anything${hint}`);
}

function meantBy(part: string, rest: string | undefined): string | undefined {
  const near = nearestReserved(part);
  if (near === undefined || Object.hasOwn(ALONE, near)) return near;
  return `${near}/${rest ?? "<name>"}`;
}

function overQuota(owner: string, most: number): Problem {
  const message = `there are more documents below _monitors than the ${most} that the operator's policy allows; those that come last by name wait`;
  return { owner, reason: "NotAllowed", message };
}
