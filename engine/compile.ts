import type { Problem } from "../crds/problem.ts";
import type { GlobalMonitor } from "../crds/global-monitor.ts";
import type { Held, Wish } from "../crds/resolve.ts";
import type { Desired, DesiredObject } from "./plan.ts";
import type { Snapshot } from "./snapshot.ts";

/** What the wish of a service, or a reserved document, comes to in one controller. */
export interface Compiled<Body> {
  readonly objects: readonly DesiredObject<Body>[];
  /** Keys that the service wants and that cannot be made as wished: what stands there stays. */
  readonly held?: ReadonlyMap<string, string>;
  readonly problems?: readonly Problem[];
}

/**
 * Joins what every service's wish comes to, and holds what is not known.
 *
 * @param compileOne Called for accepted wishes only. Remembers by itself: it is asked for every service at every pass.
 * @param compileGlobal The same for monitors of no service. Absent where they mean nothing.
 */
export function compileAll<Body>(
  { services, paused }: Snapshot,
  compileOne: (wish: Wish) => Compiled<Body>,
  compileGlobal?: (wish: GlobalMonitor) => Compiled<Body>,
): Desired<Body> {
  const objects = new Map<string, DesiredObject<Body>>();
  const held = new Map<string, string>();
  const resting = new Set(paused);
  const problems: Problem[] = [];

  for (const resolution of services.values()) {
    if (resolution.state === "held") {
      held.set(resolution.service, whyHeld(resolution));
      if (resolution.paused) resting.add(resolution.service);
      continue;
    }
    if (resolution.wish.paused) resting.add(resolution.service);
    const compiled =
      resolution.state === "global" ? compileGlobal?.(resolution.wish) : compileOne(resolution.wish);
    if (compiled === undefined) continue;
    for (const object of compiled.objects) objects.set(object.key, object);
    for (const [key, reason] of compiled.held ?? []) held.set(key, reason);
    if (compiled.problems !== undefined) problems.push(...compiled.problems);
  }
  return { objects, held, paused: resting, problems };
}

function whyHeld({ problems }: Held): string {
  return problems[0]?.message ?? "the wish cannot be read";
}

/** Remembers a function's results by the identity of its argument, for as long as the argument lives. */
export function remember<Input extends object, Output>(
  compute: (input: Input) => Output,
): (input: Input) => Output {
  const results = new WeakMap<Input, Output>();
  return (input) => {
    let result = results.get(input);
    if (result === undefined) {
      result = compute(input);
      results.set(input, result);
    }
    return result;
  };
}
