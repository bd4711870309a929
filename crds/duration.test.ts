import * as fc from "fast-check";
import { expect, test } from "vitest";

import { duration, formatDuration, parseDuration } from "./duration.ts";

test.for([
  ["90s", 90_000],
  ["15m", 900_000],
  ["4h", 14_400_000],
  ["7d", 604_800_000],
  ["1h30m", 5_400_000],
  ["1d1h1m1s", 90_061_000],
] as const)("%s is %d milliseconds", ([text, ms]) => {
  expect(parseDuration(text)).toBe(ms);
});

test.for(["", "0s", "4", "h", "4 h", "30m1h", "1h1h", "-4h", "1.5h", "4H", "4h\n", "99999999h"])(
  "%o is no length of time, and the schema says what is one",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
    expect(duration.safeParse(text).error?.issues[0]?.message).toBe(
      "must be a length of time such as 90s, 15m, 4h, 7d or 1h30m",
    );
  },
);

test("what is written can be read again", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9_999 * 86_400 }), (seconds) => {
      expect(parseDuration(formatDuration(seconds * 1_000))).toBe(seconds * 1_000);
    }),
  );
});
