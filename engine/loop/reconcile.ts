import { ApiError, toError } from "../../clients/errors.ts";
import { batchesOf } from "./batches.ts";
import type { Target } from "./controller.ts";
import { ObservedCache } from "./observed.ts";
import type { Outcome, Report } from "./report.ts";
import type { DriftByKey } from "../plan/drift.ts";
import { diff, keyOf, ownerOf, type Action, type Desired, type Plan, type Withheld } from "../plan/plan.ts";

export interface ReconcileInput<Body> {
  readonly desired: Desired<Body>;
  /** What can't be written yet, since it refers to something that isn't there. */
  readonly waiting?: readonly Withheld<Body>[];
  readonly target: Target<Body>;
  readonly cache: ObservedCache<Body>;
  /** True to read the other system afresh, whatever we remember of it. */
  readonly fresh: boolean;
  /** Takes out of a plan what must not happen now. */
  readonly policy: (plan: Plan<Body>, owned: number) => Plan<Body>;
  /** Asked before deletes: a second look at what is wished. Deletes that it doesn't want as well are dropped. */
  readonly confirm: () => Promise<Desired<Body>>;
  /** Throws if we may no longer write. Asked before a batch and again while it runs. */
  readonly mayWrite: () => Promise<void>;
  /** True if there is newer work, so that this run should end early. It gets on all the same, or changes without end would keep it from ever deleting. */
  readonly isOvertaken: () => boolean;
  /** True if nothing more may be begun. */
  readonly isStopping: () => boolean;
  /** Owners whose wish changed lately, of a higher number later: they come first. */
  readonly urgent: ReadonlyMap<string, number>;
  readonly onOutcome: (outcome: Outcome) => void;
  /** Stores which objects are about to be created, so that a process after this one looks before it creates them again. */
  readonly intend: (keys: readonly string[]) => Promise<void>;
  /** Is told how many actions are left, and how many there were: none when the run is over. */
  readonly onProgress?: ((left: number, total: number) => void) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Brings one target in line with what is desired.
 *
 * Never throws, so that what did succeed is always reported. One rejected
 * object doesn't stop the others; a target that is down stops the run.
 */
export async function reconcile<Body>(input: ReconcileInput<Body>): Promise<Report<Body>> {
  const { desired, target, cache, signal } = input;
  const outcomes: Outcome[] = [];
  let plan: Plan<Body> = { actions: [], withheld: [], unchanged: 0 };
  let stopped: Error | undefined;
  const left = new Set<Action<Body>>();

  try {
    plan = await planPass(input);
    for (const action of plan.actions) left.add(action);
    input.onProgress?.(left.size, plan.actions.length);
    for (const batch of batchesOf(plan.actions, input.urgent, target)) {
      if (batch[0]?.type === "delete")
        plan = keepUnreplaced(plan, outcomes, { left, there: cache.objects() });
      const due = batch.filter((action) => left.has(action));
      if (batch[0]?.type === "create") await input.intend(due.map(keyOf));
      stopped = await applyBatch(due, input, (action, outcome) => {
        outcomes.push(outcome);
        left.delete(action);
        input.onOutcome(outcome);
        input.onProgress?.(left.size, plan.actions.length);
      });
      // What is deleted may be what the rest of this batch replaces.
      if (stopped !== undefined || batch.some((action) => left.has(action))) break;
    }
  } catch (error) {
    stopped = toError(error);
  }
  input.onProgress?.(0, 0);
  // What was written counts, even if the run stopped after it.
  if (!signal.aborted && outcomes.some(({ error }) => error === undefined)) {
    await target.settle?.(signal).catch((error: unknown) => (stopped ??= toError(error)));
  }
  if (stopped !== undefined) cache.markStale();

  const { withheld, unchanged, drift = NO_DRIFT } = plan;
  const waiting = new Set([...left].map(ownerOf));
  const report = {
    problems: desired.problems,
    outcomes,
    withheld,
    unchanged,
    drift,
    left: left.size,
    waiting,
  };
  return stopped === undefined ? report : { ...report, error: stopped };
}

const NO_DRIFT: DriftByKey = new Map();

/**
 * Keeps what a service has while something new of it can't be made: it may be what the new one replaces,
 * as after a renamed monitor that Datadog refuses.
 */
function keepUnreplaced<Body>(
  plan: Plan<Body>,
  outcomes: readonly Outcome[],
  { left, there }: { readonly left: Set<Action<Body>>; readonly there: ReadonlyMap<string, unknown> },
): Plan<Body> {
  const unmade = new Set([
    ...outcomes
      .filter(({ type, error }) => type === "create" && error !== undefined)
      .map(({ owner }) => owner),
    ...plan.withheld
      .filter(
        ({ action, reason }) => UNMADE.has(reason) && action.type === "create" && !there.has(keyOf(action)),
      )
      .map(({ action }) => ownerOf(action)),
  ]);
  const kept = [...left].filter((action) => action.type === "delete" && unmade.has(ownerOf(action)));
  for (const action of kept) left.delete(action);
  const message = "kept, since something new of the same service could not be made";
  return {
    ...plan,
    withheld: [...plan.withheld, ...kept.map((action) => ({ action, reason: "Unreplaced", message }))],
  };
}

/** Of creates that are kept back: what was tried before and rests, and what waits for another object. */
const UNMADE: ReadonlySet<string> = new Set([
  "Rejected",
  "Conflict",
  "Ambiguous",
  "NotFound",
  "Failed",
  "WaitingForReference",
  "UnknownReference",
]);

/** What a pass needs to know before it writes. */
export type PlanInput<Body> = Pick<
  ReconcileInput<Body>,
  "desired" | "waiting" | "target" | "cache" | "fresh" | "policy" | "confirm" | "signal"
>;

/**
 * The half of a pass that writes nothing: reads the other system, and works out what is to be done.
 *
 * @throws {ApiError} if the other system or the wishes can't be read.
 */
export async function planPass<Body>(input: PlanInput<Body>): Promise<Plan<Body>> {
  const { desired, target, cache, fresh, policy, signal } = input;
  if (fresh || cache.isStale) cache.replace(await target.observe(signal));
  const found = await withoutDoubt(diff(desired, cache.objects()), input);
  const plan = await withProvenDeletes(policy(found, cache.size), input);
  return input.waiting === undefined ? plan : { ...plan, withheld: [...plan.withheld, ...input.waiting] };
}

/** So many objects are listed by one call, which costs no more than to look for one of them. */
const LISTED_AT_ONCE = 1_000;
/** So many objects are looked for one by one rather than that all are listed. */
const LOOKED_FOR = 20;

/** What seems to be missing may have been adopted after the system was listed, and just before the wish was written. */
async function withoutDoubt<Body>(
  plan: Plan<Body>,
  { desired, target, cache, signal }: PlanInput<Body>,
): Promise<Plan<Body>> {
  const doubtful = plan.actions.filter(
    (action) => action.type === "create" && cache.isOlderThanWish(ownerOf(action)),
  );
  if (doubtful.length === 0) return plan;
  if (target.doubt !== undefined && cache.size > LISTED_AT_ONCE && doubtful.length <= LOOKED_FOR) {
    target.doubt(doubtful.map(keyOf));
    return plan;
  }
  cache.replace(await target.observe(signal));
  return diff(desired, cache.objects());
}

/** Keeps only the deletes that a second, consistent read of the wishes wants as well. */
async function withProvenDeletes<Body>(
  plan: Plan<Body>,
  { confirm, cache }: PlanInput<Body>,
): Promise<Plan<Body>> {
  if (!plan.actions.some(({ type }) => type === "delete")) return plan;
  const again = diff(await confirm(), cache.objects());
  const confirmed = new Set(again.actions.filter(({ type }) => type === "delete").map(keyOf));
  const actions: Action<Body>[] = [];
  const unproven: Withheld<Body>[] = [];
  for (const action of plan.actions) {
    if (action.type !== "delete" || confirmed.has(keyOf(action))) actions.push(action);
    else
      unproven.push({
        action,
        reason: "NotProven",
        message: "a second read of Consul doesn't agree that the wish is gone",
      });
  }
  return { ...plan, actions, withheld: [...plan.withheld, ...unproven] };
}

/** How long a check of the right to write stays good within a batch. */
const MAY_WRITE_MS = 2_000;

/**
 * Makes the changes of one batch, some at once. Ends early if it is overtaken, but not before each worker made one.
 *
 * @returns The error that stopped the batch, if one did.
 */
async function applyBatch<Body>(
  batch: readonly Action<Body>[],
  input: ReconcileInput<Body>,
  done: (action: Action<Body>, outcome: Outcome) => void,
): Promise<Error | undefined> {
  const workers = Math.min(input.target.concurrency ?? 1, batch.length);
  const mayWrite = checkedNowAndThen(input.mayWrite);
  let next = 0;
  let stopped: Error | undefined;
  const goesOn = (): boolean =>
    next < batch.length &&
    stopped === undefined &&
    !input.isStopping() &&
    (next < workers || !input.isOvertaken());
  const work = async (): Promise<void> => {
    while (goesOn()) {
      const action = batch[next++]!;
      await mayWrite();
      if (stopped !== undefined) return;
      const outcome = await attempt(action, input);
      done(action, outcome);
      if (outcome.error instanceof ApiError && outcome.error.stopsRun) stopped ??= outcome.error;
      if (input.signal.aborted) stopped ??= toError(input.signal.reason);
    }
  };
  const guarded = async (): Promise<void> => {
    await work().catch((error: unknown) => (stopped ??= toError(error)));
  };
  await Promise.all(Array.from({ length: workers }, guarded));
  return stopped;
}

/** Asks at the first call, and again when the answer is old. Everyone waits for the same answer. */
function checkedNowAndThen(mayWrite: () => Promise<void>): () => Promise<void> {
  let checkedAt = -Infinity;
  let answer: Promise<void> | undefined;
  return async () => {
    if (answer === undefined || performance.now() - checkedAt > MAY_WRITE_MS) {
      checkedAt = performance.now();
      answer = mayWrite();
    }
    await answer;
  };
}

async function attempt<Body>(
  action: Action<Body>,
  { target, cache, signal }: ReconcileInput<Body>,
): Promise<Outcome> {
  const startedAt = performance.now();
  const common = {
    type: action.type,
    key: keyOf(action),
    owner: ownerOf(action),
    changes: action.type === "update" ? action.changes : [],
    drifted: action.type === "update" && action.drifted,
    sent: action.type === "delete" ? undefined : action.desired.body,
  };
  try {
    const now = await target.apply(action, signal);
    if (now === undefined) cache.delete(common.key);
    else cache.set(now);
    const ref = now?.ref ?? (action.type === "create" ? undefined : action.observed.ref);
    return { ...common, ref, durationMs: performance.now() - startedAt };
  } catch (error) {
    // A refusal changed nothing there. After anything else we no longer know what stands there.
    const isRefusal =
      error instanceof ApiError && (error.failure === "rejected" || error.failure === "inUse");
    if (!isRefusal) cache.markStale();
    return { ...common, ref: undefined, durationMs: performance.now() - startedAt, error: toError(error) };
  }
}
