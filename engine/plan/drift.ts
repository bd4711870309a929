import { driftOf, type Drift, type DriftRule } from "../../crds/drift.ts";
import { hashOf } from "../hash.ts";
import type { Memory } from "./memory.ts";
import { isSame, keyOf, type Action, type FieldChange, type Plan, type Withheld } from "./plan.ts";

/** One field that a person changed by hand. */
export interface DriftedField {
  /** As in a `FieldChange`; empty for the object as a whole, which somebody deleted. */
  readonly path: string;
  readonly wanted: unknown;
  readonly found: unknown;
  /** Hash of what was wanted when it was noticed: tells an edit that goes on from a new wish. */
  readonly wish: string;
  /** Since when, in milliseconds as from `Date.now()`. */
  readonly since: number;
  /** When it is set right, if it is tolerated until then. `Infinity` if it is only reported. Absent if it is set right now. */
  readonly until?: number;
  /** Who did it, if the other system says so. */
  readonly by?: string;
}

/** The fields that a person changed, by the object's key. */
export type DriftByKey = ReadonlyMap<string, readonly DriftedField[]>;

/** Paths of fields that only make sense together. */
export type FieldGroup = readonly string[];

export interface DriftGround {
  readonly memory?: Memory | undefined;
  /** Milliseconds, as from `Date.now()`. */
  readonly now: number;
  readonly together?: readonly FieldGroup[] | undefined;
}

/** The rule of one field: its own, else that of the nearest field above it, else the object's. */
export function ruleOf(path: string, { rule, fields }: Drift): DriftRule {
  let above = path;
  for (;;) {
    if (Object.hasOwn(fields, above)) return fields[above]!;
    const dot = above.lastIndexOf(".");
    if (dot === -1) return rule;
    above = above.slice(0, dot);
  }
}

/**
 * Keeps what a person changed where the wish says so: for good, or until a time. The rest of such an object is
 * still brought in line.
 *
 * An edit stays one while the wish for that field stays the same, whatever else of the wish changes. Its time
 * runs from when it was first noticed: editing the same field again doesn't prolong it.
 */
export function keepDrift<Body>(plan: Plan<Body>, { memory, now, together = [] }: DriftGround): Plan<Body> {
  const actions: Action<Body>[] = [];
  const withheld: Withheld<Body>[] = [...plan.withheld];
  const drift = new Map<string, readonly DriftedField[]>(plan.drift);
  for (const action of plan.actions) {
    const fields = joined(action, driftedFields(action, memory, now), together);
    if (fields.length > 0) drift.set(keyOf(action), fields);
    const kept = fields.filter(({ until }) => until !== undefined);
    if (kept.length === 0 || action.type === "delete") actions.push(action);
    else if (action.type === "create" || kept.length === action.changes.length)
      withheld.push({ action, ...whyKept(keyOf(action), kept, action.type === "create") });
    else actions.push(withKept(action, kept));
  }
  if (drift.size === 0) return plan;
  return { ...plan, actions, withheld, drift };
}

/**
 * Fields that make sense only together share one fate: a query and the thresholds that it repeats. They stay as
 * long as the one that stays longest. If the wish for one of them is a new one, none of them stays.
 */
function joined<Body>(
  action: Action<Body>,
  fields: readonly DriftedField[],
  together: readonly FieldGroup[],
): readonly DriftedField[] {
  if (action.type !== "update" || !fields.some(({ until }) => until !== undefined)) return fields;
  let result = fields;
  for (const group of together) {
    const isMember = ({ path }: { readonly path: string }): boolean =>
      group.some((member) => path === member || path.startsWith(`${member}.`));
    const edits = result.filter(isMember);
    const isWishedAnew = action.changes.filter(isMember).length > edits.length;
    const until = Math.max(...edits.map((field) => field.until ?? -Infinity));
    if (until === -Infinity) continue;
    result = result.map((field) => {
      if (!isMember(field)) return field;
      const { until: _own, ...rest } = field;
      return isWishedAnew ? rest : { ...rest, until };
    });
  }
  return result;
}

function driftedFields<Body>(
  action: Action<Body>,
  memory: Memory | undefined,
  now: number,
): readonly DriftedField[] {
  if (action.type === "delete") return [];
  const { desired } = action;
  const before = memory?.get(desired.key);
  const changes =
    action.type === "update" ? editsIn(action, before?.drift ?? []) : deletion(desired.body, before?.applied);
  const by = action.type === "update" ? action.observed.changedBy : undefined;
  const changedAt = action.type === "update" ? (action.observed.changedAt ?? now) : now;
  return changes.map(({ path, wanted, found }) => {
    const wish = hashOf(wanted);
    const known = before?.drift?.find((field) => field.path === path && field.wish === wish);
    const since = Math.min(known?.since ?? changedAt, now);
    const until = keptUntil(ruleOf(path, driftOf(desired.drift)), since, now);
    return {
      path,
      wanted,
      found,
      wish,
      since,
      ...(until === undefined ? {} : { until }),
      ...(by === undefined ? {} : { by }),
    };
  });
}

/** Where the wish is the one that we wrote last, every difference is a person's; else those that were already seen and whose wish is the same. */
function editsIn<Body>(
  { drifted, changes }: Extract<Action<Body>, { type: "update" }>,
  known: readonly DriftedField[],
): readonly FieldChange[] {
  if (drifted) return changes;
  return changes.filter(({ path, wanted }) =>
    known.some((field) => field.path === path && field.wish === hashOf(wanted)),
  );
}

function deletion(body: unknown, applied: string | undefined): readonly FieldChange[] {
  return applied !== undefined && applied === hashOf(body)
    ? [{ path: "", wanted: "present", found: undefined }]
    : [];
}

function keptUntil(rule: DriftRule, since: number, now: number): number | undefined {
  if (rule === "correct") return undefined;
  if (rule === "report") return Infinity;
  const until = since + rule.tolerateMs;
  return until > now ? until : undefined;
}

/** So many fields are named; of the others, how many they are. */
const NAMED_FIELDS = 5;

/** Says of an object which fields stay as a person made them, and until when. */
export function whyKept(
  key: string,
  kept: readonly DriftedField[],
  isDeleted: boolean,
): { readonly reason: string; readonly message: string } {
  const by = kept.find((field) => field.by !== undefined)?.by;
  const who = by === undefined ? "by hand" : `by hand, by ${by}`;
  const first = Math.min(...kept.map(endOf));
  const reason = first === Infinity ? REPORTED : TOLERATED;
  if (isDeleted) return { reason, message: `${key} was deleted ${who}; ${whenOf("it is", first)}` };
  const ends = [...new Set(kept.map(endOf))].sort((a, b) => a - b);
  const parts = ends.map((end) => {
    const paths = kept.filter((field) => endOf(field) === end).map(({ path }) => path);
    return `${listed(paths)}: ${whenOf("", end)}`;
  });
  return { reason, message: `${key} was changed ${who}. ${parts.join("; ")}` };
}

function endOf({ until = Infinity }: DriftedField): number {
  return until;
}

function whenOf(subject: string, end: number): string {
  const what = end === Infinity ? "only reported" : `set right at ${new Date(end).toISOString()}`;
  return subject === "" ? what : `${subject} ${what}`;
}

/** True of an update of which nothing is left, since all that it would set right are edits that stay. */
export function isKeptDrift({ action, reason }: Withheld<unknown>): boolean {
  return action.type === "update" && (reason === REPORTED || reason === TOLERATED);
}

const REPORTED = "DriftReported";
const TOLERATED = "DriftTolerated";

function listed(paths: readonly string[]): string {
  const more = paths.length - NAMED_FIELDS;
  return `${paths.slice(0, NAMED_FIELDS).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** The update without the fields that stay as a person made them. */
function withKept<Body>(
  action: Extract<Action<Body>, { type: "update" }>,
  kept: readonly DriftedField[],
): Action<Body> {
  const paths = new Set(kept.map(({ path }) => path));
  const { desired, observed } = action;
  return {
    ...action,
    desired: {
      ...desired,
      // What is put together of two bodies of one kind is one of that kind.
      body: keepFound(desired.body, observed.body, paths) as Body,
      wished: desired.wished ?? desired.body,
    },
    changes: action.changes.filter(({ path }) => !paths.has(path)),
  };
}

/** `wanted`, with what was found at some paths. Walks as `fieldChanges` does. */
export function keepFound(wanted: unknown, found: unknown, paths: ReadonlySet<string>, path = ""): unknown {
  if (paths.has(path)) return found;
  if (isSame(wanted, found) || !isRecord(wanted) || !isRecord(found)) return wanted;
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  const merged = [...names].map((name): [string, unknown] => {
    const inner = path === "" ? name : `${path}.${name}`;
    return [name, keepFound(own(wanted, name), own(found, name), paths, inner)];
  });
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined));
}

function own(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** When the next tolerated edit is due to be set right, in milliseconds as from `Date.now()`. */
export function nextDriftEnd(drift: DriftByKey, now: number): number | undefined {
  let next: number | undefined;
  for (const fields of drift.values()) {
    for (const { until = Infinity } of fields)
      if (until !== Infinity && until > now && (next === undefined || until < next)) next = until;
  }
  return next;
}
