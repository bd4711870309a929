import { expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { budgetOption, limitsOf } from "./budget.ts";
import { resolve } from "./resolve.ts";

const read = (document: string, defaults = {}, service = "ray") =>
  resolve(
    service,
    ["dd-observe"],
    { text: document, generation: 1 },
    exampleGround({ defaults: { ok: true, value: defaults } }),
  );

test("a budget is joined field by field, agent by agent", () => {
  const resolution = read("budget: {daily: 20, agents: {triage: {monthly: 90}}}", {
    budget: { daily: 50, monthly: 1000, agents: { triage: { daily: 5 }, writer: { daily: 7 } } },
  });

  expect(resolution?.state === "accepted" && limitsOf(resolution.wish.budget)).toEqual([
    { agent: "all", period: "daily", dollars: 20 },
    { agent: "all", period: "monthly", dollars: 1000 },
    { agent: "triage", period: "daily", dollars: 5 },
    { agent: "triage", period: "monthly", dollars: 90 },
    { agent: "writer", period: "daily", dollars: 7 },
  ]);
});

test.for([
  ["budget: {daily: 0}", /budget\.daily/],
  ["budget: {weekly: 5}", /weekly/],
  ["budget: {agents: {all: {daily: 5}}}", /all agents/],
  ["budget: {agents: {The Writer: {daily: 5}}}", /lower case letters/],
  ["budget: {daily: 50, monthly: 20}", /budget\.daily is 50, more than the 20 of the whole month/],
  ["budget: {agents: {a: {daily: 5, monthly: 2}}}", /budget\.agents\.a\.daily is 5/],
  ["agent: {budget: true}", /agent\.budget is given by budget; write that instead/],
] as const)("%s is refused", ([document, message]) => {
  const resolution = read(document);

  expect(resolution?.state).toBe("held");
  expect(resolution?.state === "held" && resolution.problems[0]?.message).toMatch(message);
});

test("a pack that knows no cost refuses a budget of its own, and leaves an inherited one out", () => {
  const own = read("pack: generic\nbudget: {daily: 5}");
  const inherited = read("pack: generic", { budget: { daily: 5 } });

  expect(own?.state === "held" && own.problems).toMatchObject([
    {
      path: "budget",
      message: "budget means nothing to pack generic, which has no metric of cost to hold it against",
    },
  ]);
  expect(inherited?.state === "accepted" && inherited.wish.budget).toEqual({});
});

test("an option says whether there is such a limit, or what the service's own is", () => {
  const budget = { daily: 5, agents: { triage: { monthly: 90 } } };

  expect(budgetOption({}, "budget", "boolean")).toBe(false);
  expect(budgetOption(budget, "budget", "boolean")).toBe(true);
  expect(budgetOption(budget, "budget.monthly", "boolean")).toBe(true);
  expect(budgetOption(budget, "budget.monthly", "number")).toBeUndefined();
  expect(budgetOption(budget, "budget.daily", "number")).toBe(5);
});
