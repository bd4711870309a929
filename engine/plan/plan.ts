import { isDeepStrictEqual } from "node:util";

import type { Drift } from "../../crds/drift.ts";
import type { Problem } from "../../crds/problem.ts";
import { hashOf } from "../hash.ts";
import type { DriftByKey } from "./drift.ts";

export interface DesiredObject<Body> {
  /** Unique within a controller, stable for ever: `ray/object-store-pressure`. */
  readonly key: string;
  /** The service that wants it, or the reserved document: `_monitors/disk-full`. */
  readonly owner: string;
  /** In canonical form: equal objects are deeply equal. */
  readonly body: Body;
  /** How a difference that a person made in the other system is treated. A word alone holds for every field. */
  readonly drift: Drift | "correct" | "report";
  /** True if the object stays in the other system when its wish goes. */
  readonly retain: boolean;
  /** The wish as a whole, where `body` keeps some fields as a person made them. */
  readonly wished?: Body;
}

export interface Desired<Body> {
  readonly objects: ReadonlyMap<string, DesiredObject<Body>>;
  /**
   * Owners, or single keys, whose wish is not known at the moment (broken, forbidden, conflicting), and why.
   * Nothing of theirs is deleted. They never clash: a service is a slug and its keys hold a slash, and what
   * begins with `_` is owner and key of one and the same monitor.
   */
  readonly held: ReadonlyMap<string, string>;
  /** Owners who asked for a pause. Nothing of theirs is written or deleted. */
  readonly paused: ReadonlySet<string>;
  readonly problems: readonly Problem[];
  /** Owners of objects that no service and no document stands for: what follows from several services together. */
  readonly composed?: ReadonlySet<string>;
}

export interface ObservedObject<Body> {
  readonly key: string;
  readonly owner: string;
  readonly body: Body;
  /** How the other system names it: a monitor's number, a file's path. */
  readonly ref: string;
  /** True if its wish said `deletion: retain` when it was last written. */
  readonly retain: boolean;
  /** `hashOf` the body that we wrote last, if we still know. Tells a person's edit from a new wish. */
  readonly applied?: string | undefined;
  /** Fields that the other system stored otherwise than we wrote them last, and how. As long as they stay so, they are no difference. */
  readonly rewritten?: readonly Rewritten[] | undefined;
  /** When it was changed last, in milliseconds as from `Date.now()`, and by whom, if the other system says so. */
  readonly changedAt?: number | undefined;
  readonly changedBy?: string | undefined;
}

/** One field that differs. `wanted` or `found` is undefined if the field is absent on that side. */
export interface FieldChange {
  readonly path: string;
  readonly wanted: unknown;
  readonly found: unknown;
}

/** What the other system made of a field: `stored` is the hash of its value. */
export interface Rewritten {
  readonly path: string;
  readonly stored: string;
}

export type Action<Body> =
  | { readonly type: "create"; readonly desired: DesiredObject<Body> }
  | {
      readonly type: "update";
      readonly desired: DesiredObject<Body>;
      readonly observed: ObservedObject<Body>;
      /** True if the wish is the one we wrote last, so that someone else must have changed the object. */
      readonly drifted: boolean;
      /** What is to be changed, field by field. */
      readonly changes: readonly FieldChange[];
    }
  | { readonly type: "delete"; readonly observed: ObservedObject<Body> };

/** An action that a policy keeps back, and why. */
export interface Withheld<Body> {
  readonly action: Action<Body>;
  /** CamelCase: `Held`, `Paused`, `Frozen`, `InGrace`, `Retained`, `DriftReported`, `DriftTolerated`, `BrakeEngaged`, `NotProven`, `Rejected`, `Unreplaced`, `WaitingForReference`. */
  readonly reason: string;
  readonly message: string;
}

export interface Plan<Body> {
  readonly actions: readonly Action<Body>[];
  readonly withheld: readonly Withheld<Body>[];
  readonly unchanged: number;
  /** What people changed by hand, whether it is set right now or stays. */
  readonly drift?: DriftByKey;
}

/**
 * Lists the actions that turn `observed` into `desired`: creates and updates first, deletes last.
 *
 * An object whose owner is held is never deleted: a broken wish means we don't know
 * what its owner wants, not that it wants nothing.
 *
 * @param observed By key. A target reports further objects with the same mark as problems.
 */
export function diff<Body>(
  desired: Desired<Body>,
  observed: ReadonlyMap<string, ObservedObject<Body>>,
): Plan<Body> {
  const actions: Action<Body>[] = [];
  const withheld: Withheld<Body>[] = [];
  let unchanged = 0;

  for (const want of desired.objects.values()) {
    const have = observed.get(want.key);
    if (have === undefined) {
      actions.push({ type: "create", desired: want });
      continue;
    }
    const update = updateOf(want, have);
    if (update === undefined) unchanged++;
    else actions.push(update);
  }

  for (const orphan of observed.values()) {
    if (desired.objects.has(orphan.key)) continue;
    const action: Action<Body> = { type: "delete", observed: orphan };
    const heldBecause = desired.held.get(orphan.owner) ?? desired.held.get(orphan.key);
    if (heldBecause === undefined) actions.push(action);
    else withheld.push({ action, reason: "Held", message: heldBecause });
  }

  return { actions: actions.sort(byOrder), withheld, unchanged };
}

/** Undefined if both are equal, or differ only in what the other system made of our last write. */
function updateOf<Body>(
  desired: DesiredObject<Body>,
  observed: ObservedObject<Body>,
): Action<Body> | undefined {
  if (isSameBody(desired.body, observed.body)) return undefined;
  const drifted = observed.applied !== undefined && observed.applied === hashOf(desired.body);
  const rewritten = new Map(
    (drifted ? observed.rewritten : undefined)?.map(({ path, stored }) => [path, stored]),
  );
  const changes = fieldChanges(desired.body, observed.body).filter(
    ({ path, found }) => rewritten.size === 0 || rewritten.get(path) !== hashOf(found),
  );
  return changes.length === 0 ? undefined : { type: "update", desired, observed, drifted, changes };
}

/** By the observed body: the desired one that it was seen to equal. Most stay as they are from pass to pass, and 10,000 take 20 ms to compare. */
const lastEqual = new WeakMap<object, unknown>();

function isSameBody(desired: unknown, observed: unknown): boolean {
  if (typeof observed !== "object" || observed === null) return desired === observed;
  if (desired === observed || lastEqual.get(observed) === desired) return true;
  if (!isSame(desired, observed)) return false;
  lastEqual.set(observed, desired);
  return true;
}

/** The fields that differ between what was sent and what was stored, as they are remembered. */
export function rewrittenFields(sent: unknown, stored: unknown): readonly Rewritten[] {
  return fieldChanges(sent, stored).map(({ path, found }) => ({ path, stored: hashOf(found) }));
}

/** True if a pass would write nothing. The common case is the same object, since a compile is remembered. */
export function isSame(a: unknown, b: unknown): boolean {
  return a === b || isDeepStrictEqual(a, b);
}

export function keyOf(action: Action<unknown>): string {
  return action.type === "delete" ? action.observed.key : action.desired.key;
}

export function ownerOf(action: Action<unknown>): string {
  return action.type === "delete" ? action.observed.owner : action.desired.owner;
}

const ORDER = { create: 0, update: 1, delete: 2 } as const;

function byOrder(a: Action<unknown>, b: Action<unknown>): number {
  return ORDER[a.type] - ORDER[b.type] || compareText(keyOf(a), keyOf(b));
}

/** Compares by code unit: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Lists the fields that differ, deepest first difference only, sorted by path. */
export function fieldChanges(wanted: unknown, found: unknown, path = ""): readonly FieldChange[] {
  if (isSame(wanted, found)) return [];
  if (!isRecord(wanted) || !isRecord(found)) return [{ path, wanted, found }];
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].sort(compareText);
  return names.flatMap((name) =>
    fieldChanges(own(wanted, name), own(found, name), path === "" ? name : `${path}.${name}`),
  );
}

/** Not what every object inherits, such as `constructor`. */
function own(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
