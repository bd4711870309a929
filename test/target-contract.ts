import { afterEach, describe, expect, test } from "vitest";

import type { Target } from "../engine/loop/controller.ts";
import { diff, type Action, type Desired, type DesiredObject } from "../engine/plan/plan.ts";

/** A fresh world for one test. */
export interface ContractWorld<Body> {
  readonly target: Target<Body>;
  /** A wish in canonical form. `variant` changes its content, never its key. */
  wish(name: string, variant: number): DesiredObject<Body>;
  /** How many writes the other system has seen. */
  writes(): number;
  /** How many objects stand there, ours or not. */
  count(): number;
  stop(): Promise<void>;
}

/**
 * What every target has to keep: after a plan is applied, the world is what was wished,
 * and looking again finds nothing to do.
 */
export function testTargetContract<Body>(name: string, makeWorld: () => Promise<ContractWorld<Body>>): void {
  const running: ContractWorld<Body>[] = [];
  const start = async () => {
    const world = await makeWorld();
    running.push(world);
    return world;
  };

  describe(`the target of ${name}`, () => {
    afterEach(async () => {
      await Promise.all(running.splice(0).map((world) => world.stop()));
    });

    test("creates what is missing", async () => {
      const world = await start();
      const wished = desired([world.wish("a", 1), world.wish("b", 1)]);
      const before = world.count();

      await bringInLine(world.target, wished);

      expect(await bodies(world.target)).toEqual(wishedBodies(wished));
      expect(world.count()).toBe(before + 2);
    });

    test("returns what it wrote as it stands there", async () => {
      const world = await start();
      const wish = world.wish("a", 1);

      const written = await world.target.apply({ type: "create", desired: wish }, signal());

      expect(written).toEqual((await world.target.observe(signal()))[0]);
      expect(written?.body).toEqual(wish.body);
    });

    test("updates what differs, and only that", async () => {
      const world = await start();
      await bringInLine(world.target, desired([world.wish("a", 1), world.wish("b", 1)]));
      const before = world.writes();
      const wished = desired([world.wish("a", 2), world.wish("b", 1)]);

      await bringInLine(world.target, wished);

      expect(await bodies(world.target)).toEqual(wishedBodies(wished));
      expect(world.writes()).toBe(before + 1);
    });

    test("deletes what is no longer wished", async () => {
      const world = await start();
      await bringInLine(world.target, desired([world.wish("a", 1), world.wish("b", 1)]));
      const wished = desired([world.wish("b", 1)]);

      await bringInLine(world.target, wished);

      expect(await bodies(world.target)).toEqual(wishedBodies(wished));
    });

    test("deleting what is already gone succeeds", async () => {
      const world = await start();
      await bringInLine(world.target, desired([world.wish("a", 1)]));
      const [observed] = await world.target.observe(signal());
      if (observed === undefined) throw new Error("nothing was created");
      const action: Action<Body> = { type: "delete", observed };
      await world.target.apply(action, signal());

      await expect(world.target.apply(action, signal())).resolves.toBeUndefined();
      expect(await bodies(world.target)).toEqual(new Map());
    });

    test("a second pass writes nothing", async () => {
      const world = await start();
      const wished = desired([world.wish("a", 1), world.wish("b", 2), world.wish("c", 3)]);
      await bringInLine(world.target, wished);
      const before = world.writes();

      const plan = await bringInLine(world.target, wished);

      expect(plan).toMatchObject({ actions: [], unchanged: 3 });
      expect(world.writes()).toBe(before);
    });

    test("stops at once when told to", async () => {
      const world = await start();
      const reason = new Error("leadership lost");

      await expect(world.target.observe(AbortSignal.abort(reason))).rejects.toThrow("leadership lost");
      expect(world.writes()).toBe(0);
    });
  });
}

export function desired<Body>(objects: readonly DesiredObject<Body>[]): Desired<Body> {
  return {
    objects: new Map(objects.map((object) => [object.key, object])),
    held: new Map(),
    paused: new Set(),
    problems: [],
  };
}

/** One pass without policies: observe, compare, apply. */
export async function bringInLine<Body>(target: Target<Body>, wished: Desired<Body>) {
  const plan = diff(wished, await observedByKey(target));
  for (const action of plan.actions) await target.apply(action, signal());
  return plan;
}

export async function observedByKey<Body>(target: Target<Body>) {
  return new Map((await target.observe(signal())).map((object) => [object.key, object]));
}

async function bodies<Body>(target: Target<Body>): Promise<Map<string, Body>> {
  return new Map((await target.observe(signal())).map((object) => [object.key, object.body]));
}

function wishedBodies<Body>(wished: Desired<Body>): Map<string, Body> {
  return new Map([...wished.objects.values()].map((object) => [object.key, object.body]));
}

export function signal(): AbortSignal {
  return AbortSignal.timeout(20_000);
}
