import type { Board } from "./board.ts";
import { describeChanges, eventOf, failureOf, synced } from "./conditions.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { ownerOf, type Desired } from "../plan/plan.ts";
import { hashToApprove } from "../plan/policies.ts";
import type { Outcome, Report } from "../loop/report.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import { Verdicts } from "./verdicts.ts";

export interface PublisherOptions {
  readonly controller: {
    readonly name: string;
    readonly condition: string;
    readonly noun: string;
    concerns?(owner: string): boolean;
  };
  readonly board: Board;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** So many services are told that they wait for the rest of a pass that newer wishes ended; of more, each is told once it is done. */
const MOST_WAITING = 100;
/** So many passes in a row must fail before all services are told. */
const LASTING = 3;

/** Tells the world what one controller's passes did: conditions, events, metrics and log lines. Costs what has changed, not what there is. */
export class Publisher {
  /** What comes in the place of `Synced`. */
  readonly verdicts = new Verdicts();
  readonly #options: PublisherOptions;
  /** Services that had something other than "as wished" to say last time. */
  #unsettled: ReadonlySet<string> = new Set();
  #failures = 0;
  /** Why passes fail, as all services were told. */
  #toldAll: string | undefined;
  #reasons: ReadonlySet<string> = new Set();
  #loggedHash: string | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** One action is done. */
  note(outcome: Outcome): void {
    const { controller, board, log, metrics } = this.#options;
    const { type, key, owner, ref, drifted, error } = outcome;
    const durationMs = Math.round(outcome.durationMs);
    const { reason, message } = eventOf(controller.name, outcome);
    board.addEvent(owner, reason, message);
    metrics.actions.inc({
      controller: controller.name,
      type,
      result: error === undefined ? "success" : "error",
    });
    if (drifted && error === undefined) metrics.driftCorrected.inc({ controller: controller.name });
    const line = {
      controller: controller.name,
      owner,
      key,
      type,
      ...(drifted ? { reason: "Drift" } : {}),
      ...(outcome.changes.length === 0 ? {} : { changes: describeChanges(outcome.changes) }),
    };
    if (error === undefined) log.info({ ...line, ref, durationMs }, "action applied");
    else log.error({ ...line, durationMs, error: error.message }, "action failed");
  }

  /**
   * A pass begins. Of whoever nothing was said yet something is, or it would count as ready until the pass ends,
   * which may take long where a limit makes it wait.
   */
  begin(snapshot: Snapshot, { objects, paused }: Desired<unknown>, changed: ReadonlySet<string>): void {
    const { controller, board } = this.#options;
    if (changed.size === 0 || changed.size > MOST_WAITING) return;
    const { condition: type, noun } = controller;
    const isNew = (owner: string): boolean =>
      changed.has(owner) &&
      !paused.has(owner) &&
      board.get(owner)?.conditions.every((condition) => condition.type !== type) === true;
    const owners = new Set([...objects.values()].map(({ owner }) => owner).filter(isNew));
    const message = `its ${noun}s are still to be written`;
    for (const owner of owners)
      board.setConditions(owner, snapshot.services.get(owner)?.generation, [
        { type, status: "Unknown", reason: "Progressing", message },
      ]);
  }

  /** A pass is done. `changed` are the services whose wish is another than in the pass before. */
  publish(
    snapshot: Snapshot,
    desired: Desired<unknown>,
    report: Report<unknown>,
    changed: ReadonlySet<string>,
  ): void {
    const { controller, board } = this.#options;
    const concerned = this.#only(this.#concerned(snapshot, desired, report, changed));
    for (const [service, condition] of synced(
      controller.condition,
      controller.noun,
      concerned,
      desired,
      report,
    )) {
      board.setConditions(service, snapshot.services.get(service)?.generation, [
        this.verdicts.refine(service, condition),
      ]);
    }
    this.#count(report);
    if (report.error !== undefined) {
      const { reason, message } = failureOf(report.error);
      this.#options.log.error({ controller: controller.name, reason, error: message }, "pass failed");
    }
  }

  /** What a pass took and came to. @param pass.objects How many stand in the target now. */
  measure(
    report: Report<unknown>,
    {
      durationMs,
      atMs,
      objects,
    }: { readonly durationMs: number; readonly atMs: number; readonly objects: number },
  ): void {
    const { controller, metrics, log } = this.#options;
    const labels = { controller: controller.name };
    const result = report.error !== undefined ? "error" : report.left > 0 ? "requeue" : "success";
    metrics.reconcileTime.observe(labels, durationMs / 1000);
    metrics.reconcileTotal.inc({ ...labels, result });
    metrics.objects.set(labels, objects);
    if (result === "error") metrics.reconcileErrors.inc(labels);
    else metrics.lastSuccess.set(labels, atMs / 1000);
    const counts = {
      unchanged: report.unchanged,
      applied: report.outcomes.length,
      withheld: report.withheld.length,
    };
    log.debug({ ...labels, durationMs: Math.round(durationMs), ...counts }, "pass done");
  }

  /** A term is over: what only a leader can say is taken back. */
  retire(): void {
    const { controller, metrics } = this.#options;
    const labels = { controller: controller.name };
    for (const reason of this.#reasons) metrics.withheld.remove({ ...labels, reason });
    for (const gauge of [metrics.objects, metrics.pending, metrics.lastSuccess]) gauge.remove(labels);
  }

  /**
   * Services of which there is something new to say. Of a failure all of them are told only when it lasts:
   * for each a status is stored, and nothing of theirs is wrong yet.
   */
  #concerned(
    { services }: Snapshot,
    { objects, composed }: Desired<unknown>,
    report: Report<unknown>,
    changed: ReadonlySet<string>,
  ): ReadonlySet<string> {
    const unsettled = new Set([
      ...report.withheld.map(({ action }) => ownerOf(action)),
      ...report.problems.map(({ owner }) => owner),
      ...[...report.drift.keys()].flatMap((key) => objects.get(key)?.owner ?? []),
      ...report.outcomes.filter(({ error }) => error !== undefined).map(({ owner }) => owner),
      ...report.waiting,
    ]);
    const concerned = new Set([
      ...(this.#mustTellAll(report.error) ? [...services.keys(), ...(composed ?? [])] : changed),
      ...unsettled,
      ...report.outcomes.map(({ owner }) => owner),
    ]);
    for (const owner of this.#unsettled)
      if (services.has(owner) || composed?.has(owner) === true) concerned.add(owner);
    this.#unsettled = report.error !== undefined && this.#toldAll === undefined ? concerned : unsettled;
    // The next pass goes on with them right away. Until thousands of statuses are stored it could not begin.
    if (report.error === undefined && report.waiting.size > MOST_WAITING)
      for (const owner of report.waiting) concerned.delete(owner);
    return concerned;
  }

  #only(owners: ReadonlySet<string>): ReadonlySet<string> {
    const { controller } = this.#options;
    if (controller.concerns === undefined) return owners;
    return new Set([...owners].filter((owner) => controller.concerns!(owner)));
  }

  #mustTellAll(error: Error | undefined): boolean {
    this.#failures = error === undefined ? 0 : this.#failures + 1;
    const reason = error === undefined || this.#failures < LASTING ? undefined : failureOf(error).reason;
    if (error !== undefined && (reason === undefined || reason === this.#toldAll)) return false;
    const isNews = reason !== this.#toldAll;
    this.#toldAll = reason;
    return isNews;
  }

  /** What is kept back and what is left. */
  #count(report: Report<unknown>): void {
    const { controller, metrics, log } = this.#options;
    const counts = new Map<string, number>([...this.#reasons].map((reason) => [reason, 0]));
    for (const { reason } of report.withheld) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    for (const [reason, count] of counts)
      metrics.withheld.set({ controller: controller.name, reason }, count);
    this.#reasons = new Set(counts.keys());
    metrics.pending.set({ controller: controller.name }, report.left);

    const hash = hashToApprove(controller.name, report.withheld);
    if (hash !== undefined && hash !== this.#loggedHash) {
      log.warn(
        { controller: controller.name, reason: "BrakeEngaged", hash, deletes: counts.get("BrakeEngaged") },
        "deletes wait for approval",
      );
    }
    this.#loggedHash = hash;
  }
}
