import type { Problem } from "../../crds/problem.ts";
import type { GlobalWish } from "../../crds/global.ts";
import type { Held, Resolution, Wish } from "../../crds/resolve.ts";
import { changedKeys, patched } from "./patch.ts";
import type { Desired, DesiredObject } from "./plan.ts";
import type { Snapshot } from "../sources/snapshot.ts";

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
 * @param compileGlobal The same for documents of no service. Undefined for a kind that is another controller's.
 */
export function compileAll<Body>(
  { services, paused }: Snapshot,
  compileOne: (wish: Wish) => Compiled<Body>,
  compileGlobal?: (wish: GlobalWish) => Compiled<Body> | undefined,
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

export interface CompileEachOptions<S extends Snapshot, Body> {
  readonly compileOne: (wish: Wish, snapshot: S) => Compiled<Body>;
  readonly compileGlobal?: (wish: GlobalWish) => Compiled<Body> | undefined;
  /** What else a service's objects depend on, by service. */
  readonly alsoOf?: (snapshot: S) => ReadonlyMap<string, object>;
}

/**
 * Makes a compile that does the same as `compileAll` and remembers its last result: where only some
 * services changed, whose wishes are in order, it costs those and a copy.
 */
export function compileEach<S extends Snapshot, Body>(
  options: CompileEachOptions<S, Body>,
): (snapshot: S) => Desired<Body> {
  const { compileOne, compileGlobal, alsoOf } = options;
  let last: { readonly snapshot: S; readonly desired: Desired<Body> } | undefined;

  function patchLast(snapshot: S): Desired<Body> | undefined {
    if (last === undefined || last.snapshot.paused !== snapshot.paused) return undefined;
    const changed = new Set(changedKeys(last.snapshot.services, snapshot.services));
    if (alsoOf !== undefined)
      for (const name of changedKeys(alsoOf(last.snapshot), alsoOf(snapshot))) changed.add(name);
    if (changed.size === 0) return last.desired;
    const changes = new Map<string, DesiredObject<Body> | undefined>();
    for (const name of changed) {
      const before = plain(last.snapshot.services.get(name), last.snapshot, compileOne);
      const after = plain(snapshot.services.get(name), snapshot, compileOne);
      if (before === undefined || after === undefined) return undefined;
      for (const { key } of before) changes.set(key, undefined);
      for (const object of after) changes.set(object.key, object);
    }
    return { ...last.desired, objects: patched(last.desired.objects, changes) };
  }

  return (snapshot) => {
    const desired =
      patchLast(snapshot) ?? compileAll(snapshot, (wish) => compileOne(wish, snapshot), compileGlobal);
    last = { snapshot, desired };
    return desired;
  };
}

/** The objects of a service that has nothing but objects. Undefined if there is more to say of it. */
function plain<S extends Snapshot, Body>(
  resolution: Resolution | undefined,
  snapshot: S,
  compileOne: CompileEachOptions<S, Body>["compileOne"],
): readonly DesiredObject<Body>[] | undefined {
  if (resolution === undefined) return [];
  if (resolution.state !== "accepted" || resolution.wish.paused) return undefined;
  const { objects, held, problems } = compileOne(resolution.wish, snapshot);
  return (held?.size ?? 0) === 0 && (problems?.length ?? 0) === 0 ? objects : undefined;
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
