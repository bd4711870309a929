import { expect, test } from "vitest";

import { wrongRegex } from "./regex.ts";

test.for([
  ".+",
  "^python_gc_",
  "^ray_object_store_dist$",
  "^(foo|bar)_total$",
  "^http_[a-z_]+_seconds$",
  "go_.*",
  "^(?:a|b)?_x{2,4}$",
  "a\\.b\\-c\\d+",
  "^[(|*]+$",
  "^(ab){2}$",
  "(?=x)y",
])("takes the regular expression %s", (text) => {
  expect(wrongRegex(text)).toBeUndefined();
});

test.for([
  ["(", "must be a regular expression that compiles"],
  ["(?i)x", "must be a regular expression that compiles"],
  ["a**", "must be a regular expression that compiles"],
  ["x".repeat(201), "must be a regular expression of at most 200 characters"],
  ["(?<name>x)", "must be a regular expression that Python reads as well, without (?"],
  ["(?<=a+)x", "must be a regular expression that Python reads as well, without (?"],
  ["\\p{L}", "must be a regular expression that Python reads as well, without \\p"],
  ["(a)\\1", "must be a regular expression that Python reads as well, without \\1"],
  ["[^]", "must be a regular expression that Python reads as well, without [^]"],
  ["(a+)+$", "must not be a regular expression whose search can take for ever (nested repetition)"],
  ["(a|aa)+$", "must not be a regular expression whose search can take for ever (nested repetition)"],
  ["(a?){50}$", "must not be a regular expression whose search can take for ever (nested repetition)"],
  ["((a|b))*$", "must not be a regular expression whose search can take for ever (nested repetition)"],
  [".*.*.*.*x", "must not repeat more than 3 parts without a bound (*, +)"],
  ["a?".repeat(11), "must not have more than 10 parts of variable length"],
] as const)("refuses the regular expression %s", ([text, why]) => {
  expect(wrongRegex(text)).toBe(why);
});
