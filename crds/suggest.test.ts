import { expect, test } from "vitest";

import { matches } from "./policy.ts";
import { didYouMean, nearest } from "./suggest.ts";

const NAMES = ["minCollectionInterval", "excludeMetrics", "monitors", "port", "path"];

test.for([
  ["monitrs", "monitors"],
  ["Monitors", "monitors"],
  ["min_collection_interval", "minCollectionInterval"],
  ["excludeMetric", "excludeMetrics"],
  ["prot", "port"],
  ["temporal", undefined],
  ["", undefined],
  ["x".repeat(10_000), undefined],
] as const)("of the names, %s probably meant %s", ([word, name]) => {
  expect(nearest(word, NAMES)).toBe(name);
});

test("says nothing where nothing is near", () => {
  expect(didYouMean("monitrs", NAMES)).toBe("; did you mean monitors?");
  expect(didYouMean("temporal", NAMES)).toBe("");
});

test.for([
  ["@slack-*", "@slack-ml", true],
  ["@slack-*", "@slack-", true],
  ["@slack-*", "x@slack-ml", false],
  ["*", "", true],
  ["*@example.com", "@a@example.com", true],
  ["@*@example.com", "@example.com", false],
  ["a*b*c", "abc", true],
  ["a*b*c", "aXbYc", true],
  ["a*b*c", "ac", false],
  ["a*a", "a", false],
  ["a.c", "abc", false],
  ["@slack", "@slack-ml", false],
] as const)("the pattern %s and the text %s: %s", ([pattern, text, expected]) => {
  expect(matches(pattern, text)).toBe(expected);
});
