import { toError } from "../../clients/errors.ts";
import type { Absence } from "../plan/absence.ts";
import { changesIn } from "./changes.ts";
import { systemClock, type Clock } from "../clock.ts";
import { ObservedCache } from "./observed.ts";
import { DriftNotes } from "./drift-notes.ts";
import { Found } from "./found.ts";
import type { LoopOptions, Preview } from "./loop-options.ts";
import { scheduleNext } from "./next-pass.ts";
import { noteIntents } from "./intent-log.ts";
import { frozenNow } from "../plan/freeze.ts";
import { keyOf, type Desired, type Plan } from "../plan/plan.ts";
import { applyPolicies, keepUnseen } from "../plan/policies.ts";
import { Publisher } from "../status/publish.ts";
import { planPass, reconcile, type PlanInput } from "./reconcile.ts";
import { Referring, type Compiled } from "./referring.ts";
import { Refusals } from "./refusals.ts";
import { reportOf, type Report } from "./report.ts";
import { Schedule } from "./schedule.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import { Urgency } from "./urgency.ts";
import { Verification } from "./verification.ts";

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
  readonly #found: Found<Body>;
  readonly #verification: Verification;
  readonly #urgency = new Urgency();
  readonly #referring: Referring<Body>;
  #snapshot: S | undefined;
  /** Owners that the last pass left alone by a pause. */
  #resting: ReadonlySet<string> = new Set();
  /** True if there are newer wishes since the last pass began. What it refers to waits for its end: that is news after every pass of another kind. */
  #isOvertaken = false;
  /** Owners of what follows from several services, as of the last compile. */
  #composed: ReadonlySet<string> = new Set();
  #report: Report<Body> | undefined;
  #stop: AbortSignal | undefined;

  constructor(options: LoopOptions<S, Body>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#schedule = new Schedule(this.#clock, options.resyncMs);
    this.#publisher = new Publisher(options);
    this.#absence = options.absence;
    this.#verification = new Verification(options, this.#schedule, this.#publisher.verdicts);
    this.#refusals = new Refusals(this.#clock);
    this.#driftNotes =
      options.memory === undefined ? undefined : new DriftNotes(options.memory, options.board);
    this.#found = new Found({ ...options, cache: this.#cache, memory: options.memory });
    const { controller, references } = options;
    const onNews = (): void => this.#schedule.request();
    this.#referring = new Referring({ controller, references, cache: this.#cache, onNews });
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
    return this.#referring.hasNews && this.#report?.error === undefined && (this.#report?.left ?? 0) === 0;
  }

  /** What the last pass saw and did. */
  get report(): Report<Body> | undefined {
    return this.#report;
  }

  /** Takes a newer snapshot. Only the newest counts. */
  offer(snapshot: S): void {
    this.#snapshot = snapshot;
    this.#isOvertaken = true;
    // Whoever is back begins its next absence anew, in the next process as well.
    for (const owner of this.#absence.welcomeBack((service) => snapshot.services.has(service)))
      this.#options.board.setAbsentSince(owner, undefined);
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
      this.#urgency.forget();
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
    const changed = this.#urgency.begin(snapshot);
    this.#cache.noteChangedWishes(changed);
    if (wasFresh) this.#refusals.forgetConflicts();
    this.#refusals.noteApproved(this.#options.approved());
    const compiled = this.#compile(snapshot);
    const desired = "error" in compiled ? NOTHING : compiled.desired;
    if (!("error" in compiled)) this.#noteResting(desired);
    this.#publisher.begin(snapshot, desired, changed);
    const report =
      "error" in compiled
        ? reportOf<Body>(compiled.error)
        : await this.#reconcile(snapshot, compiled, wasFresh, signal);
    if (signal.aborted) return;
    this.#report = report;
    if (report.error === undefined && report.left === 0) this.#urgency.done();
    if (!("error" in compiled)) this.#refusals.note(report.outcomes, desired);
    const changes = changesIn(report, this.#options.memory);
    if (changes.length > 0) this.#options.onChanges?.(changes, snapshot);
    if (report.error === undefined) this.#found.note(desired, report);
    this.#driftNotes?.note(report);
    this.#publisher.publish(snapshot, desired, report, changed);
    this.#referring.noteRefs(report);
    await noteIntents(report, this.#cache.objects(), this.#options.intents);
    for (const [owner, since] of this.#absence.since) this.#options.board.setAbsentSince(owner, since);
    scheduleNext(this.#schedule, {
      report,
      wasFresh,
      snapshot,
      absence: this.#absence,
      refusals: this.#refusals,
      graceMs: this.#options.graceMs,
      nextTryInMs: this.#options.nextTryInMs?.(),
      now: this.#clock.wallMs(),
    });
    const [durationMs, atMs] = [this.#clock.monotonicMs() - startedAt, this.#clock.wallMs()];
    this.#publisher.measure(report, { durationMs, atMs, objects: this.#cache.size });
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
    this.#referring.noteRefs();
    this.#referring.noteExpected(plan.actions.filter(({ type }) => type === "create").map(keyOf));
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
    const { controller, board } = this.#options;
    const desired = controller.compile(snapshot);
    this.#composed = desired.composed ?? new Set();
    for (const owner of this.#composed) board.know(owner, 0);
    return this.#referring.bind(desired);
  }

  /** While an owner rests, people do with its objects as they like: what was read before that doesn't count after it. */
  #noteResting({ paused }: Desired<Body>): void {
    if (!this.#resting.isSubsetOf(paused)) this.#cache.markStale();
    this.#resting = paused;
  }

  async #reconcile(
    snapshot: S,
    compiled: Compiled<Body>,
    fresh: boolean,
    signal: AbortSignal,
  ): Promise<Report<Body>> {
    return await reconcile<Body>({
      ...this.#planInput(snapshot, compiled, fresh, signal),
      policy: (plan, owned) =>
        this.#referring.awaitUsers(this.#applyPolicies(plan, owned, snapshot, compiled.desired)),
      intend: async (keys) => await this.#options.intents?.begin(keys, signal),
      mayWrite: async () => await this.#options.mayWrite(signal),
      isOvertaken: () => this.#isOvertaken,
      isStopping: () => this.#stop?.aborted === true,
      urgent: this.#urgency.byOwner,
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
    const seen = keepUnseen(plan, hasWish, snapshot.unseen);
    this.#absence.note(seen, hasWish, now);
    return applyPolicies(seen, {
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

  /** True if anything of this owner stands in the target, as far as we know. */
  owns(owner: string): boolean {
    return this.#cache.owns(owner);
  }

  /** True if something of this owner is wished though neither a service nor a document stands for it. */
  composes(owner: string): boolean {
    return this.#composed.has(owner);
  }
}

const NOTHING: Desired<never> = { objects: new Map(), held: new Map(), paused: new Set(), problems: [] };
