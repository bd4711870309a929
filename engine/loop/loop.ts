import { toError } from "../../clients/errors.ts";
import type { Absence } from "../plan/absence.ts";
import type { Board } from "../status/board.ts";
import { changesIn, type OwnerChanges } from "./changes.ts";
import { systemClock, type Clock } from "../clock.ts";
import type { Controller } from "./controller.ts";
import type { Log } from "../log.ts";
import type { Memory } from "../plan/memory.ts";
import type { Metrics } from "../metrics.ts";
import { ObservedCache } from "./observed.ts";
import { DriftNotes } from "./drift-notes.ts";
import { noteIntents, type IntentLog } from "./intent-log.ts";
import { nextDriftEnd } from "../plan/drift.ts";
import { changedKeys } from "../plan/patch.ts";
import { frozenNow } from "../plan/freeze.ts";
import { expectedRef } from "../plan/expected.ts";
import { keyOf, ownerOf, type Desired, type Plan } from "../plan/plan.ts";
import { applyPolicies, type DeleteLimit } from "../plan/policies.ts";
import { Binder, type Bound, type References } from "../plan/references.ts";
import { awaitUsers, type Use } from "../plan/uses.ts";
import { Publisher } from "../status/publish.ts";
import { planPass, reconcile, type PlanInput, type Report } from "./reconcile.ts";
import { Refusals } from "./refusals.ts";
import { pauseAfter, Schedule } from "./schedule.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import { Verification } from "./verification.ts";

export interface LoopOptions<S extends Snapshot, Body> {
  readonly controller: Controller<S, Body>;
  /** A second, consistent read of the wishes. */
  readonly confirm: (signal: AbortSignal) => Promise<S>;
  /** Throws if we may no longer write. */
  readonly mayWrite: (signal: AbortSignal) => Promise<void>;
  readonly board: Board;
  readonly memory?: Memory | undefined;
  /** Shared by the controllers that share the board. */
  readonly absence: Absence;
  /** Where the controllers of a role find one another's objects. Without it, nothing refers to anything. */
  readonly references?: References | undefined;
  /** Where it is written down what is about to be created. */
  readonly intents?: IntentLog | undefined;
  readonly resyncMs: number;
  readonly graceMs: number;
  readonly limit: DeleteLimit;
  /** Hashes of plans that a person approved. */
  readonly approved: () => ReadonlySet<string>;
  /** In how many milliseconds the other system is tried again, while it is known to be down. */
  readonly nextTryInMs?: (() => number | undefined) | undefined;
  /** Is told how many actions of a pass are left, and how many there were. */
  readonly onProgress?: ((left: number, total: number) => void) | undefined;
  /** Is told what a pass changed. Must neither throw nor take long. */
  readonly onChanges?: ((changes: readonly OwnerChanges[], snapshot: S) => void) | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock?: Clock | undefined;
}

/** What a pass would do. */
export interface Preview<Body> {
  readonly desired: Desired<Body>;
  readonly plan: Plan<Body>;
}

/** After writing, the other side gets this long before we look whether it works. */
const VERIFY_SOON_MS = 1_000;

/**
 * Keeps one target in line with the newest snapshot until its signal aborts.
 *
 * A burst of snapshots costs one pass: only the newest counts, and one pass runs at a time.
 * Passes also run at every resync (then the target is read afresh), after failures with
 * growing pauses, and when a grace period ends.
 */
export class ControllerLoop<S extends Snapshot, Body> {
  readonly #options: LoopOptions<S, Body>;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #publisher: Publisher;
  readonly #absence: Absence;
  readonly #cache = new ObservedCache<Body>();
  readonly #refusals: Refusals<Body>;
  readonly #driftNotes: DriftNotes | undefined;
  readonly #verification: Verification;
  #snapshot: S | undefined;
  /** Owners that the last pass left alone by a pause. */
  #resting: ReadonlySet<string> = new Set();
  #seen: Pick<Snapshot, "services" | "paused"> = NOTHING_SEEN;
  /** True if there are newer wishes since the last pass began. What it refers to waits for its end: that is news after every pass of another kind. */
  #isOvertaken = false;
  /** Services whose wish has changed since a pass went to its end, and in which pass that was seen. */
  #urgent = new Map<string, number>();
  #passes = 0;
  #approved: ReadonlySet<string> = new Set();
  /** Owners of what follows from several services, as of the last compile. */
  #composed: ReadonlySet<string> = new Set();
  #report: Report<Body> | undefined;
  #stop: AbortSignal | undefined;
  readonly #binder: Binder<Body> | undefined;
  /** True if anything desired refers to other controllers' objects. */
  #refers = false;
  /** True if a delete of the last pass waits for what uses the object. */
  #awaitsUsers = false;
  #hasNewReferences = false;

  constructor(options: LoopOptions<S, Body>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = new Schedule(this.#clock, options.resyncMs);
    this.#publisher = new Publisher(options);
    this.#absence = options.absence;
    this.#verification = new Verification(options, this.#schedule);
    this.#refusals = new Refusals(this.#clock);
    this.#driftNotes =
      options.memory === undefined ? undefined : new DriftNotes(options.memory, options.board);
    const { references } = options;
    const { name, target } = options.controller;
    this.#binder =
      references === undefined ? undefined : new Binder(references, target.rebound?.bind(target));
    references?.uses.provide(name, () => this.#uses());
    references?.subscribe(() => {
      if (!this.#refers && !this.#awaitsUsers) return;
      this.#hasNewReferences = true;
      this.#schedule.request();
    });
  }

  get name(): string {
    return this.#options.controller.name;
  }

  /** True if the last pass went to its end, so that `owns` can be trusted. */
  get isSettled(): boolean {
    return this.#report !== undefined && this.#report.error === undefined && !this.#cache.isStale;
  }

  /** True if what it refers to has changed since the last pass began, and nothing but that keeps it from another one. */
  get hasNewReferences(): boolean {
    return this.#hasNewReferences && this.#report?.error === undefined && (this.#report?.left ?? 0) === 0;
  }

  /** What the last pass saw and did. */
  get report(): Report<Body> | undefined {
    return this.#report;
  }

  /** Takes a newer snapshot. Only the newest counts. */
  offer(snapshot: S): void {
    this.#snapshot = snapshot;
    this.#isOvertaken = true;
    this.#welcomeBack(snapshot);
    this.#schedule.request();
  }

  /** Asks for a pass that reads the target afresh, such as after an edit was noticed. */
  refresh(): void {
    this.#cache.markStale();
    if (this.#snapshot === undefined) return;
    this.#isOvertaken = true;
    this.#schedule.request();
  }

  /**
   * @param stop No further action is begun after it aborts; the one under way is finished.
   * @param abort Gives up the one under way as well, such as when leadership is lost.
   */
  async run(stop: AbortSignal, abort: AbortSignal): Promise<void> {
    this.#stop = stop;
    const either = AbortSignal.any([stop, abort]);
    while (!either.aborted) {
      await this.#schedule.wait(either);
      if (either.aborted) break;
      if (this.#schedule.isPassDue) await this.#safely(async () => await this.pass(abort));
      if (this.#snapshot === undefined || either.aborted) continue;
      if (this.#schedule.isVerificationDue) await this.#verification.run(this.#snapshot, either);
    }
    this.#publisher.retire();
  }

  /** A mistake of our own is seen in the log, and costs a pass and not the process. */
  async #safely(pass: () => Promise<void>): Promise<void> {
    try {
      await pass();
    } catch (error) {
      const { controller, log, metrics } = this.#options;
      this.#cache.markStale();
      // Whatever was not told yet is told by the next pass.
      this.#seen = NOTHING_SEEN;
      this.#schedule.failed(0);
      metrics.reconcileErrors.inc({ controller: controller.name });
      log.error({ controller: controller.name, error: toError(error).message }, "pass failed unexpectedly");
    }
  }

  /** Makes one pass over the snapshot that was offered last. */
  async pass(signal: AbortSignal): Promise<void> {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return;
    const startedAt = this.#clock.monotonicMs();
    const wasFresh = this.#schedule.begin();
    this.#isOvertaken = false;
    const changed = this.#changedServices(snapshot);
    this.#passes++;
    for (const service of changed) this.#urgent.set(service, this.#passes);
    this.#cache.noteChangedWishes(changed);
    if (wasFresh) this.#refusals.forgetConflicts();
    this.#noteApprovals();

    const compiled = this.#compile(snapshot);
    if (!("error" in compiled)) this.#noteResting(compiled.desired);
    const report =
      "error" in compiled
        ? failed<Body>(compiled.error)
        : await this.#reconcile(snapshot, compiled, wasFresh, signal);
    if (signal.aborted) return;
    this.#report = report;
    if (report.error === undefined && report.left === 0) this.#urgent = new Map();

    const desired = "error" in compiled ? NOTHING : compiled.desired;
    if (!("error" in compiled)) this.#refusals.note(report.outcomes, desired);
    this.#tellChanges(report, snapshot);
    this.#driftNotes?.note(report);
    this.#publisher.publish(snapshot, desired, report, changed);
    this.#noteReferences(report);
    await noteIntents(report, this.#cache.objects(), this.#options.intents);
    for (const [owner, since] of this.#absence.since) this.#options.board.setAbsentSince(owner, since);
    this.#scheduleNext(report, wasFresh);
    this.#measure(report, this.#clock.monotonicMs() - startedAt);
  }

  /**
   * Works out what a pass over the snapshot that was offered last would do, and does none of it.
   *
   * @throws {ApiError} if the other system or the wishes can't be read.
   */
  async preview(
    signal: AbortSignal,
    { fresh = true }: { readonly fresh?: boolean } = {},
  ): Promise<Preview<Body> | undefined> {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return undefined;
    const compiled = this.#bind(snapshot);
    const plan = await planPass(this.#planInput(snapshot, compiled, fresh, signal));
    this.#noteReferences();
    // What refers to it can be planned as well.
    const created = plan.actions.filter(({ type }) => type === "create").map(keyOf);
    this.#options.references?.noteChanges(this.name, new Map(created.map((key) => [key, expectedRef(key)])));
    return { desired: compiled.desired, plan };
  }

  /** A fault in a compile is ours, not a wish's. It stops this pass and nothing else. */
  #compile(snapshot: S): Compiled<Body> | { readonly error: Error } {
    try {
      return this.#bind(snapshot);
    } catch (error) {
      return { error: toError(error) };
    }
  }

  /** Works out what is desired, with what it refers to. */
  #bind(snapshot: S): Compiled<Body> {
    const { controller, references, board } = this.#options;
    const desired = controller.compile(snapshot);
    this.#composed = desired.composed ?? new Set();
    for (const owner of this.#composed) board.know(owner, 0);
    if (references === undefined || this.#binder === undefined) return { desired, waiting: [] };
    references.noteWished(controller.name, desired.objects, desired.held);
    this.#hasNewReferences = false;
    const bound = this.#binder.bind(desired);
    this.#refers = bound.refers;
    return bound;
  }

  /** While an owner rests, people do with its objects as they like: what was read before that doesn't count after it. */
  #noteResting({ paused }: Desired<Body>): void {
    if (!this.#resting.isSubsetOf(paused)) this.#cache.markStale();
    this.#resting = paused;
  }

  /** Tells the other controllers which objects there are now. */
  #noteReferences(report?: Report<Body>): void {
    const { controller, references } = this.#options;
    references?.noteChanges(controller.name, this.#cache.takeChangedRefs());
    const isUpdated = report?.outcomes.some(({ type, error }) => type === "update" && error === undefined);
    if (isUpdated === true && controller.target.uses !== undefined) references?.noteUses();
  }

  *#uses(): Generator<readonly [key: string, uses: readonly Use[]]> {
    const { target } = this.#options.controller;
    if (target.uses === undefined) return;
    for (const [key, { body }] of this.#cache.objects()) yield [key, target.uses(body)];
  }

  #tellChanges(report: Report<Body>, snapshot: S): void {
    const changes = changesIn(report, this.#options.memory);
    if (changes.length > 0) this.#options.onChanges?.(changes, snapshot);
  }

  async #reconcile(
    snapshot: S,
    compiled: Compiled<Body>,
    fresh: boolean,
    signal: AbortSignal,
  ): Promise<Report<Body>> {
    return await reconcile<Body>({
      ...this.#planInput(snapshot, compiled, fresh, signal),
      policy: (plan, owned) => this.#awaitUsers(this.#applyPolicies(plan, owned, snapshot, compiled.desired)),
      intend: async (keys) => await this.#options.intents?.begin(keys, signal),
      mayWrite: async () => await this.#options.mayWrite(signal),
      isOvertaken: () => this.#isOvertaken,
      isStopping: () => this.#stop?.aborted === true,
      urgent: this.#urgent,
      onOutcome: (outcome) => this.#publisher.note(outcome),
      onProgress: this.#options.onProgress,
    });
  }

  #planInput(
    snapshot: S,
    { desired, waiting }: Compiled<Body>,
    fresh: boolean,
    signal: AbortSignal,
  ): PlanInput<Body> {
    const { controller, confirm } = this.#options;
    return {
      desired,
      waiting,
      target: controller.target,
      cache: this.#cache,
      fresh,
      policy: (plan, owned) => this.#applyPolicies(plan, owned, snapshot, desired),
      confirm: async () => controller.compile(await confirm(signal)),
      signal,
    };
  }

  #applyPolicies(plan: Plan<Body>, owned: number, snapshot: S, desired: Desired<Body>): Plan<Body> {
    const { controller, board, memory, limit, graceMs, approved } = this.#options;
    const now = this.#clock.wallMs();
    const hasWish = (owner: string): boolean =>
      snapshot.services.has(owner) || desired.composed?.has(owner) === true;
    this.#absence.note(plan, hasWish, now);
    return applyPolicies(plan, {
      controller: controller.name,
      desired,
      now,
      graceMs,
      frozen: controller.scope === "cluster" ? frozenNow(snapshot, now) : undefined,
      absentSince: this.#absence.since,
      isKnown: (owner) => hasWish(owner) || board.isKnown(owner),
      isRetained: (owner) => controller.isRetained?.(owner, snapshot) ?? true,
      refused: this.#refusals.byKey,
      memory,
      together: controller.target.together,
      isOver: controller.target.isOver?.bind(controller.target),
      owned,
      limit,
      approved: approved(),
    });
  }

  /** What waits for an approval doesn't rest after it. */
  #noteApprovals(): void {
    const approved = this.#options.approved();
    if (approved.difference(this.#approved).size > 0) this.#refusals.forgetInUse();
    this.#approved = approved;
  }

  /** What another object of ours still uses goes after it. */
  #awaitUsers(plan: Plan<Body>): Plan<Body> {
    const { controller, references } = this.#options;
    const result = awaitUsers(plan, { controller, references, observed: this.#cache.objects() });
    this.#awaitsUsers = result !== plan;
    return result;
  }

  /** Services with another wish than in the pass before, or that were paused or resumed by command. */
  #changedServices(snapshot: S): ReadonlySet<string> {
    const { services, paused } = snapshot;
    const changed = new Set(changedKeys(this.#seen.services, services));
    for (const service of paused.symmetricDifference(this.#seen.paused)) changed.add(service);
    this.#seen = { services, paused };
    return new Set([...changed].filter((service) => services.has(service)));
  }

  /** Whoever is back begins its next absence anew, in the next process as well. */
  #welcomeBack(snapshot: S): void {
    const hasWish = (service: string): boolean => snapshot.services.has(service);
    for (const owner of this.#absence.welcomeBack(hasWish))
      this.#options.board.setAbsentSince(owner, undefined);
  }

  /** True if anything of this owner stands in the target, as far as we know. */
  owns(owner: string): boolean {
    return this.#cache.owns(owner);
  }

  /** True if something of this owner is wished though neither a service nor a document stands for it. */
  composes(owner: string): boolean {
    return this.#composed.has(owner);
  }

  #scheduleNext(report: Report<Body>, wasFresh: boolean): void {
    const { error } = report;
    if (error === undefined) this.#schedule.succeeded({ wasFresh, isUnfinished: report.left > 0 });
    else this.#schedule.failed(...pauseAfter(error, this.#options.nextTryInMs?.()));

    const now = this.#clock.wallMs();
    const graceEnd = this.#absence.nextEnd(this.#options.graceMs, now);
    if (graceEnd !== undefined) this.#schedule.wakeIn(graceEnd - now);
    const restEnd = this.#refusals.nextEnd(now);
    if (restEnd !== undefined) this.#schedule.wakeIn(restEnd - now);
    const driftEnd = nextDriftEnd(report.drift, now);
    if (driftEnd !== undefined) this.#schedule.wakeIn(driftEnd - now);
    const thaw = this.#nextThaw(report, now);
    if (thaw !== undefined) this.#schedule.wakeIn(thaw - now);
    if (report.outcomes.length > 0) this.#schedule.verifyIn(VERIFY_SOON_MS);
    else if (wasFresh) this.#schedule.verifyIn(0);
  }

  /** When the next freeze ends that keeps something back, in milliseconds as from `Date.now()`. */
  #nextThaw({ withheld }: Report<Body>, now: number): number | undefined {
    const owners = withheld.flatMap(({ action, reason }) => (reason === "Frozen" ? [ownerOf(action)] : []));
    if (owners.length === 0 || this.#snapshot === undefined) return undefined;
    const frozen = frozenNow(this.#snapshot, now);
    const next = Math.min(...[...new Set(owners)].map((owner) => frozen(owner)?.untilMs ?? now));
    return next === Infinity ? undefined : next;
  }

  #measure(report: Report<Body>, durationMs: number): void {
    const { controller, metrics, log } = this.#options;
    const labels = { controller: controller.name };
    const result = report.error !== undefined ? "error" : report.left > 0 ? "requeue" : "success";
    metrics.reconcileTime.observe(labels, durationMs / 1000);
    metrics.reconcileTotal.inc({ ...labels, result });
    metrics.objects.set(labels, this.#cache.size);
    if (result === "error") metrics.reconcileErrors.inc(labels);
    else metrics.lastSuccess.set(labels, this.#clock.wallMs() / 1000);
    const counts = {
      unchanged: report.unchanged,
      applied: report.outcomes.length,
      withheld: report.withheld.length,
    };
    log.debug({ ...labels, durationMs: Math.round(durationMs), ...counts }, "pass done");
  }
}

type Compiled<Body> = Pick<Bound<Body>, "desired" | "waiting">;

const NOTHING_SEEN: Pick<Snapshot, "services" | "paused"> = { services: new Map(), paused: new Set() };
const NOTHING: Desired<never> = { objects: new Map(), held: new Map(), paused: new Set(), problems: [] };

function failed<Body>(error: Error): Report<Body> {
  return {
    problems: [],
    outcomes: [],
    withheld: [],
    unchanged: 0,
    drift: new Map(),
    left: 0,
    waiting: new Set(),
    error,
  };
}
