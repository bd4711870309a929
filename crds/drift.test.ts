import * as fc from "fast-check";
import { expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { CORRECT, driftLayer, driftOf, writtenDrift, type Drift, type DriftRule } from "./drift.ts";
import { resolve } from "./resolve.ts";
import { readTags } from "./tags.ts";
import { mergeLayers } from "./wish.ts";

const HOURS_4 = { tolerateMs: 14_400_000 };

test.for([
  [undefined, CORRECT],
  ["report", { rule: "report", fields: {} }],
  [{ tolerate: "4h" }, { rule: HOURS_4, fields: {} }],
  [{ rule: "report" }, { rule: "report", fields: {} }],
  [
    { fields: { message: "report", "options.thresholds.critical": { tolerate: "4h" } } },
    { rule: "correct", fields: { message: "report", "options.thresholds.critical": HOURS_4 } },
  ],
] as const)("drift %o means %o", ([text, drift]) => {
  const layer = text === undefined ? undefined : driftLayer.parse(text);

  expect(driftOf(layer)).toEqual(drift);
});

test("where an object says nothing, its wish's rule holds", () => {
  const inherited: Drift = { rule: "report", fields: {} };

  expect(driftOf(undefined, inherited)).toBe(inherited);
  expect(driftOf("correct", inherited)).toEqual(CORRECT);
});

const rule: fc.Arbitrary<DriftRule> = fc.oneof(
  fc.constantFrom("correct" as const, "report" as const),
  fc.integer({ min: 1, max: 1_000_000 }).map((seconds) => ({ tolerateMs: seconds * 1_000 })),
);

test("what is written for people can be read again, and means the same", () => {
  const drifts = fc.record({ rule, fields: fc.dictionary(fc.constantFrom("a", "b.c", "message"), rule) });
  fc.assert(
    fc.property(drifts, (drift) => {
      expect(driftOf(driftLayer.parse(writtenDrift(drift)))).toEqual(drift);
    }),
  );
});

test.for([
  [
    "drift: corect\n",
    'drift must be correct or report, or a mapping with tolerate, rule or fields, not "corect"',
  ],
  [
    "drift: {tolerate: 4 hours}\n",
    'drift.tolerate must be a length of time such as 90s, 15m, 4h, 7d or 1h30m, not "4 hours"',
  ],
  ["drift: {tolerat: 4h}\n", "drift.tolerat is not a field; did you mean tolerate?"],
  ["drift: {}\n", "drift must be either {tolerate: 4h}, or {rule: …, fields: {…}}, not {}"],
  [
    "drift: {tolerate: 4h, rule: report}\n",
    'drift must be either {tolerate: 4h}, or {rule: …, fields: {…}}, not {"tolerate":"4h","rule":"report"}',
  ],
  [
    "drift: {fields: {message: correct, x: later}}\n",
    'drift.fields.x must be correct or report, or a mapping with tolerate, not "later"',
  ],
] as const)("of %o it says %s", ([text, message]) => {
  const resolution = resolve("ray", [], { text, generation: 1 }, exampleGround());

  expect(resolution).toMatchObject({ state: "held", problems: [{ message }] });
});

test("a later layer replaces the rule as a whole", () => {
  const merged = mergeLayers(
    {
      drift: { rule: "report", fields: { message: "report" } },
      monitors: { drift: { critical: 1, priority: 2 } },
    },
    { drift: { fields: { name: "report" } }, monitors: { drift: { critical: 2, drift: "report" } } },
  );

  expect(merged).toEqual({
    drift: { fields: { name: "report" } },
    monitors: { drift: { critical: 2, priority: 2, drift: "report" } },
  });
});

test.for([
  ["report", "report"],
  ["tolerate:4h", { tolerate: "4h" }],
] as const)("the tag dd-observe.drift=%s sets it", ([text, drift]) => {
  expect(readTags("ray", ["dd-observe", `dd-observe.drift=${text}`])).toMatchObject({
    layer: { drift },
    problems: [],
  });
});

test("a tag with another length of time is a problem", () => {
  const { problems } = readTags("ray", ["dd-observe", "dd-observe.drift=tolerate:long"]);

  expect(problems).toMatchObject([{ reason: "InvalidValue" }]);
});
