import { expect, test } from "vitest";

import { Absence } from "./absence.ts";
import type { Plan } from "./plan.ts";

function deletesOf(...owners: readonly string[]): Plan<string> {
  const actions = owners.map((owner) => ({
    type: "delete" as const,
    observed: { key: `${owner}/a`, owner, body: "", ref: "1", retain: false },
  }));
  return { actions, withheld: [], unchanged: 0 };
}

const NOBODY = (): boolean => false;

test("remembers when an owner was first without a wish", () => {
  const absence = new Absence();

  absence.note(deletesOf("ray"), NOBODY, 1_000);
  absence.note(deletesOf("ray", "chat"), NOBODY, 2_000);

  expect([...absence.since]).toEqual([
    ["ray", 1_000],
    ["chat", 2_000],
  ]);
});

test("an owner that wants an object no longer is not absent", () => {
  const absence = new Absence();

  absence.note(deletesOf("ray"), (owner) => owner === "ray", 1_000);

  expect(absence.since.size).toBe(0);
});

test("an owner that comes back and goes again starts anew", () => {
  const absence = new Absence([["ray", 1_000]]);

  const back = absence.welcomeBack((owner) => owner === "ray");
  absence.note(deletesOf("ray"), NOBODY, 5_000);

  expect(back).toEqual(["ray"]);
  expect([...absence.since]).toEqual([["ray", 5_000]]);
});

test.for([
  { now: 1_500, end: 2_000 },
  { now: 2_000, end: 3_000 },
  { now: 3_000, end: undefined },
])("at $now the next grace period ends at $end", ({ now, end }) => {
  const absence = new Absence([
    ["ray", 1_000],
    ["chat", 2_000],
  ]);

  expect(absence.nextEnd(1_000, now)).toBe(end);
});

test("an owner that is forgotten has no grace period left", () => {
  const absence = new Absence([["ray", 1_000]]);

  absence.forget("ray");

  expect(absence.nextEnd(1_000, 0)).toBeUndefined();
});
