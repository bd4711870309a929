import { toError } from "../clients/errors.ts";
import { allInstrumentationWarnings } from "../controllers/workload-env/problems.ts";
import type { Problem } from "../crds/problem.ts";
import { failureOf } from "../engine/status/conditions.ts";
import type { Preview } from "../engine/loop/loop-options.ts";
import type { Passed } from "../engine/loop/once.ts";
import {
  fieldChanges,
  keyOf,
  ownerOf,
  type Action,
  type FieldChange,
  type Withheld,
} from "../engine/plan/plan.ts";
import { plannedDrift, type DriftView } from "./drift-view.ts";
import type { Report } from "../engine/loop/report.ts";
import type { Snapshot } from "../engine/sources/snapshot.ts";

/** What `plan` and `apply` have to say of one role: plain data, as `-o json` shows it. */
export interface RolePlan {
  readonly role: "controller" | "node";
  /** The cluster's id, or the node's name. */
  readonly name: string;
  readonly controllers: readonly ControllerPlan[];
  /** Wishes that cannot be read or are not allowed: what stands there stays. */
  readonly held: readonly Problem[];
  /** What of accepted wishes is likely not meant. Nothing is held for it. */
  readonly warnings?: readonly Problem[];
}

export interface ControllerPlan {
  readonly controller: string;
  readonly changes: readonly PlannedChange[];
  readonly withheld: readonly WithheldChange[];
  readonly problems: readonly Problem[];
  /** What people changed by hand, field by field, whether it is set right now or stays. */
  readonly drift: readonly DriftView[];
  readonly unchanged: number;
  /** Why it could not look or write at all. */
  readonly error?: { readonly reason: string; readonly message: string };
  /** What it waits for, such as a key. */
  readonly waiting?: { readonly reason: string; readonly message: string };
}

export interface PlannedChange {
  readonly type: "create" | "update" | "delete";
  readonly key: string;
  readonly owner: string;
  /** How the other system names it. */
  readonly ref?: string | undefined;
  /** What it is called there, such as a monitor's title or a file's path. */
  readonly title?: string | undefined;
  /** True if a person changed it by hand. */
  readonly drifted?: boolean;
  readonly fields: readonly FieldChange[];
  /** Of `apply`: what went wrong with this one. */
  readonly error?: { readonly reason: string; readonly message: string };
}

export interface WithheldChange extends Pick<PlannedChange, "type" | "key" | "owner" | "ref" | "fields"> {
  readonly reason: string;
  readonly message: string;
}

/** Told of by the cluster's role: a machine has no other wishes. */
export function warningsIn(
  role: RolePlan["role"],
  { services }: Pick<Snapshot, "services">,
): Pick<RolePlan, "warnings"> {
  const warnings = role === "controller" ? allInstrumentationWarnings(services) : [];
  return warnings.length === 0 ? {} : { warnings };
}

/** What a preview says. */
export function previewed(passed: Passed<Preview<unknown>>): ControllerPlan {
  return planOf(passed, ({ desired, plan }) => ({
    changes: plan.actions.map(plannedChange),
    withheld: plan.withheld.map(withheldChange),
    problems: desired.problems,
    drift: plannedDrift(passed.controller, plan.drift ?? new Map()),
    unchanged: plan.unchanged,
  }));
}

/** What a pass says. */
export function reported(passed: Passed<Report<unknown>>): ControllerPlan {
  return planOf(passed, ({ outcomes, withheld, problems, drift, unchanged, error }) => ({
    // Writes run side by side: they end in any order.
    changes: outcomes.toSorted(byKey).map(({ type, key, owner, ref, drifted, changes, error: failed }) => ({
      type,
      key,
      owner,
      ref,
      drifted,
      fields: changes,
      ...(failed === undefined ? {} : { error: failureOf(failed) }),
    })),
    withheld: withheld.map(withheldChange),
    problems,
    drift: plannedDrift(passed.controller, drift),
    unchanged,
    ...(error === undefined ? {} : { error: failureOf(error) }),
  }));
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

const NOTHING = { changes: [], withheld: [], problems: [], drift: [], unchanged: 0 };

function planOf<Result>(
  passed: Passed<Result>,
  read: (result: Result) => Omit<ControllerPlan, "controller">,
): ControllerPlan {
  const { controller } = passed;
  if ("waiting" in passed) return { controller, ...NOTHING, waiting: passed.waiting };
  if ("error" in passed) return { controller, ...NOTHING, error: failureOf(toError(passed.error)) };
  return { controller, ...read(passed.result) };
}

function plannedChange(action: Action<unknown>): PlannedChange {
  const body = action.type === "delete" ? action.observed.body : action.desired.body;
  return {
    type: action.type,
    key: keyOf(action),
    owner: ownerOf(action),
    ref: action.type === "create" ? undefined : action.observed.ref,
    title: titleOf(body),
    ...(action.type === "update" && action.drifted ? { drifted: true } : {}),
    fields:
      action.type === "update"
        ? action.changes
        : action.type === "create"
          ? fieldChanges(action.desired.body, {})
          : [],
  };
}

function withheldChange({ action, reason, message }: Withheld<unknown>): WithheldChange {
  const ref = action.type === "create" ? undefined : action.observed.ref;
  const fields = action.type === "update" ? action.changes : [];
  return { type: action.type, key: keyOf(action), owner: ownerOf(action), ref, fields, reason, message };
}

/** What a person calls the object: the title of a monitor, an SLO or a dashboard, a metric, a downtime's scope, a file's place. */
function titleOf(body: unknown): string | undefined {
  const fields = body as Readonly<Record<string, unknown>>;
  const { check, service, metadata } = fields;
  if (typeof check === "string" && typeof service === "string")
    return `${check}.d/dd-observe-${service}.yaml`;
  const entity = metadata as { readonly name?: unknown } | undefined;
  return [fields["name"], fields["title"], fields["metric"], fields["scope"], entity?.name].find(
    (title) => typeof title === "string",
  );
}

export interface PlanCounts {
  readonly create: number;
  readonly update: number;
  readonly delete: number;
  readonly withheld: number;
  readonly problems: number;
  readonly waiting: number;
  readonly failed: number;
  readonly unchanged: number;
}

export function countsOf(roles: readonly RolePlan[]): PlanCounts {
  const controllers = roles.flatMap((role) => role.controllers);
  const changes = controllers.flatMap((one) => one.changes);
  const done = changes.filter(({ error }) => error === undefined);
  const count = (type: PlannedChange["type"]): number => done.filter((change) => change.type === type).length;
  return {
    create: count("create"),
    update: count("update"),
    delete: count("delete"),
    // What its wish said to retain is as wished.
    withheld: controllers
      .flatMap((one) => one.withheld)
      .filter(({ reason }) => reason !== "Retained" && reason !== "Held").length,
    problems: controllers.flatMap((one) => one.problems).length + held(roles).length,
    waiting: controllers.filter(({ waiting }) => waiting !== undefined).length,
    failed: controllers.filter(({ error }) => error !== undefined).length + (changes.length - done.length),
    unchanged: controllers.reduce((sum, one) => sum + one.unchanged, 0),
  };
}

/** Both roles see the same broken wish: it is told once. */
export function held(roles: readonly RolePlan[]): readonly Problem[] {
  const told = new Map(
    roles
      .flatMap((role) => role.held)
      .map((problem) => [`${problem.owner}\0${problem.message}\0${problem.path}`, problem]),
  );
  return [...told.values()];
}
