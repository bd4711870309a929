import { ApiError } from "../../clients/errors.ts";
import type { GlobalKind } from "../../crds/global.ts";
import { subjectOf } from "../../crds/names.ts";
import type { Resolution } from "../../crds/resolve.ts";
import { whyKept } from "../plan/drift.ts";
import { ownerOf, type Desired, type FieldChange, type Withheld } from "../plan/plan.ts";
import type { Outcome, Report } from "../loop/report.ts";
import { RefusedError } from "../plan/refused.ts";
import type { Condition } from "./status.ts";

const NOUNS: Readonly<Record<Exclude<GlobalKind, "nomad">, string>> = {
  monitor: "monitor",
  slo: "SLO",
  dashboard: "dashboard",
  downtime: "downtime",
};

/** Whether a wish could be read and is allowed. */
export function accepted(resolution: Resolution): Condition {
  if (resolution.state === "accepted") {
    const { pack, generation } = resolution.wish;
    const by = generation === 0 ? "by its tags" : "by its document";
    return {
      type: "Accepted",
      status: "True",
      reason: "Accepted",
      message: `observed ${by} with pack ${pack.name}`,
    };
  }
  if (resolution.state === "global") {
    const message =
      resolution.kind === "nomad"
        ? "its document defines the telemetry of Nomad's agents"
        : `its document defines one ${NOUNS[resolution.kind]} of no service`;
    return { type: "Accepted", status: "True", reason: "Accepted", message };
  }
  const [first, ...others] = resolution.problems;
  const place = first?.at === undefined ? "" : `line ${first.at.line}, column ${first.at.column}: `;
  const more =
    others.length === 0 ? "" : ` (and ${others.length} more; dd-observe describe ${resolution.service})`;
  return {
    type: "Accepted",
    status: "False",
    reason: "InvalidWish",
    message: `${place}${first?.message ?? "not readable"}${more}`,
  };
}

/**
 * Says for each service whether a target equals its wish, after one pass.
 *
 * @param services Those to say it of.
 */
export function synced(
  type: string,
  noun: string,
  services: ReadonlySet<string>,
  desired: Desired<unknown>,
  report: Report<unknown>,
): ReadonlyMap<string, Condition> {
  const counts = countObjects(desired, services);
  const failures = firstBy(
    report.outcomes.filter(({ error }) => error !== undefined),
    ({ owner }) => owner,
  );
  const withheld = firstBy(report.withheld.filter(isNews), ({ action }) => ownerOf(action));
  const drift = keptDrift(desired, report);
  const problems = firstBy(report.problems, ({ owner }) => owner);
  const stopped = report.error === undefined ? undefined : failureOf(report.error);

  const conditions = new Map<string, Condition>();
  for (const service of services) {
    const say = (status: Condition["status"], reason: string, message: string): void => {
      conditions.set(service, { type, status, reason, message });
    };
    const failure = failures.get(service);
    const kept = (desired.paused.has(service) ? undefined : withheld.get(service)) ?? drift.get(service);
    const problem = problems.get(service);
    const heldBecause = desired.held.get(service);
    const count = counts.get(service) ?? 0;
    const failed = failure?.error === undefined ? undefined : failureOf(failure.error);
    if (failed !== undefined) say("False", failed.reason, failed.message);
    else if (stopped !== undefined) say("False", stopped.reason, stopped.message);
    else if (problem !== undefined) say("False", problem.reason, problem.message);
    else if (kept !== undefined) say(STATUS_OF[kept.reason] ?? "False", kept.reason, kept.message);
    else if (heldBecause !== undefined)
      say("False", "Held", `nothing is changed while the wish cannot be read: ${heldBecause}`);
    else if (desired.paused.has(service)) say("False", "Paused", pausedMessage(service));
    else if (report.waiting.has(service))
      say("Unknown", "Progressing", `its ${noun}s are still to be written`);
    else if (count === 0) say("True", "NothingWanted", `the wish asks for no ${noun}s`);
    else say("True", "Synced", `${count} ${noun}${count === 1 ? "" : "s"} as wished`);
  }
  return conditions;
}

/** Of what is kept back, if it is not simply untrue that all is as wished. */
const STATUS_OF: Readonly<Record<string, Condition["status"]>> = {
  Retained: "True",
  WaitingForReference: "Unknown",
};

/** What stays of people's edits, by owner; of an object whose other fields were set right as well. */
function keptDrift(
  { objects }: Desired<unknown>,
  { drift }: Report<unknown>,
): ReadonlyMap<string, Pick<Withheld<unknown>, "reason" | "message">> {
  const byOwner = new Map<string, Pick<Withheld<unknown>, "reason" | "message">>();
  for (const [key, fields] of drift) {
    const owner = objects.get(key)?.owner;
    const kept = fields.filter(({ until }) => until !== undefined);
    if (owner !== undefined && kept.length > 0 && !byOwner.has(owner))
      byOwner.set(owner, whyKept(key, kept, kept[0]?.path === ""));
  }
  return byOwner;
}

/** What is said where a pause keeps something back. */
export function pausedMessage(owner: string): string {
  return `${subjectOf(owner)} is paused; dd-observe resume ${owner}`;
}

/** What is held or paused is said of the service as a whole. */
function isNews({ reason }: Withheld<unknown>): boolean {
  return reason !== "Held" && reason !== "Paused";
}

function countObjects(desired: Desired<unknown>, services: ReadonlySet<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { owner } of desired.objects.values()) {
    if (services.has(owner)) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return counts;
}

function firstBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, Item> {
  const first = new Map<string, Item>();
  for (const item of items) if (!first.has(keyOf(item))) first.set(keyOf(item), item);
  return first;
}

/** A failed call as a condition's reason. */
export function failureOf(error: Error): { readonly reason: string; readonly message: string } {
  if (error instanceof RefusedError) return { reason: error.reason, message: error.message };
  if (error instanceof ApiError) {
    const reason = error.reason ?? error.failure.charAt(0).toUpperCase() + error.failure.slice(1);
    return { reason, message: error.hint === undefined ? error.message : `${error.message}. ${error.hint}` };
  }
  return { reason: "Failed", message: error.message };
}

/** What happened, for the service's list of events. */
export function eventOf(
  controller: string,
  outcome: Outcome,
): { readonly reason: string; readonly message: string } {
  const what = `${controller} ${outcome.key}`;
  if (outcome.error !== undefined) return { reason: "Failed", message: `${what}: ${outcome.error.message}` };
  if (outcome.type === "create") return { reason: "Created", message: what };
  if (outcome.type === "delete") return { reason: "Deleted", message: what };
  const fields = describeChanges(outcome.changes);
  return outcome.drifted
    ? { reason: "DriftCorrected", message: `${what}: changed by hand, set right (${fields})` }
    : { reason: "Updated", message: `${what} (${fields})` };
}

/** So many fields are shown, and so many characters of each value. */
const MOST_FIELDS = 5;
const MOST_VALUE = 80;

/** The first changed fields with what was found and what is wanted: `priority: 3 → 2`. */
export function describeChanges(changes: readonly FieldChange[]): string {
  const shown = changes.slice(0, MOST_FIELDS).map(({ path, wanted, found }) => {
    const [before, after] = [valueOf(found), valueOf(wanted)];
    const at = Math.max(before.length, after.length) > MOST_VALUE ? firstDifference(before, after) : 0;
    return `${path}: ${cutFrom(before, at)} → ${cutFrom(after, at)}`;
  });
  const more = changes.length - MOST_FIELDS;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function valueOf(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value);
}

/** A little before where two texts begin to differ: a long query mostly differs in its end. */
function firstDifference(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return Math.max(0, at - MOST_VALUE / 4);
}

function cutFrom(text: string, from: number): string {
  const start = text.length <= MOST_VALUE ? 0 : from;
  const end = start + MOST_VALUE;
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`;
}
