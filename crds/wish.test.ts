import * as fc from "fast-check";
import { expect, test } from "vitest";

import { mergeLayers, mergeTags, withDefaults, type WishLayer } from "./wish.ts";

const name = fc.constantFrom("a", "b", "c");
const some = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(values, { nil: undefined });
// A monitor that is switched off replaces its tuning, so order of grouping matters where both meet.
const layer: fc.Arbitrary<WishLayer> = fc
  .record({
    pack: some(name),
    env: some(name),
    tags: some(
      fc.array(
        fc.tuple(name, name).map((pair) => pair.join(":")),
        { maxLength: 4 },
      ),
    ),
    notify: some(
      fc.array(
        name.map((text) => `@${text}`),
        { maxLength: 2 },
      ),
    ),
    endpoint: some(fc.record({ port: some(fc.nat(3)), path: some(fc.constant("/m")) }).map(compact)),
    agent: some(fc.dictionary(name, fc.oneof(fc.nat(3), fc.array(name, { maxLength: 2 })))),
    monitors: some(
      fc.dictionary(name, fc.record({ critical: some(fc.nat(3)), priority: some(fc.nat(3)) }).map(compact)),
    ),
    paused: some(fc.boolean()),
  })
  .map(compact);

function compact<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as never;
}

test("grouping of layers never matters", () => {
  fc.assert(
    fc.property(layer, layer, layer, (a, b, c) => {
      expect(mergeLayers(mergeLayers(a, b), c)).toEqual(mergeLayers(a, mergeLayers(b, c)));
    }),
  );
});

test("a layer over itself changes nothing", () => {
  fc.assert(
    fc.property(layer, (a) => {
      expect(mergeLayers(a, a)).toEqual(mergeLayers(a));
    }),
  );
});

test("whatever the last layer says of a field holds", () => {
  fc.assert(
    fc.property(layer, layer, (under, over) => {
      const merged = mergeLayers(under, over);

      for (const field of ["pack", "env", "paused"] as const)
        expect(merged[field]).toEqual(Object.hasOwn(over, field) ? over[field] : under[field]);
      for (const field of ["endpoint", "agent", "monitors"] as const) {
        for (const [key, value] of Object.entries(over[field] ?? {}))
          expect(merged[field]).toMatchObject({ [key]: value });
      }
      expect(merged.tags ?? []).toEqual(expect.arrayContaining(over.tags ?? []));
    }),
  );
});

test("tags are joined by their key, so that no key has an old value beside a new one", () => {
  expect(mergeTags(["tier:1", "cost-center:1", "cost-center:2"], ["cost-center:42", "a:b"])).toEqual([
    "a:b",
    "cost-center:42",
    "tier:1",
  ]);
});

test("other lists are replaced", () => {
  const merged = mergeLayers(
    { notify: ["@a"], agent: { x: ["1"] } },
    { notify: ["@b"], agent: { x: ["2"] } },
  );

  expect(merged).toEqual({ notify: ["@b"], agent: { x: ["2"] } });
});

test("a monitor that is switched off loses its tuning, and true keeps what is inherited", () => {
  const inherited: WishLayer = { monitors: { a: { critical: 1 }, b: { critical: 1 }, c: false } };

  const merged = mergeLayers(inherited, { monitors: { a: false, b: true, c: true } });

  expect(merged.monitors).toEqual({ a: false, b: { critical: 1 }, c: true });
});

test("fills in what a wish leaves open", () => {
  expect(withDefaults({ pack: "ray" })).toEqual({
    pack: "ray",
    tags: [],
    endpoint: {},
    agent: {},
    monitors: {},
    slos: {},
    dashboards: {},
    downtimes: {},
    metrics: {},
    catalog: false,
    dependencies: [],
    budget: {},
    evaluators: {},
    instrumentation: {},
    freeze: [],
    notify: [],
    drift: { rule: "correct", fields: {} },
    deletion: "delete",
    paused: false,
  });
});
