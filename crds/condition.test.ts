import fc from "fast-check";
import { expect, test } from "vitest";

import { conditionsInWords, conditionsOf, holds, needs } from "./condition.ts";

const OPTIONS = { on: true, off: false, empty: "", source: "scrape", seconds: 15, services: ["a", "b"] };

test.for([
  [undefined, true],
  ["on", true],
  ["off", false],
  ["absent", false],
  ["seconds", true],
  ["services", true],
  ["!on", false],
  ["!off", true],
  ["!absent", true],
  ["source=scrape", true],
  ["source=dogstatsd", false],
  ["source!=dogstatsd", true],
  ["seconds=15", true],
  ["on=true", true],
  ["off=false", true],
  ["absent=false", false],
  ["absent!=scrape", true],
  ["services=b", true],
  ["services=c", false],
  ["services!=c", true],
  ["toString", false],
  [["on", "source=scrape"], true],
  [["on", "off"], false],
] as const)("%j holds of the example: %s", ([wanted, isTrue]) => {
  expect(holds(wanted, OPTIONS)).toBe(isTrue);
});

test.for(["", "!", "a b", "a=", "=b", "!a=b", "A", "a==", "a=b c", "a>1", ["on", "a b"], []])(
  "%j is no condition",
  (wanted) => {
    expect(needs.safeParse(wanted).success).toBe(false);
  },
);

const name = fc.stringMatching(/^[a-z][A-Za-z0-9]{0,8}$/);
const value = fc.oneof(
  fc.constant(undefined),
  fc.boolean(),
  fc.integer(),
  fc.stringMatching(/^[a-z.:-]{1,5}$/),
);

test("a condition and its opposite never agree, whatever the options", () => {
  const pair = fc.oneof(
    name.map((option) => [option, `!${option}`] as const),
    fc
      .tuple(name, fc.stringMatching(/^[a-z.:-]{1,5}$/))
      .map(([option, text]) => [`${option}=${text}`, `${option}!=${text}`] as const),
  );
  fc.assert(
    fc.property(pair, fc.dictionary(name, value), ([plain, negated], options) => {
      expect(needs.safeParse([plain, negated]).success).toBe(true);
      expect(holds(plain, options)).toBe(!holds(negated, options));
    }),
  );
});

test("an option has exactly the value that it has", () => {
  fc.assert(
    fc.property(
      name,
      fc.stringMatching(/^[a-z0-9.:-]{1,8}$/),
      fc.stringMatching(/^[a-z0-9.:-]{1,8}$/),
      (option, is, other) => {
        expect(holds(`${option}=${is}`, { [option]: is })).toBe(true);
        expect(holds(`${option}=${other}`, { [option]: is })).toBe(other === is);
      },
    ),
  );
});

test("a list holds if each of its conditions does, in any order", () => {
  const lists = fc.array(
    fc.oneof(
      name,
      name.map((option) => `!${option}`),
    ),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(lists, fc.dictionary(name, value), (wanted, options) => {
      const each = wanted.map((one) => holds(one, options));

      expect(holds(wanted, options)).toBe(each.every(Boolean));
      expect(holds(wanted.toReversed(), options)).toBe(holds(wanted, options));
    }),
  );
});

test("what is read comes to the same text again", () => {
  const texts = ["on", "!on", "source=a=b", "source!=a", "source=!a"];

  const again = conditionsOf(texts).map(({ option, value: is, isNegated }) =>
    is === undefined ? `${isNegated ? "!" : ""}${option}` : `${option}${isNegated ? "!=" : "="}${is}`,
  );

  expect(again).toEqual(texts);
});

test("conditions are said as a document would have them", () => {
  const options = { checks: { type: "boolean" }, single: { type: "boolean" }, list: { type: "texts" } };

  expect(
    conditionsInWords(["checks", "!single", "source=scrape", "mode!=slow", "list", "!path"], options),
  ).toEqual([
    "agent.checks: true",
    "agent.single: false",
    "agent.source: scrape",
    "agent.mode other than slow",
    "agent.list",
    "no agent.path",
  ]);
});
