import fc from "fast-check";
import { expect, test } from "vitest";

import { diff, fieldChanges, isSame, type Desired, type DesiredObject, type ObservedObject } from "./plan.ts";
import { hashOf } from "../hash.ts";

type Body = unknown;

function want(key: string, body: Body): DesiredObject<Body> {
  return { key, owner: key.split("/")[0]!, body, drift: { rule: "correct", fields: {} }, retain: false };
}

function desired(objects: readonly DesiredObject<Body>[], held: readonly string[] = []): Desired<Body> {
  return {
    objects: new Map(objects.map((object) => [object.key, object])),
    held: new Map(held.map((name) => [name, "the wish cannot be read"])),
    paused: new Set(),
    problems: [],
  };
}

function have(key: string, body: Body, applied?: string): ObservedObject<Body> {
  return { key, owner: key.split("/")[0]!, body, ref: `ref of ${key}`, retain: false, applied };
}

function observed(objects: readonly ObservedObject<Body>[]): ReadonlyMap<string, ObservedObject<Body>> {
  return new Map(objects.map((object) => [object.key, object]));
}

/** Some keys clash with what every JavaScript object inherits. */
const keys = fc.oneof(
  fc.constantFrom("__proto__/a", "constructor/toString", "ray/noisy", "ray/pressure"),
  fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(5)).map(([owner, at]) => `${owner}/${at}`),
);
const worlds = fc.array(fc.tuple(keys, fc.nat(3)), { maxLength: 12 }).map((entries) => new Map(entries));

test("applying a plan makes the world equal to what is desired", () => {
  fc.assert(
    fc.property(worlds, worlds, (wish, start) => {
      const world = new Map<string, Body>(start);

      const plan = diff(
        desired([...wish].map(([key, body]) => want(key, body))),
        observed([...start].map(([key, body]) => have(key, body))),
      );
      for (const action of plan.actions) {
        if (action.type === "delete") world.delete(action.observed.key);
        else world.set(action.desired.key, action.desired.body);
      }

      expect(world).toEqual(new Map(wish));
    }),
  );
});

test("a plan names every object once: as an action, withheld or unchanged", () => {
  fc.assert(
    fc.property(worlds, worlds, fc.subarray(["a", "b", "ray/noisy"]), (wish, start, held) => {
      const plan = diff(
        desired(
          [...wish].map(([key, body]) => want(key, body)),
          held,
        ),
        observed([...start].map(([key, body]) => have(key, body))),
      );

      const count = plan.actions.length + plan.withheld.length + plan.unchanged;
      expect(count).toBe(new Set([...wish.keys(), ...start.keys()]).size);
    }),
  );
});

test("the order of the input doesn't change the plan", () => {
  const shuffled = worlds.chain((world) =>
    fc.tuple(
      fc.shuffledSubarray([...world], { minLength: world.size }),
      fc.shuffledSubarray([...world], { minLength: world.size }),
    ),
  );
  fc.assert(
    fc.property(shuffled, shuffled, ([wishA, wishB], [startA, startB]) => {
      const planA = diff(
        desired(wishA.map(([key, body]) => want(key, body))),
        observed(startA.map(([key, body]) => have(key, body))),
      );
      const planB = diff(
        desired(wishB.map(([key, body]) => want(key, body))),
        observed(startB.map(([key, body]) => have(key, body))),
      );

      expect(planA.actions).toEqual(planB.actions);
    }),
  );
});

test("creates come first, then updates, then deletes, each by key", () => {
  const plan = diff(
    desired([want("b/new", 1), want("a/new", 1), want("z/changed", 2), want("c/changed", 2)]),
    observed([have("z/changed", 1), have("c/changed", 1), have("b/gone", 1), have("a/gone", 1)]),
  );

  expect(
    plan.actions.map((action) => [
      action.type,
      "desired" in action ? action.desired.key : action.observed.key,
    ]),
  ).toEqual([
    ["create", "a/new"],
    ["create", "b/new"],
    ["update", "c/changed"],
    ["update", "z/changed"],
    ["delete", "a/gone"],
    ["delete", "b/gone"],
  ]);
});

test("keeps every object of an owner whose wish is not known", () => {
  const plan = diff(desired([], ["ray"]), observed([have("ray/noisy", 1), have("chat/slow", 1)]));

  expect(plan.actions).toMatchObject([{ type: "delete", observed: { key: "chat/slow" } }]);
  expect(plan.withheld).toMatchObject([
    { reason: "Held", message: "the wish cannot be read", action: { observed: { key: "ray/noisy" } } },
  ]);
});

test("keeps one object whose wish is not valid, and deletes the owner's others that nobody wants", () => {
  const plan = diff(desired([], ["ray/noisy"]), observed([have("ray/noisy", 1), have("ray/pressure", 1)]));

  expect(plan.actions).toMatchObject([{ type: "delete", observed: { key: "ray/pressure" } }]);
});

test.for([
  { title: "the body that we wrote last is another one", applied: hashOf({ a: 0 }), drifted: false },
  { title: "we wrote exactly what is wished", applied: hashOf({ a: 1 }), drifted: true },
  { title: "we don't know what we wrote", applied: undefined, drifted: false },
])("a difference where $title: drifted is $drifted", ({ applied, drifted }) => {
  const plan = diff(desired([want("ray/noisy", { a: 1 })]), observed([have("ray/noisy", { a: 2 }, applied)]));

  expect(plan.actions).toMatchObject([{ type: "update", drifted }]);
});

test.for<{
  title: string;
  wanted: unknown;
  found: unknown;
  changes: readonly (readonly [string, unknown, unknown])[];
}>([
  { title: "nothing for equal values", wanted: { a: [1] }, found: { a: [1] }, changes: [] },
  {
    title: "the deepest field",
    wanted: { a: { b: 1, c: 2 } },
    found: { a: { b: 1, c: 3 } },
    changes: [["a.c", 2, 3]],
  },
  { title: "a field that is missing there", wanted: { a: 1 }, found: {}, changes: [["a", 1, undefined]] },
  { title: "a field that is too much there", wanted: {}, found: { a: 1 }, changes: [["a", undefined, 1]] },
  { title: "a list as a whole", wanted: { a: [1, 2] }, found: { a: [1] }, changes: [["a", [1, 2], [1]]] },
  {
    title: "null and a record as different",
    wanted: { a: null },
    found: { a: {} },
    changes: [["a", null, {}]],
  },
  {
    title: "fields sorted by path",
    wanted: { b: 1, a: 1 },
    found: {},
    changes: [
      ["a", 1, undefined],
      ["b", 1, undefined],
    ],
  },
  {
    title: "a field named as an inherited one",
    wanted: { constructor: 1 },
    found: {},
    changes: [["constructor", 1, undefined]],
  },
])("lists $title", ({ wanted, found, changes }) => {
  expect(fieldChanges(wanted, found).map((change) => [change.path, change.wanted, change.found])).toEqual(
    changes,
  );
});

test("no field changes, if and only if the values are the same", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
      expect(fieldChanges(a, b).length === 0).toBe(isSame(a, b));
    }),
  );
});
