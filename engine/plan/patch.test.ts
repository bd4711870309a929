import fc from "fast-check";
import { expect, test } from "vitest";

import { changedKeys, patched } from "./patch.ts";

const changeSets = fc.array(
  fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.option(fc.nat(3), { nil: undefined })),
  { maxLength: 5 },
);

test("a patched map is what setting and deleting make of the old one", () => {
  fc.assert(
    fc.property(changeSets, (sets) => {
      const plain = new Map<string, number>();
      let map: ReadonlyMap<string, number> = new Map();
      for (const changes of sets) {
        map = patched(map, new Map(Object.entries(changes)));
        for (const [key, value] of Object.entries(changes)) {
          if (value === undefined) plain.delete(key);
          else plain.set(key, value);
        }
      }

      expect(map).toEqual(plain);
    }),
  );
});

test("no key that differs is overlooked, however far two maps are apart", () => {
  fc.assert(
    fc.property(changeSets, fc.nat(5), fc.nat(5), (sets, from, to) => {
      const maps: ReadonlyMap<string, number>[] = [new Map()];
      for (const changes of sets) maps.push(patched(maps.at(-1)!, new Map(Object.entries(changes))));
      const [before, after] = [maps[from % maps.length]!, maps[to % maps.length]!];

      const different = ["a", "b", "c", "d"].filter((key) => before.get(key) !== after.get(key));

      expect([...changedKeys(before, after)]).toEqual(expect.arrayContaining(different));
    }),
  );
});

test("maps that have nothing to do with each other are compared", () => {
  const before = new Map([
    ["stays", 1],
    ["goes", 2],
    ["changes", 3],
  ]);
  const after = new Map([
    ["stays", 1],
    ["changes", 4],
    ["comes", 5],
  ]);

  expect([...changedKeys(before, after)].sort()).toEqual(["changes", "comes", "goes"]);
});

test("a patch that changes nothing gives the same map", () => {
  const before = new Map([["a", 1]]);

  expect(
    patched(
      before,
      new Map([
        ["a", 1],
        ["b", undefined],
      ]),
    ),
  ).toBe(before);
});

test("a large map that is patched time and again is what setting and deleting make of it", () => {
  const names = Array.from({ length: 600 }, (_, at) => `service-${at}`);
  const start = new Map(names.map((name) => [name, 0]));
  const step = fc.tuple(
    fc.constantFrom(...names, "new-1", "new-2"),
    fc.option(fc.nat(3), { nil: undefined }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const plain = new Map(start);
      let map: ReadonlyMap<string, number> = start;
      for (const [name, value] of steps) {
        map = patched(map, new Map([[name, value]]));
        if (value === undefined) plain.delete(name);
        else plain.set(name, value);
      }

      expect(new Map(map)).toEqual(plain);
      expect(map.size).toBe(plain.size);
      expect(names.filter((name) => map.has(name))).toEqual(names.filter((name) => plain.has(name)));
      expect(names.map((name) => map.get(name))).toEqual(names.map((name) => plain.get(name)));
    }),
    { numRuns: 30 },
  );
});
