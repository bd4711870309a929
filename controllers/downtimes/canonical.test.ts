import * as fc from "fast-check";
import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { singleChanges } from "../../test/single-changes.ts";
import type { Json } from "../monitors/canonical.ts";
import {
  canonicalDesired,
  canonicalObserved,
  isOver,
  isThere,
  toPatch,
  toWire,
  type DowntimeBody,
} from "./canonical.ts";

const scheduleArbitrary = fc.oneof(
  fc.record(
    {
      start: fc.constantFrom(null, "2050-01-02T03:04:05Z", "2050-01-02T03:04:05.5+01:00"),
      end: fc.constantFrom(null, "2060-01-02T03:04:05Z", "2060-01-02T03:04+0200"),
    },
    { requiredKeys: [] },
  ),
  fc.record({
    timezone: fc.constantFrom("UTC", "America/New_York", ""),
    recurrences: fc.array(
      fc.record(
        {
          rrule: fc.constantFrom("FREQ=DAILY;INTERVAL=1", "FREQ=WEEKLY;BYDAY=SA,SU"),
          duration: fc.constantFrom("1d", "2h"),
          start: fc.constantFrom(null, "2042-07-13T01:02:03", "2042-07-13T01:02"),
        },
        { requiredKeys: ["rrule", "duration"] },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);

const attributesArbitrary = fc.record(
  {
    scope: fc.constantFrom("*", " env:(staging OR dev) "),
    monitor_identifier: fc.constantFrom(
      { monitor_id: 21_155_851 },
      { monitor_id: "21155851" },
      { monitor_tags: ["mat:sat", "cat:hat", "cat:hat"] },
    ),
    message: fc.constantFrom(null, "", "why", "why\n\nthe mark\n"),
    display_timezone: fc.constantFrom(null, "", "UTC", "America/New_York"),
    mute_first_recovery_notification: fc.boolean(),
    notify_end_states: fc.constantFrom([], ["warn"], ["no data", "alert", "warn"]),
    notify_end_types: fc.constantFrom([], ["expired"], ["expired", "canceled"]),
    schedule: scheduleArbitrary,
  },
  { requiredKeys: ["scope", "monitor_identifier"] },
);
const wireArbitrary: fc.Arbitrary<Json> = fc.record({ attributes: attributesArbitrary });

/** What Datadog makes of a create: missing starts become now, `Z` an offset, sets come in another order. */
function stored(wire: Json): Json {
  const sent = wire["attributes"] as Record<string, unknown>;
  const schedule = sent["schedule"] as Record<string, unknown>;
  const recurrences = schedule["recurrences"] as readonly Json[] | undefined;
  return {
    type: "downtime",
    id: "7330364c-932e-4092-a2e9-1089d9264698",
    attributes: {
      ...sent,
      notify_end_states: [...(sent["notify_end_states"] as string[])].toReversed(),
      notify_end_types: [...(sent["notify_end_types"] as string[])].toReversed(),
      schedule:
        recurrences === undefined
          ? {
              start: offset(schedule["start"] ?? "2026-11-25T20:53:23.238403Z"),
              end: offset(schedule["end"] ?? null),
            }
          : {
              timezone: schedule["timezone"],
              recurrences: recurrences.map((one) => ({
                ...one,
                start: one["start"] ?? "2026-11-25T20:53:23",
              })),
              current_downtime: { start: "2042-07-13T06:02:03+00:00", end: "2042-07-14T06:02:03+00:00" },
            },
      status: "scheduled",
      canceled: null,
      created: "2026-11-25T20:53:23.252025+00:00",
      modified: "2026-11-25T20:53:23.252025+00:00",
    },
    relationships: { created_by: { data: { type: "users", id: "x" } } },
  };
}

function offset(text: unknown): unknown {
  return typeof text === "string" ? text.replace("Z", "+00:00") : text;
}

function paths(wanted: DowntimeBody, found: DowntimeBody): readonly string[] {
  return fieldChanges(wanted, found).map((change) => change.path);
}

test("the canonical form of a canonical form is itself", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const once = canonicalDesired(wire);

      expect(canonicalDesired({ attributes: once })).toEqual(once);
      expect(canonicalDesired(toWire(once))).toEqual(once);
    }),
  );
});

test("a downtime comes back equal, whatever Datadog fills in and in whatever order", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);

      expect(paths(wanted, canonicalObserved(stored(toWire(wanted)), wanted))).toEqual([]);
    }),
  );
});

/** A start that only one side has is a wish that gives it up or takes it up, and not one field's change. */
function isComparable(wanted: DowntimeBody, other: DowntimeBody): boolean {
  const starts = ({ schedule }: DowntimeBody) =>
    "end" in schedule
      ? [schedule.start !== undefined]
      : schedule.recurrences.map((one) => one.start !== undefined);
  return JSON.stringify(starts(wanted)) === JSON.stringify(starts(other));
}

test("each change is exactly that difference, from either side", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);
      for (const { path, body } of singleChanges(wanted)) {
        expect(paths(wanted, canonicalObserved(stored(toWire(body)), wanted))).toEqual([path]);
        if (isComparable(wanted, body))
          expect(paths(body, canonicalObserved(stored(toWire(wanted)), body))).toEqual([path]);
      }
    }),
  );
});

const once = {
  scope: "*",
  monitor_identifier: { monitor_id: 1 },
  message: "m",
  schedule: { start: "2027-01-14T05:01:00Z", end: "2027-01-15T05:01:00Z" },
};

test("a changed kind of schedule is a difference of the schedule", () => {
  const recurring = { timezone: "UTC", recurrences: [{ rrule: "FREQ=DAILY", duration: "1d" }] };
  const wanted = canonicalDesired({ attributes: once });
  const edited = canonicalDesired({ attributes: { ...once, schedule: recurring } });

  expect(paths(wanted, canonicalObserved(stored(toWire(edited)), wanted))).toEqual([
    "schedule.end",
    "schedule.recurrences",
    "schedule.start",
    "schedule.timezone",
  ]);
});

test("what is sent for a change holds the changed fields alone", () => {
  const raw = stored(toWire(canonicalDesired({ attributes: once })));
  const wanted = canonicalDesired({ attributes: { ...once, message: "other" } });

  expect(toPatch(wanted, raw)).toEqual({
    type: "downtime",
    id: raw["id"],
    attributes: { message: "other" },
  });
});

test("a later end leaves the start that Datadog chose to the microsecond", () => {
  const open = { ...once, schedule: { end: "2027-01-15T05:01:00Z" } };
  const raw = stored(toWire(canonicalDesired({ attributes: open })));
  const wanted = canonicalDesired({ attributes: { ...open, schedule: { end: "2027-01-16T00:00:00Z" } } });

  expect(toPatch(wanted, raw)["attributes"]).toEqual({
    schedule: { start: "2026-11-25T20:53:23.238403Z", end: "2027-01-16T00:00:00Z" },
  });
});

test("a longer recurrence leaves the start that Datadog chose", () => {
  const daily = (duration: string) => ({
    ...once,
    schedule: { timezone: "UTC", recurrences: [{ rrule: "FREQ=DAILY", duration }] },
  });
  const raw = stored(toWire(canonicalDesired({ attributes: daily("1h") })));

  expect(toPatch(canonicalDesired({ attributes: daily("2h") }), raw)["attributes"]).toEqual({
    schedule: {
      timezone: "UTC",
      recurrences: [{ rrule: "FREQ=DAILY", duration: "2h", start: "2026-11-25T20:53:23" }],
    },
  });
});

test("a start that is past begins at once, and is no difference afterwards", () => {
  const wanted = canonicalDesired({ attributes: once });
  const wire = toWire(wanted, Date.parse("2027-01-14T12:00:00Z"));
  const raw = stored(wire);
  const answer = {
    ...raw,
    attributes: {
      ...(raw["attributes"] as Json),
      status: "active",
      created: "2027-01-14T12:00:00.1+00:00",
      schedule: { start: "2027-01-14T12:00:00+00:00", end: "2027-01-15T05:01:00+00:00" },
    },
  };

  expect(wire["attributes"]).toMatchObject({ schedule: { start: null, end: "2027-01-15T05:01:00Z" } });
  expect(paths(wanted, canonicalObserved(answer, wanted))).toEqual([]);
});

test("nothing is sent while the monitor is a reference", () => {
  const body = canonicalDesired({
    attributes: { ...once, monitor_identifier: { monitor_id: "${monitors:ray/a}" } },
  });

  expect(() => toWire(body)).toThrow("${monitors:ray/a}");
});

test.for<[schedule: Json, now: string, over: boolean]>([
  [{ end: "2027-01-15T05:01:00Z" }, "2027-01-15T05:00:59Z", false],
  [{ end: "2027-01-15T05:01:00Z" }, "2027-01-15T05:01:00Z", true],
  [{ start: "2027-01-15T05:01:00Z", end: null }, "2100-01-01T00:00:00Z", false],
  [{ recurrences: [{ rrule: "FREQ=DAILY", duration: "1d" }] }, "2100-01-01T00:00:00Z", false],
  [
    { recurrences: [{ rrule: "FREQ=DAILY;UNTIL=20270101T000000Z", duration: "2h" }] },
    "2027-01-01T01:59:59Z",
    false,
  ],
  [
    { recurrences: [{ rrule: "FREQ=DAILY;UNTIL=20270101T000000Z", duration: "2h" }] },
    "2027-01-01T02:00:00Z",
    true,
  ],
  [{ recurrences: [{ rrule: "FREQ=DAILY;UNTIL=20270101", duration: "2h" }] }, "2027-01-02T12:00:00Z", false],
  [{ recurrences: [{ rrule: "FREQ=DAILY;UNTIL=20270101", duration: "2h" }] }, "2027-01-02T16:00:00Z", true],
])("a downtime with %j is over at %s: %s", ([schedule, now, over]) => {
  expect(isOver(canonicalDesired({ attributes: { ...once, schedule } }), Date.parse(now))).toBe(over);
});

test("what was canceled or has ended is not there", () => {
  const there = ["active", "scheduled", "canceled", "ended"].filter((status) =>
    isThere({ attributes: { status } }),
  );

  expect(there).toEqual(["active", "scheduled"]);
});

const writes = hasRecordings
  ? recordings(/^\/api\/v2\/downtime(\/[^/]+)?$/).filter((one) => one.status === 200)
  : [];

/** What an update leaves out stays as it is. */
function wish({ method, body, answer }: (typeof writes)[number]): DowntimeBody {
  const sent = (body["data"] as Json)["attributes"] as Json;
  const kept = method === "PATCH" ? ((answer["data"] as Json)["attributes"] as Json) : {};
  return canonicalDesired({ attributes: { ...kept, ...sent } });
}

/** Every one of the 21 recorded comes back equal. */
test.skipIf(!hasRecordings)("every recorded create and update comes back without a difference", () => {
  const differences = writes.flatMap((one) => {
    const wanted = wish(one);
    return fieldChanges(wanted, canonicalObserved(one.answer["data"] as Json, wanted));
  });

  expect(differences).toEqual([]);
  expect(writes).toHaveLength(21);
});

test.skipIf(!hasRecordings)("each change of a recorded downtime is exactly that difference", () => {
  for (const one of writes) {
    const wanted = wish(one);
    for (const { path, body } of singleChanges(wanted)) {
      if (isComparable(wanted, body))
        expect(paths(body, canonicalObserved(one.answer["data"] as Json, body))).toEqual([path]);
      expect(paths(wanted, canonicalObserved(stored(toWire(body)), wanted))).toEqual([path]);
    }
  }
});
