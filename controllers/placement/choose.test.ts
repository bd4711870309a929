import fc from "fast-check";
import { expect, test } from "vitest";

import { choose, HAND_OVER_MS, type Place } from "./choose.ts";

const NODES = ["a", "b", "c", "d", "e"];
const candidates = fc.uniqueArray(fc.constantFrom(...NODES)).map((nodes) => new Set(nodes));
const service = fc.constantFrom("consul", "temporal", "nomad");

test("the first choice is a candidate, whatever order they come in, and nobody without one", () => {
  fc.assert(
    fc.property(service, candidates, (name, some) => {
      const place = choose(name, undefined, some, 0);
      const again = choose(name, undefined, new Set([...some].toReversed()), 99);

      expect(again).toEqual(place);
      expect(place === undefined).toBe(some.size === 0);
      if (place !== undefined) expect(some.has(place.node)).toBe(true);
    }),
  );
});

test("whoever is chosen stays it while they can, whoever comes or goes", () => {
  fc.assert(
    fc.property(service, fc.constantFrom(...NODES), fc.array(candidates), (name, chosen, rounds) => {
      let place: Place | undefined = { node: chosen };
      let nowMs = 0;
      for (const round of rounds) {
        place = choose(name, place, new Set([...round, chosen]), (nowMs += 60_000));
        expect(place).toEqual({ node: chosen });
      }
    }),
  );
});

test("nobody follows before the one before them has been gone for the time of a hand-over", () => {
  const round = fc.record({ some: candidates, afterMs: fc.integer({ min: 1_000, max: HAND_OVER_MS }) });
  fc.assert(
    fc.property(service, fc.array(round, { maxLength: 30 }), (name, rounds) => {
      let place: Place | undefined;
      let nowMs = 0;
      let seenAtMs = 0;
      for (const { some, afterMs } of rounds) {
        nowMs += afterMs;
        const before: Place | undefined = place;
        place = choose(name, before, some, nowMs);
        if (before !== undefined && place?.node !== before.node)
          expect(nowMs - seenAtMs).toBeGreaterThanOrEqual(HAND_OVER_MS);
        if (place !== undefined && (some.has(place.node) || place.node !== before?.node)) seenAtMs = nowMs;
      }
    }),
  );
});

test("without anybody else the choice stays for the one that is gone", () => {
  const lost = { node: "a", lostAtMs: 0 };

  expect(choose("consul", lost, new Set(), HAND_OVER_MS * 10)?.node).toBe("a");
  expect(choose("consul", lost, new Set(["b"]), HAND_OVER_MS)).toEqual({ node: "b" });
  expect(choose("consul", lost, new Set(["a", "b"]), HAND_OVER_MS)).toEqual({ node: "a" });
});

test("one node that leaves moves no service but its own", () => {
  fc.assert(
    fc.property(candidates, fc.constantFrom(...NODES), (some, gone) => {
      const before = choose("consul", undefined, new Set([...some, gone]), 0);
      if (before?.node === gone) return;
      const rest = new Set(some);
      rest.delete(gone);

      expect(choose("consul", undefined, rest, 0)).toEqual(before);
    }),
  );
});

test("services are spread over the nodes", () => {
  const chosen = Array.from({ length: 200 }, (_, at) => choose(`s${at}`, undefined, new Set(NODES), 0)?.node);

  for (const node of NODES) expect(chosen.filter((one) => one === node).length).toBeGreaterThan(20);
});
