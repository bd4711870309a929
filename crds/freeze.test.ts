import * as fc from "fast-check";
import { expect, test } from "vitest";

import { exampleGround } from "../test/builders/packs.ts";
import { DAYS, freezeLayer, frozenUntil, type FreezeWindow } from "./freeze.ts";
import { resolve } from "./resolve.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (text: string): number => Date.parse(text);
const until = (windows: readonly FreezeWindow[], now: string): string | undefined => {
  const frozen = frozenUntil(windows, at(now));
  return frozen === undefined ? undefined : new Date(frozen.untilMs).toISOString();
};

const NIGHTS: FreezeWindow = { days: ["sat", "sun"], from: "22:00", to: "06:00", timezone: "Europe/Berlin" };

test.for([
  ["before it", "2026-12-19T23:59:59Z", undefined],
  ["at its first moment", "2026-12-20T00:00:00Z", "2027-01-02T00:00:00.000Z"],
  ["at its end", "2027-01-02T00:00:00Z", undefined],
] as const)("a window between two moments, %s", ([, now, end]) => {
  expect(until([{ from: "2026-12-20T00:00:00Z", to: "2027-01-02T01:00:00+01:00" }], now)).toBe(end);
});

// The 28th of November 2026 is a Saturday; Berlin is an hour ahead of UTC.
test.for([
  ["2026-11-28T20:59:59Z", undefined],
  ["2026-11-28T21:00:00Z", "2026-11-29T05:00:00.000Z"],
  ["2026-11-29T04:59:59Z", "2026-11-29T05:00:00.000Z"],
  ["2026-11-29T05:00:00Z", undefined],
  ["2026-11-30T03:00:00Z", "2026-11-30T05:00:00.000Z"],
  ["2026-11-30T21:00:00Z", undefined],
] as const)("a window over midnight belongs to the day on which it begins: %s", ([now, end]) => {
  expect(until([NIGHTS], now)).toBe(end);
});

test.for([
  ["the short night", "2026-03-28T22:00:00Z", "2026-03-29T04:00:00.000Z", 7],
  ["the long night", "2026-10-24T20:00:00Z", "2026-10-25T05:00:00.000Z", 9],
] as const)("in %s the clock decides, not the hours", ([, now, end, hours]) => {
  expect(until([NIGHTS], now)).toBe(end);
  expect(frozenUntil([NIGHTS], at(end) - hours * HOUR)).toBeDefined();
  expect(frozenUntil([NIGHTS], at(end) - hours * HOUR - 1)).toBeUndefined();
});

test("a time that comes twice ends the second time, and one that is skipped ends later", () => {
  const nightly: FreezeWindow = { from: "01:00", to: "02:30", timezone: "Europe/Berlin" };

  expect(until([nightly], "2026-10-25T00:15:00Z")).toBe("2026-10-25T01:30:00.000Z");
  expect(until([nightly], "2026-03-29T00:15:00Z")).toBe("2026-03-29T01:30:00.000Z");
});

test("windows that meet count as one, with the reason of the one that holds now", () => {
  const windows: FreezeWindow[] = [
    { days: ["sat", "sun"], from: "00:00", to: "24:00", reason: "weekend" },
    { from: "2026-11-30T00:00:00Z", to: "2026-12-01T00:00:00Z", reason: "sale" },
  ];

  expect(frozenUntil(windows, at("2026-11-28T12:00:00Z"))).toEqual({
    untilMs: at("2026-12-01T00:00:00Z"),
    reason: "weekend",
  });
});

test("of windows that follow one another for ever, the end of one two weeks ahead is told", () => {
  const frozen = frozenUntil([{ from: "00:00", to: "24:00" }], at("2026-01-01T12:00:00Z"));

  expect(frozen).toEqual({ untilMs: at("2026-01-16T00:00:00Z") });
});

test("one long window is told to its end", () => {
  const year: FreezeWindow = { from: "2026-01-01T00:00:00Z", to: "2027-01-01T00:00:00Z" };

  expect(until([year], "2026-01-02T00:00:00Z")).toBe("2027-01-01T00:00:00.000Z");
});

const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Asia/Kolkata",
];
const clock = fc.integer({ min: 0, max: 1_439 });
const text = (minutes: number): string =>
  `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
const recurring = fc
  .record({
    from: clock,
    to: clock,
    days: fc.subarray([...DAYS], { minLength: 1 }),
    timezone: fc.constantFrom(...ZONES),
  })
  .filter(({ from, to }) => from !== to)
  .map((window): FreezeWindow => ({ ...window, from: text(window.from), to: text(window.to) }));
const now = fc
  .integer({ min: at("2024-01-01T00:00:00Z") / MINUTE, max: at("2030-01-01T00:00:00Z") / MINUTE })
  .map((minutes) => minutes * MINUTE);

/** Day and minutes that a clock shows, by another way than the code's. */
function shown(zone: string, ms: number): { readonly day: string; readonly minutes: number } {
  const [day = "", time = ""] = new Date(ms)
    .toLocaleString("en-GB", { timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit" })
    .toLowerCase()
    .split(/[\s,]+/);
  return { day, minutes: Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5)) };
}

function isShownInside({ from, to, days = [...DAYS], timezone = "UTC" }: FreezeWindow, ms: number): boolean {
  const { day, minutes } = shown(timezone, ms);
  const [first, last] = [from, to].map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3)));
  const before = DAYS[(DAYS.findIndex((name) => name === day) + 6) % 7]!;
  const isToday = days.some((name) => name === day);
  const isYesterday = days.includes(before);
  if (first! < last!) return isToday && first! <= minutes && minutes < last!;
  return (isToday && minutes >= first!) || (isYesterday && minutes < last!);
}

/** True if a zone's clocks are not put forward or back within a day of a moment. */
function isSteady(zone: string, ms: number): boolean {
  const offset = (atMs: number): number => {
    const { minutes } = shown(zone, atMs);
    return (((minutes - Math.floor(atMs / MINUTE)) % 1_440) + 1_440) % 1_440;
  };
  return new Set([-36, -24, -12, 0, 12, 24, 36].map((hours) => offset(ms + hours * HOUR))).size === 1;
}

test("away from a change of the clocks a moment is frozen if and only if the clock shows a time inside", () => {
  fc.assert(
    fc.property(recurring, now, (window, ms) => {
      fc.pre(isSteady(window.timezone ?? "UTC", ms));

      expect(frozenUntil([window], ms) !== undefined).toBe(isShownInside(window, ms));
    }),
    { numRuns: 200 },
  );
});

test("every moment until the end is frozen, and the end is not, whatever the clocks do", () => {
  fc.assert(
    fc.property(fc.array(recurring, { minLength: 1, maxLength: 3 }), now, (windows, ms) => {
      const frozen = frozenUntil(windows, ms);
      fc.pre(frozen !== undefined && frozen.untilMs < ms + 14 * 24 * HOUR);

      expect(frozen.untilMs).toBeGreaterThan(ms);
      expect(frozenUntil(windows, frozen.untilMs)).toBeUndefined();
      for (const share of [0.1, 0.5, 0.9, 1]) {
        const between = Math.floor(ms + (frozen.untilMs - 1 - ms) * share);
        expect(frozenUntil(windows, between)?.untilMs).toBe(frozen.untilMs);
      }
    }),
    { numRuns: 200 },
  );
});

test.for([
  [
    "[{from: 2026-12-20, to: 2027-01-02T00:00:00Z}]",
    "freeze.0.from must be a moment such as 2026-12-20T00:00:00Z, or a time of day such as 22:00",
  ],
  [
    "[{from: 2026-12-20T00:00:00Z, to: '06:00'}]",
    "freeze.0.to must be of the same form as from: two moments, or two times of day",
  ],
  ["[{from: 2027-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z}]", "freeze.0.to must be after from"],
  ["[{from: 2026-02-30T00:00:00Z, to: 2027-01-02T00:00:00Z}]", "freeze.0.from must be a moment"],
  ["[{from: '22:00', to: '22:00'}]", "freeze.0.to must differ from `from`"],
  ["[{from: '25:00', to: '22:00'}]", "freeze.0.from must be a moment"],
  [
    "[{from: '22:00', to: '06:00', timezone: Europe/Berln}]",
    "freeze.0.timezone must be the name of a time zone, such as Europe/Berlin or UTC",
  ],
  [
    "[{from: '22:00', to: '06:00', days: [sab]}]",
    "freeze.0.days.0 must be sun, mon, tue, wed, thu, fri or sat",
  ],
  [
    "[{from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, days: [sat]}]",
    "freeze.0.days is for times of day such as 22:00 only",
  ],
] as const)("of freeze: %s it says %s", ([value, message]) => {
  const resolution = resolve("ray", [], { text: `freeze: ${value}\n`, generation: 1 }, exampleGround());

  const said = resolution?.state === "held" ? resolution.problems.map((problem) => problem.message) : [];
  expect(said.filter((sentence) => sentence.startsWith(message))).toHaveLength(1);
});

test("unquoted times in YAML are what they look like", () => {
  const document = {
    text: "freeze: [{from: 22:00, to: 06:00}, {from: 2026-12-20T00:00:00Z, to: 2026-12-21T00:00:00Z}]\n",
    generation: 1,
  };

  const resolution = resolve("ray", [], document, exampleGround());

  expect(resolution).toMatchObject({ state: "accepted" });
  expect(freezeLayer.safeParse([{ from: "22:00", to: "06:00" }]).success).toBe(true);
});
