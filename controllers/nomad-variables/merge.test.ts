import * as fc from "fast-check";
import { expect, test } from "vitest";

import { hashOf } from "../../engine/hash.ts";
import { mergeInto, NO_SHARE, removeFrom, type Items, type Share } from "./merge.ts";

const NONE: ReadonlyMap<string, string> = new Map();

/** Few names, so that they meet. */
const items = fc.dictionary(fc.constantFrom("A", "B", "C", "D", "E"), fc.constantFrom("1", "2"), {
  noNullPrototype: true,
});

function shareOf(body: Items, owned: readonly string[]): Share {
  return { wished: Object.keys(body), owned };
}

test("what is merged and taken away again leaves what was there", () => {
  fc.assert(
    fc.property(items, items, (before, body) => {
      const merged = mergeInto({ service: "support", items: before, body, share: NO_SHARE, others: NONE });
      const clash = Object.keys(body).find(
        (name) => Object.hasOwn(before, name) && before[name] !== body[name],
      );
      if ("taken" in merged) {
        expect(clash).toBeDefined();
        return;
      }
      expect(clash).toBeUndefined();
      expect(merged.items).toMatchObject(body);
      const share = shareOf(body, merged.owned);
      expect(removeFrom({ items: merged.items, share, others: NONE })).toEqual(before);
    }),
  );
});

test("merging again changes nothing", () => {
  fc.assert(
    fc.property(items, items, (before, body) => {
      const once = mergeInto({ service: "support", items: before, body, share: NO_SHARE, others: NONE });
      if ("taken" in once) return;
      const share = shareOf(body, once.owned);

      expect(mergeInto({ service: "support", items: once.items, body, share, others: NONE })).toEqual(once);
    }),
  );
});

test("a change of the wish, and what people do meanwhile, leaves nothing behind and takes nothing of theirs", () => {
  fc.assert(
    fc.property(items, items, items, items, (before, first, theirs, second) => {
      const once = mergeInto({
        service: "support",
        items: before,
        body: first,
        share: NO_SHARE,
        others: NONE,
      });
      if ("taken" in once) return;
      const share = shareOf(first, once.owned);
      const added = Object.fromEntries(Object.entries(theirs).filter(([name]) => !once.owned.includes(name)));
      const there = { ...once.items, ...added };
      const twice = mergeInto({ service: "support", items: there, body: second, share, others: NONE });
      if ("taken" in twice) return;

      expect(twice.items).toMatchObject(second);
      const after = removeFrom({ items: twice.items, share: shareOf(second, twice.owned), others: NONE });
      expect(after).toEqual({ ...before, ...added });
    }),
  );
});

test("two services that wish the same share it until the last of them goes", () => {
  const a = mergeInto({
    service: "support",
    items: { THEIRS: "x" },
    body: { DD_ENV: "prod" },
    share: NO_SHARE,
    others: NONE,
  });
  if ("taken" in a) throw new Error(a.taken);
  const others = new Map([["DD_ENV", "a"]]);
  const b = mergeInto({
    service: "support",
    items: a.items,
    body: { DD_ENV: "prod", B: "1" },
    share: NO_SHARE,
    others,
  });
  if ("taken" in b) throw new Error(b.taken);

  const withoutA = removeFrom({
    items: b.items,
    share: shareOf({ DD_ENV: "" }, a.owned),
    others: new Map([
      ["DD_ENV", "b"],
      ["B", "b"],
    ]),
  });
  const withoutB = removeFrom({ items: withoutA, share: shareOf(b.items, b.owned), others: NONE });

  expect(withoutA).toEqual({ THEIRS: "x", DD_ENV: "prod", B: "1" });
  expect(withoutB).toEqual({ THEIRS: "x" });
});

test("a name that is another service's with another value is named with that service", () => {
  const others = new Map([["DD_SERVICE", "web"]]);
  const input = {
    service: "api",
    items: { DD_SERVICE: "web" },
    body: { DD_SERVICE: "api" },
    share: NO_SHARE,
    others,
  };

  expect(mergeInto(input)).toEqual({ taken: "DD_SERVICE", by: "web" });
});

test("of an item that two of ours have, the first changes the value and the other follows", () => {
  const share: Share = { wished: ["DD_ENV"], owned: ["DD_ENV"] };
  const change = (service: string, other: string) =>
    mergeInto({
      service,
      items: { DD_ENV: "prod" },
      body: { DD_ENV: "staging" },
      share,
      others: new Map([["DD_ENV", other]]),
    });

  expect(change("a", "b")).toEqual({ items: { DD_ENV: "staging" }, owned: ["DD_ENV"] });
  expect(change("b", "a")).toEqual({ taken: "DD_ENV", by: "a" });
});

test("what was about to be written is ours only if it stands there so", () => {
  const share: Share = { wished: ["A", "B"], owned: [], pending: { A: hashOf("1"), B: hashOf("1") } };

  expect(removeFrom({ items: { A: "1", B: "theirs" }, share, others: NONE })).toEqual({ B: "theirs" });
});
