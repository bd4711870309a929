import * as fc from "fast-check";
import { expect, test } from "vitest";

import {
  notifiedBy,
  handlesText,
  effectiveNotify,
  mergeNotify,
  notify,
  statesRoute,
  type Notify,
} from "./notify.ts";

const list = fc.array(fc.constantFrom("@a", "@b", "@c"), { maxLength: 2 });
const routes = fc.record(
  {
    inherit: fc.constant(false as const),
    all: list,
    p1: list,
    teams: fc.dictionary(fc.constantFrom("ml", "ops"), list),
    on: fc.record({ warning: list, recovery: list }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const said: fc.Arbitrary<Notify> = fc.oneof(list, routes);

test("grouping of layers never matters", () => {
  fc.assert(
    fc.property(said, said, said, (a, b, c) => {
      expect(mergeNotify(mergeNotify(a, b), c)).toEqual(mergeNotify(a, mergeNotify(b, c)));
    }),
  );
});

test("a layer over itself tells the same people", () => {
  fc.assert(
    fc.property(said, fc.constantFrom("ml", "web"), (a, team) => {
      const twice = effectiveNotify(mergeNotify(a, a));

      expect(handlesText(twice, { priority: 1, team })).toBe(
        handlesText(effectiveNotify(a), { priority: 1, team }),
      );
    }),
  );
});

test.for<[title: string, under: Notify, over: Notify, found: Notify]>([
  [
    "a list replaces `all` and keeps the other routes",
    { all: ["@a"], p1: ["@page"] },
    ["@b"],
    { all: ["@b"], p1: ["@page"] },
  ],
  ["a list replaces a list", ["@a"], ["@b"], ["@b"]],
  [
    "a route replaces the same route alone",
    { all: ["@a"], p1: ["@page"] },
    { p1: ["@b"] },
    { all: ["@a"], p1: ["@b"] },
  ],
  [
    "an empty route switches that route off",
    { all: ["@a"], p1: ["@page"] },
    { p1: [] },
    { all: ["@a"], p1: [] },
  ],
  ["the empty list switches every route off", { all: ["@a"], p1: ["@page"], teams: { ml: ["@ml"] } }, [], []],
  [
    "inherit: false begins anew",
    { all: ["@a"], p1: ["@page"] },
    { inherit: false, p2: ["@b"] },
    { inherit: false, p2: ["@b"] },
  ],
  [
    "teams are joined by name",
    { teams: { ml: ["@ml"], web: ["@web"] } },
    { teams: { ml: ["@x"] } },
    { teams: { ml: ["@x"], web: ["@web"] } },
  ],
  [
    "states are joined by name",
    { on: { warning: ["@w"] } },
    { on: { recovery: ["@r"] } },
    { on: { warning: ["@w"], recovery: ["@r"] } },
  ],
])("%s", ([, under, over, found]) => {
  expect(effectiveNotify(mergeNotify(under, over))).toEqual(found);
});

test.for<[title: string, said: Notify, text: string]>([
  ["everyone of a list", ["@a", "@b"], "@a @b"],
  [
    "all, the priority's and the team's, each once",
    { all: ["@a"], p2: ["@page", "@a"], p1: ["@no"], teams: { ml: ["@ml"], web: ["@no"] } },
    "@a @page @ml",
  ],
  [
    "states in blocks of their own, without those who are told anyway",
    { all: ["@a"], on: { warning: ["@w", "@a"], recovery: ["@r"], noData: ["@a"] } },
    "@a\n{{#is_warning}}@w{{/is_warning}}\n{{#is_recovery}}@r{{/is_recovery}}",
  ],
  ["nobody", [], ""],
])("a monitor of priority 2 of team ml tells %s", ([, notified, text]) => {
  expect(handlesText(notified, { priority: 2, team: "ml" })).toBe(text);
});

test("a team named like a part of every object tells nobody", () => {
  expect(handlesText({ teams: { ml: ["@ml"] } }, { team: "constructor" })).toBe("");
});

test("every handle that a schema lets through is found with its place", () => {
  fc.assert(
    fc.property(said, (one) => {
      expect(notify.safeParse(one).success).toBe(true);
      const found = [...notifiedBy(one)];
      const written = (JSON.stringify(one).match(/@[abc]/g) ?? []).toSorted();

      expect(found.map(({ handle }) => handle).toSorted()).toEqual(written);
      expect(found.every(({ path }) => statesRoute(one, path))).toBe(true);
    }),
  );
});
