import { expectedRef } from "../plan/expected.ts";
import type { Desired, Plan } from "../plan/plan.ts";
import { Binder, type Bound, type References } from "../plan/references.ts";
import { awaitUsers, type Use } from "../plan/uses.ts";
import type { Controller } from "./controller.ts";
import type { ObservedCache } from "./observed.ts";
import type { Report } from "./report.ts";

/** What is desired, and what can't be written yet, since it refers to something that isn't there. */
export type Compiled<Body> = Pick<Bound<Body>, "desired" | "waiting">;

export interface ReferringOptions<Body> {
  readonly controller: Pick<Controller<never, Body>, "name" | "target">;
  /** Without it, nothing refers to anything. */
  readonly references: References | undefined;
  readonly cache: ObservedCache<Body>;
  /** Called when something has changed that this controller's objects refer to or wait for. */
  readonly onNews: () => void;
}

/** What one controller has to do with the objects of others: what its own refer to, and what uses them. */
export class Referring<Body> {
  readonly #options: ReferringOptions<Body>;
  readonly #binder: Binder<Body> | undefined;
  /** True if anything desired refers to other controllers' objects. */
  #refers = false;
  /** True if a delete of the last pass waits for what uses the object. */
  #awaitsUsers = false;
  #hasNews = false;

  constructor(options: ReferringOptions<Body>) {
    this.#options = options;
    const { references, controller, onNews } = options;
    const { name, target } = controller;
    this.#binder =
      references === undefined ? undefined : new Binder(references, target.rebound?.bind(target));
    references?.uses.provide(name, () => this.#uses());
    references?.subscribe(() => {
      if (!this.#refers && !this.#awaitsUsers) return;
      this.#hasNews = true;
      onNews();
    });
  }

  /** True if something has changed since the last pass began. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Puts what the other system calls them in the place of references. */
  bind(desired: Desired<Body>): Compiled<Body> {
    const { references, controller } = this.#options;
    if (references === undefined || this.#binder === undefined) return { desired, waiting: [] };
    references.noteWished(controller.name, desired.objects, desired.held);
    this.#hasNews = false;
    const bound = this.#binder.bind(desired);
    this.#refers = bound.refers;
    return bound;
  }

  /** Tells the other controllers which objects there are now. */
  noteRefs(report?: Report<Body>): void {
    const { controller, references, cache } = this.#options;
    references?.noteChanges(controller.name, cache.takeChangedRefs());
    const isUpdated = report?.outcomes.some(({ type, error }) => type === "update" && error === undefined);
    if (isUpdated === true && controller.target.uses !== undefined) references?.noteUses();
  }

  /** Stands in for objects that would be created, so that what refers to them can be planned as well. */
  noteExpected(keys: readonly string[]): void {
    const { controller, references } = this.#options;
    references?.noteChanges(controller.name, new Map(keys.map((key) => [key, expectedRef(key)])));
  }

  /** What another object of ours still uses goes after it. */
  awaitUsers(plan: Plan<Body>): Plan<Body> {
    const { controller, references, cache } = this.#options;
    const result = awaitUsers(plan, { controller, references, observed: cache.objects() });
    this.#awaitsUsers = result !== plan;
    return result;
  }

  *#uses(): Generator<readonly [key: string, uses: readonly Use[]]> {
    const { controller, cache } = this.#options;
    const { target } = controller;
    if (target.uses === undefined) return;
    for (const [key, { body }] of cache.objects()) yield [key, target.uses(body)];
  }
}
