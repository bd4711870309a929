import * as fc from "fast-check";
import { expect, test } from "vitest";

import { countsOf, type ControllerPlan, type RolePlan } from "./plan-data.ts";
import { changedLines, formatPlan } from "./plan-text.ts";
import { plain } from "./terminal.ts";

const LOOK = { width: 80, paint: plain };

function role(controller: Partial<ControllerPlan>, more: Partial<RolePlan> = {}): RolePlan {
  const nothing = {
    controller: "monitors",
    changes: [],
    withheld: [],
    problems: [],
    drift: [],
    unchanged: 0,
  };
  return { role: "controller", name: "dc1", held: [], controllers: [{ ...nothing, ...controller }], ...more };
}

test("tells what is kept back for one reason once, with the first names and the number of the others", () => {
  const withheld = Array.from({ length: 40 }, (_, at) => ({
    type: "delete" as const,
    key: `ray/m${at}`,
    owner: "ray",
    ref: String(at),
    fields: [],
    reason: "BrakeEngaged",
    message: "this pass would delete 40 of 40 objects. If it is right: dd-observe approve 3f2a9c01d4be",
  }));

  const text = formatPlan([role({ withheld })], "planned", LOOK);

  expect(text.match(/dd-observe approve/g)).toHaveLength(1);
  expect(text).toContain("- ray/m11, and 28 more");
  expect(text).toContain("40 kept back; 0 as wished.");
});

test("a text from outside can't paint the terminal", () => {
  const fields = [{ path: "name", wanted: "good", found: "bad\u001b[31m" }];
  const changes = [
    { type: "update" as const, key: "ray/a", owner: "ray", title: "\u001b]0;x\u0007", fields },
  ];

  expect(formatPlan([role({ changes })], "planned", LOOK)).not.toContain("\u001b");
});

test("tells a wish that cannot be read once, though both roles see it", () => {
  const held = [
    { owner: "api", reason: "UnknownField", message: "nam is not a field", at: { line: 1, column: 2 } },
  ];

  const text = formatPlan([role({}, { held }), role({}, { role: "node", held })], "planned", LOOK);

  expect(text.match(/api:1:2: nam is not a field/g)).toHaveLength(1);
  expect(text).toContain("1 problem; 0 as wished.");
});

test("what is retained as wished is nothing to act on", () => {
  const withheld = [
    {
      type: "delete" as const,
      key: "ray/a",
      owner: "ray",
      fields: [],
      reason: "Retained",
      message: "the wish said so",
    },
  ];

  expect(countsOf([role({ withheld })]).withheld).toBe(0);
});

test("a write that failed counts as failed, not as done", () => {
  const error = { reason: "Rejected", message: "400" };
  const changes = [
    { type: "create" as const, key: "ray/a", owner: "ray", fields: [], error },
    { type: "create" as const, key: "ray/b", owner: "ray", fields: [] },
  ];

  expect(countsOf([role({ changes })])).toMatchObject({ create: 1, failed: 1 });
});

test("the changed lines turn the one text into the other, and none is told without need", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 });
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const changes = changedLines(before, after);
      const taken = changes.filter(([sign]) => sign === "-").map(([, line]) => line);
      const put = changes.filter(([sign]) => sign === "+").map(([, line]) => line);

      expect(before.length - taken.length).toBe(after.length - put.length);
      expect([...before, ...put].sort()).toEqual([...after, ...taken].sort());
      if (before.join("\n") === after.join("\n")) expect(changes).toEqual([]);
    }),
  );
});
