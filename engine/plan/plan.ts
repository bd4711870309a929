import { isDeepStrictEqual } from "node:util";

import type { Problem } from "../../crds/problem.ts";
import { hashOf } from "../hash.ts";

/** How a difference that a person made in the other system is treated. */
export type DriftMode = "correct" | "report";

export interface DesiredObject<Body> {
  /** Unique within a controller, stable for ever: `ray/object-store-pressure`. */
  readonly key: string;
  /** The service that wants it, or the reserved document: `_monitors/disk-full`. */
  readonly owner: string;
  /** In canonical form: equal objects are deeply equal. */
  readonly body: Body;
  readonly drift: DriftMode;
  /** True if the object stays in the other system when its wish goes. */
  readonly retain: boolean;
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
}

/** One field that differs. `wanted` or `found` is undefined if the field is absent on that side. */
export interface FieldChange {
  readonly path: string;
  readonly wanted: unknown;
  readonly found: unknown;
}

export type Action<Body> =
  | { readonly type: "create"; readonly desired: DesiredObject<Body> }
  | {
      readonly type: "update";
      readonly desired: DesiredObject<Body>;
      readonly observed: ObservedObject<Body>;
      /** True if the wish is the one we wrote last, so that someone else must have changed the object. */
      readonly drifted: boolean;
    }
  | { readonly type: "delete"; readonly observed: ObservedObject<Body> };

/** An action that a policy keeps back, and why. */
export interface Withheld<Body> {
  readonly action: Action<Body>;
  /** CamelCase: `Held`, `Paused`, `InGrace`, `Retained`, `DriftReported`, `BrakeEngaged`, `NotProven`, `Rejected`, `Unreplaced`. */
  readonly reason: string;
  readonly message: string;
}

export interface Plan<Body> {
  readonly actions: readonly Action<Body>[];
  readonly withheld: readonly Withheld<Body>[];
  readonly unchanged: number;
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
    if (isSame(want.body, have.body)) unchanged++;
    else {
      const drifted = have.applied !== undefined && have.applied === hashOf(want.body);
      actions.push({ type: "update", desired: want, observed: have, drifted });
    }
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
