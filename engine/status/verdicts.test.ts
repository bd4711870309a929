import { expect, test } from "vitest";

import type { Condition } from "./status.ts";
import { Verdicts } from "./verdicts.ts";

function condition(reason: string, status: Condition["status"] = "True"): Condition {
  return { type: "EnvPublished", status, reason, message: reason };
}

const SYNCED = condition("Synced");

test("a verdict takes the place of what a pass says that went well, in any order", () => {
  const verdicts = new Verdicts();
  const taken = new Map([["support", condition("Taken")]]);

  expect(verdicts.refine("support", SYNCED)).toBe(SYNCED);
  expect([...verdicts.replace(taken)]).toEqual([["support", condition("Taken")]]);
  expect(verdicts.refine("support", SYNCED)).toEqual(condition("Taken"));
});

test("what went wrong in a pass stays, whatever a look says", () => {
  const verdicts = new Verdicts();
  verdicts.refine("support", SYNCED);

  expect(verdicts.refine("support", condition("Conflict", "False"))).toMatchObject({ reason: "Conflict" });
  expect(verdicts.replace(new Map([["support", condition("Taken")]])).size).toBe(0);
});

test("a verdict that is no more gives way to what the pass said", () => {
  const verdicts = new Verdicts();
  verdicts.refine("support", SYNCED);
  verdicts.replace(new Map([["support", condition("Taken")]]));

  expect([...verdicts.replace(new Map())]).toEqual([["support", SYNCED]]);
});

test("of whom no pass said anything yet, nothing is told", () => {
  expect(new Verdicts().replace(new Map([["support", condition("Taken")]])).size).toBe(0);
});
