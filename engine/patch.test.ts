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
