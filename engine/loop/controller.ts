import type { FieldGroup } from "../plan/drift.ts";
import type { Condition } from "../status/status.ts";
import type { Action, Desired, ObservedObject } from "../plan/plan.ts";
import type { Use } from "../plan/uses.ts";

/** `cluster`: one active leader does it. `node`: every machine does its own. */
export type Scope = "cluster" | "node";

/**
 * The port to one external system, such as Datadog monitors or a conf.d folder.
 *
 * An implementation must converge: once every action of a plan has been
 * applied, `observe` returns exactly what was desired.
 */
export interface Target<Body> {
  /**
   * Lists every object we own there, in canonical form. Never objects made by others.
   * Reads the other system afresh at every call.
   *
   * @throws {ApiError} if the answer is not complete and certain. Never an empty list instead.
   */
  observe(signal: AbortSignal): Promise<readonly ObservedObject<Body>[]>;
  /**
   * Makes one change. Deleting what is already gone succeeds.
   *
   * @returns The object as it stands now, in canonical form; undefined after a delete.
   * @throws {ApiError} `ambiguous` if the change was sent and its outcome is not known.
   */
  apply(action: Action<Body>, signal: AbortSignal): Promise<ObservedObject<Body> | undefined>;
  /**
   * Asks the other system whether it would take a create or an update. Changes nothing.
   *
   * @throws {ApiError} `rejected` with its reason if it would not.
   */
  validate?(action: Action<Body>, signal: AbortSignal): Promise<void>;
  /** Fields that only make sense together, such as a query and its thresholds: if a person's edit of one stays, so do the others. */
  readonly together?: readonly FieldGroup[] | undefined;
  /** Objects of a lower rank are deleted before those of a higher one: first what uses others, then what is used. All have 0 if absent. */
  deleteRank?(body: Body): number;
  /** What an object uses, so that the other system doesn't delete that before it. Nothing if absent. */
  uses?(body: Body): readonly Use[];
  /** Brings a body whose references were just replaced back to canonical form: numbers may sort otherwise than names. */
  rebound?(body: Body): Body;
  /** True if an object that is missing needs not be made any more, such as a downtime that is over. */
  isOver?(body: Body): boolean;
  /** Names objects that may be there though the last list doesn't have them: each is looked for before it is created. */
  doubt?(keys: readonly string[]): void;
  /** How many actions may be under way at once. 1 if absent. */
  readonly concurrency?: number;
  /** Called once after the actions of a pass if at least one was applied: reload what reads the files, for example. */
  settle?(signal: AbortSignal): Promise<void>;
  /**
   * Looks whether what stands there really works, and returns the conditions by owner.
   * Called after a pass and at every resync. May repair, such as by going back to the last good file.
   * One of the controller's own type takes the place of `Synced`, and of nothing else that a pass says.
   */
  verify?(signal: AbortSignal): Promise<ReadonlyMap<string, readonly Condition[]>>;
  /** Waits for what goes on behind `apply`, such as a reload, before the process ends. */
  close?(): Promise<void>;
}

/** One kind of object that dd-observe keeps: how it follows from a snapshot (pure), and where it lives (I/O). */
export interface Controller<Snapshot, Body> {
  readonly name: string;
  readonly scope: Scope;
  /** The condition that says whether the target equals the wish, such as `MonitorsSynced`. */
  readonly condition: string;
  /** What its objects are called: `monitor`, `file`. */
  readonly noun: string;
  compile(snapshot: Snapshot): Desired<Body>;
  readonly target: Target<Body>;
  /** False for an owner that never has anything here: then nothing is said of it. All are concerned if absent. */
  concerns?(owner: string): boolean;
  /** False if an object that its wish said to retain goes all the same, such as a file of a service that left the machine. */
  isRetained?(owner: string, snapshot: Snapshot): boolean;
}
