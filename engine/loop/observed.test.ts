import fc from "fast-check";
import { expect, test } from "vitest";

import type { ObservedObject } from "../plan/plan.ts";
import { ObservedCache } from "./observed.ts";

const object = (key: string, ref: string): ObservedObject<string> => ({
  key,
  owner: key.split("/")[0]!,
  body: "",
  ref,
  retain: false,
});

const KEYS = ["a/1", "a/2", "b/1"];
const pair = fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom("1", "2"));
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant("set" as const), pairs: fc.tuple(pair) }),
    fc.record({ what: fc.constant("delete" as const), pairs: fc.tuple(pair) }),
    fc.record({ what: fc.constant("take" as const), pairs: fc.constant([]) }),
    fc.record({ what: fc.constant("replace" as const), pairs: fc.array(pair, { maxLength: 4 }) }),
  ),
  { maxLength: 20 },
);

test("whoever takes over every change knows what stands there, whatever happened", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const cache = new ObservedCache<string>();
      const copy = new Map<string, string>();
      const take = (): void => {
        for (const [key, ref] of cache.takeChangedRefs()) {
          if (ref === undefined) copy.delete(key);
          else copy.set(key, ref);
        }
      };
      for (const { what, pairs } of all) {
        if (what === "set") cache.set(object(...pairs[0]));
        else if (what === "delete") cache.delete(pairs[0][0]);
        else if (what === "replace") cache.replace(pairs.map((one) => object(...one)));
        else take();
      }

      take();

      expect(copy).toEqual(new Map([...cache.objects()].map(([key, { ref }]) => [key, ref])));
      expect(["a", "b"].filter((owner) => cache.owns(owner))).toEqual(
        ["a", "b"].filter((owner) => [...copy.keys()].some((key) => key.startsWith(owner))),
      );
    }),
  );
});

test("what is read again as it was is no change", () => {
  const cache = new ObservedCache<string>();
  cache.replace([object("a/1", "1")]);
  cache.takeChangedRefs();

  cache.replace([object("a/1", "1")]);
  cache.set(object("a/1", "1"));

  expect(cache.takeChangedRefs().size).toBe(0);
});
