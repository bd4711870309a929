import * as fc from "fast-check";
import { expect, test } from "vitest";

import { durationMs, instant, lastStartMs, wallTime } from "./time.ts";

test.for([
  ["2027-01-14T05:01:00+00:00", "2027-01-14T05:01:00Z"],
  ["2027-01-14T06:01:00+0100", "2027-01-14T05:01:00Z"],
  ["2027-01-14T05:01Z", "2027-01-14T05:01:00Z"],
  ["2027-01-14 05:01:00", "2027-01-14T05:01:00Z"],
  ["2027-01-14T05:01:00.000+00:00", "2027-01-14T05:01:00Z"],
  ["2027-01-14T05:01:00.286130+00:00", "2027-01-14T05:01:00.28613Z"],
  ["tomorrow", "tomorrow"],
  ["2027-13-14T05:01:00Z", "2027-13-14T05:01:00Z"],
] as const)("the instant %s is written %s", ([text, written]) => {
  expect(instant(text)).toBe(written);
});

test("one instant has one form, whatever its zone", () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date("1970-01-02"), max: new Date("9990-01-01"), noInvalidDate: true }),
      fc.integer({ min: -14, max: 14 }),
      (date, hours) => {
        const sign = hours < 0 ? "-" : "+";
        const local = new Date(date.getTime() + hours * 3_600_000).toISOString().slice(0, -1);
        const text = `${local}${sign}${String(Math.abs(hours)).padStart(2, "0")}:00`;

        expect(instant(text)).toBe(instant(date.toISOString()));
        expect(Date.parse(instant(text))).toBe(date.getTime());
        expect(instant(instant(text))).toBe(instant(text));
      },
    ),
  );
});

test("a wall time has seconds, and no zone is taken for one", () => {
  expect(wallTime("2042-07-13T01:02")).toBe("2042-07-13T01:02:00");
  expect(wallTime("2042-07-13T01:02:03")).toBe("2042-07-13T01:02:03");
  expect(wallTime("2042-07-13T01:02:03Z")).toBe("2042-07-13T01:02:03Z");
});

test("a rule that counts, or says nothing, has no last start", () => {
  expect(lastStartMs("FREQ=DAILY;COUNT=3")).toBeUndefined();
  expect(lastStartMs("FREQ=DAILY")).toBeUndefined();
  expect(lastStartMs("FREQ=DAILY;UNTIL=20270101T000000Z;INTERVAL=2")).toBe(
    Date.parse("2027-01-01T00:00:00Z"),
  );
});

test("a length that can't be read never ends", () => {
  expect(durationMs("90m")).toBe(5_400_000);
  expect(durationMs("a while")).toBe(Number.POSITIVE_INFINITY);
});
