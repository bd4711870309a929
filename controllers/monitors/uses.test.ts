import { expect, test } from "vitest";

import { usesOf } from "./uses.ts";

test.for([
  ["composite", "12 && !(345 || 12)", ["monitors 12", "monitors 345", "monitors 12"]],
  ["slo alert", `error_budget("${"0f".repeat(16)}").over("30d") > 75`, [`slos ${"0f".repeat(16)}`]],
  ["query alert", "avg(last_5m):avg:a.b{*} > 12", []],
] as const)("a monitor of type %s uses what its query names", ([type, query, expected]) => {
  const uses = usesOf({ type, query });

  expect(uses.map(({ controller, ref }) => `${controller} ${ref}`)).toEqual(expected);
});
