import type { Frozen } from "../../crds/freeze.ts";
import { subjectOf } from "../../crds/names.ts";
import { pausedMessage } from "../status/conditions.ts";
import { hashOf } from "../hash.ts";
import { keepDrift, type DriftedField, type FieldGroup } from "./drift.ts";
import type { Memory } from "./memory.ts";
import {
  compareText,
  isSame,
  keyOf,
  ownerOf,
  type Action,
  type Desired,
  type Plan,
  type Withheld,
} from "./plan.ts";

/** How many objects one pass may delete: the larger of a number and a share of what we own. */
export interface DeleteLimit {
  readonly count: number;
  /** 0 to 1. */
  readonly share: number;
}

/** A body that the other system has not taken, and why. */
export interface Refused<Body> {
  /** Undefined for a delete. */
  readonly body: Body | undefined;
  /** CamelCase: `Rejected`, `Conflict`. */
  readonly reason: string;
  readonly message: string;
  /** When it is worth another try, in milliseconds as from `Date.now()`. Undefined if only another wish can help. */
  readonly until?: number;
}

/** Everything that the policies know besides the plan. */
export interface PolicyGround<Body> {
  readonly controller: string;
  readonly desired: Desired<Body>;
  /** Milliseconds, as from `Date.now()`. */
  readonly now: number;
  readonly graceMs: number;
  /** Whether a freeze holds for an owner. Absent where none can. */
  readonly frozen?: ((owner: string) => Frozen | undefined) | undefined;
  /** Owners without a wish, and since when. */
  readonly absentSince: ReadonlyMap<string, number>;
  /** True if a removed owner is one that we have known: by this process, or by its status. */
  readonly isKnown: (owner: string) => boolean;
  /** True if an object whose wish said `retain` is one to keep. */
  readonly isRetained: (owner: string) => boolean;
  /** Bodies that were refused before: the same one isn't sent again. */
  readonly refused: ReadonlyMap<string, Refused<Body>>;
  readonly memory?: Memory | undefined;
  /** Fields that share one fate when a person changed them. */
  readonly together?: readonly FieldGroup[] | undefined;
  /** True if an object needs not be made any more. */
  readonly isOver?: ((body: Body) => boolean) | undefined;
  /** How many objects we own there. */
  readonly owned: number;
  readonly limit: DeleteLimit;
  /** Hashes of plans that a person approved. */
  readonly approved: ReadonlySet<string>;
}

/** Takes actions out of a plan, and says why. Never adds one. */
export type PlanPolicy = <Body>(plan: Plan<Body>, ground: PolicyGround<Body>) => Plan<Body>;

type Reason = { readonly reason: string; readonly message: string } | undefined;

/** Every policy, in the order in which they are asked. */
export const POLICIES: readonly PlanPolicy[] = [
  leaveFinished,
  respectPause,
  keepDrift,
  respectFreeze,
  skipRefused,
  retain,
  waitOutGrace,
  brake,
];

export function applyPolicies<Body>(plan: Plan<Body>, ground: PolicyGround<Body>): Plan<Body> {
  let result = plan;
  for (const policy of POLICIES) result = policy(result, ground);
  return result;
}

/** What has had its time, such as a downtime that is over, is not made again. */
export function leaveFinished<Body>(plan: Plan<Body>, { isOver }: PolicyGround<Body>): Plan<Body> {
  if (isOver === undefined) return plan;
  const actions = plan.actions.filter((action) => action.type !== "create" || !isOver(action.desired.body));
  const finished = plan.actions.length - actions.length;
  return finished === 0 ? plan : { ...plan, actions, unchanged: plan.unchanged + finished };
}

/** A paused service is neither written nor deleted, only observed. */
export function respectPause<Body>(plan: Plan<Body>, { desired }: PolicyGround<Body>): Plan<Body> {
  return withhold(plan, (action) =>
    desired.paused.has(ownerOf(action))
      ? { reason: "Paused", message: pausedMessage(ownerOf(action)) }
      : undefined,
  );
}

/** In a freeze nothing of an owner is created, changed or deleted. */
export function respectFreeze<Body>(plan: Plan<Body>, { frozen }: PolicyGround<Body>): Plan<Body> {
  if (frozen === undefined) return plan;
  const drift = new Map(plan.drift);
  const result = withhold(plan, (action) => {
    const window = frozen(ownerOf(action));
    if (window === undefined) return undefined;
    const edits = drift.get(keyOf(action));
    // What people changed stays at least so long.
    if (edits !== undefined) drift.set(keyOf(action), keptAtLeast(edits, window.untilMs));
    return { reason: "Frozen", message: frozenMessage(window) };
  });
  return drift.size === 0 ? result : { ...result, drift };
}

function keptAtLeast(edits: readonly DriftedField[], untilMs: number): readonly DriftedField[] {
  return edits.map((edit) => ({ ...edit, until: Math.max(edit.until ?? untilMs, untilMs) }));
}

function frozenMessage({ untilMs, reason }: Frozen): string {
  const why = reason === undefined ? "" : `: ${reason}`;
  if (untilMs === Infinity) return `nothing is changed for now${why}`;
  return `nothing is changed until ${new Date(untilMs).toISOString()}${why}`;
}

/**
 * A body that the other system refused isn't sent again: only another wish can help. What failed otherwise
 * rests for a while, and nothing else waits for it.
 */
export function skipRefused<Body>(plan: Plan<Body>, { refused, now }: PolicyGround<Body>): Plan<Body> {
  return withhold(plan, (action) => {
    const before = refused.get(keyOf(action));
    if (before === undefined || now >= (before.until ?? Infinity)) return undefined;
    const body = action.type === "delete" ? undefined : action.desired.body;
    return isSame(before.body, body) ? { reason: before.reason, message: before.message } : undefined;
  });
}

/** `deletion: retain` outlives its wish. */
export function retain<Body>(plan: Plan<Body>, { isRetained }: PolicyGround<Body>): Plan<Body> {
  return withhold(plan, (action) =>
    action.type === "delete" && action.observed.retain && isRetained(action.observed.owner)
      ? { reason: "Retained", message: "the wish is gone and said deletion: retain" }
      : undefined,
  );
}

/** What is absent from a list that may not be whole is not gone. No grace period begins either. */
export function keepUnseen<Body>(
  plan: Plan<Body>,
  hasWish: (owner: string) => boolean,
  unseen: string | undefined,
): Plan<Body> {
  if (unseen === undefined) return plan;
  return withhold(plan, (action) =>
    action.type === "delete" && !hasWish(ownerOf(action))
      ? { reason: "NotProven", message: `its wish is not to be seen, but ${unseen}` }
      : undefined,
  );
}

/** A service that flaps comes back within the grace period; only then it is really gone. */
export function waitOutGrace<Body>(
  plan: Plan<Body>,
  { absentSince, now, graceMs }: PolicyGround<Body>,
): Plan<Body> {
  return withhold(plan, (action) => {
    const since = action.type === "delete" ? absentSince.get(action.observed.owner) : undefined;
    if (since === undefined || now >= since + graceMs) return undefined;
    const end = new Date(since + graceMs).toISOString();
    return {
      reason: "InGrace",
      message: `${subjectOf(ownerOf(action))} is gone; its objects are deleted at ${end} unless it comes back`,
    };
  });
}

/**
 * Stops a pass that would delete suspiciously much, or objects of services that we have never known
 * (as after Consul lost its state), until a person approves exactly these deletions.
 */
export function brake<Body>(plan: Plan<Body>, ground: PolicyGround<Body>): Plan<Body> {
  const deletes = plan.actions.filter((action) => action.type === "delete");
  if (deletes.length === 0) return plan;
  const unknown = deletes.filter((action) => !ground.isKnown(ownerOf(action)));
  const most = Math.max(ground.limit.count, Math.floor(ground.limit.share * ground.owned));
  const soon = goingSoon(plan, deletes, ground);
  const isTooMuch = deletes.length + soon > most;
  if (!isTooMuch && unknown.length === 0) return plan;

  const braked = isTooMuch ? deletes : unknown;
  const hash = hashOfDeletes(ground.controller, braked);
  if (ground.approved.has(hash)) return plan;
  const following = soon === 0 ? "" : `, and ${soon} more would follow within a minute`;
  const services = new Set(unknown.map(ownerOf)).size;
  const why = isTooMuch
    ? `this pass would delete ${deletes.length} of ${ground.owned} objects${following}; at most ${most} without approval`
    : `these are objects of ${services} services that dd-observe doesn't remember, as after a loss of Consul's state`;
  const isBraked = new Set<Action<Body>>(braked);
  return withhold(plan, (action) =>
    isBraked.has(action)
      ? { reason: "BrakeEngaged", message: `${why}. If it is right: dd-observe approve ${hash}` }
      : undefined,
  );
}

/** Services that go within this time of one another may well go for one reason. */
const TOGETHER_MS = 60_000;

/**
 * How many objects are still in their grace period though their services went together with some that would
 * be deleted now. Consul tells of a mass deregistration bit by bit: no pass alone would delete much.
 */
function goingSoon<Body>(
  { withheld }: Plan<Body>,
  deletes: readonly Action<Body>[],
  { absentSince }: PolicyGround<Body>,
): number {
  const sinceOf = (action: Action<Body>): number => absentSince.get(ownerOf(action)) ?? -Infinity;
  const last = Math.max(...deletes.map(sinceOf));
  return withheld.filter(
    ({ action, reason }) => reason === "InGrace" && sinceOf(action) <= last + TOGETHER_MS,
  ).length;
}

/** The name of a set of deletions: any other set has another. */
export function hashOfDeletes(controller: string, deletes: readonly Action<unknown>[]): string {
  const names = deletes.map((action) =>
    action.type === "delete" ? `${action.observed.key} ${action.observed.ref}` : "",
  );
  return hashOf([controller, names.sort(compareText)]).slice(0, 12);
}

/** The hash that a person must approve, if the brake is engaged. */
export function hashToApprove(
  controller: string,
  withheld: readonly Withheld<unknown>[],
): string | undefined {
  const braked = withheld.filter(({ reason }) => reason === "BrakeEngaged");
  return braked.length === 0
    ? undefined
    : hashOfDeletes(
        controller,
        braked.map(({ action }) => action),
      );
}

function withhold<Body>(plan: Plan<Body>, why: (action: Action<Body>) => Reason): Plan<Body> {
  const actions: Action<Body>[] = [];
  const withheld = [...plan.withheld];
  for (const action of plan.actions) {
    const reason = why(action);
    if (reason === undefined) actions.push(action);
    else withheld.push({ action, ...reason });
  }
  return actions.length === plan.actions.length ? plan : { ...plan, actions, withheld };
}
