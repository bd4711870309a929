import * as fc from "fast-check";
import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { canonicalDesired, canonicalObserved, toWire, type Json } from "./canonical.ts";

const optionArbitrary = fc.record(
  {
    thresholds: fc.record(
      {
        critical: fc.constantFrom(1, 2.5, null),
        warning: fc.constantFrom(0.5, null),
        ok: fc.constantFrom(0, null),
      },
      { requiredKeys: [] },
    ),
    notify_no_data: fc.constantFrom(true, false, null),
    no_data_timeframe: fc.constantFrom(0, 10, 20, null),
    on_missing_data: fc.constantFrom("default", "show_no_data", null),
    new_group_delay: fc.constantFrom(0, 60, null),
    new_host_delay: fc.constantFrom(0, 300, null),
    include_tags: fc.constantFrom(true, false, null),
    notify_audit: fc.constantFrom(true, false, null),
    require_full_window: fc.boolean(),
    escalation_message: fc.constantFrom("", " up \n", "up"),
    renotify_interval: fc.constantFrom(0, 60, null),
    renotify_statuses: fc.constantFrom([], ["alert"], ["warn", "alert"], null),
    evaluation_delay: fc.constantFrom(0, 900, null),
    scheduling_options: fc.constantFrom(
      {},
      { evaluation_window: { day_starts: "04:00" } },
      { custom_schedule: { recurrences: [{ rrule: "FREQ=DAILY", timezone: "UTC" }] } },
    ),
    silenced: fc.constant({ "*": 1 }),
  },
  { requiredKeys: [] },
);

const wireArbitrary: fc.Arbitrary<Json> = fc.record({
  type: fc.constantFrom("query alert", "metric alert", "service check", "log alert", "composite"),
  name: fc.constantFrom("a", " a ", "b"),
  query: fc.constantFrom("avg(last_5m):avg:a.b{*} > 1", " x \n"),
  message: fc.constantFrom("", "m", "m\n"),
  tags: fc.constantFrom([], ["b", "a", "b"], ["a"]),
  priority: fc.constantFrom(null, 0, 1, "5"),
  options: optionArbitrary,
});

/** What Datadog makes of a body: defaults filled in, texts trimmed, nulls dropped, its own fields added (facts recorded from the real API). */
function stored(wire: Json): Json {
  const sent = wire["options"] as Record<string, unknown>;
  const options: Record<string, unknown> = { ...sent, silenced: { "*": 2 }, avalanche_window: 10 };
  if (sent["notify_no_data"] === undefined && sent["on_missing_data"] === undefined)
    options["notify_no_data"] = false;
  options["notify_audit"] ??= false;
  options["include_tags"] ??= true;
  if (sent["new_group_delay"] === undefined) options["new_host_delay"] ??= 300;
  if (sent["evaluation_delay"] === undefined) options["evaluation_delay"] = 900;
  if (sent["require_full_window"] === undefined) options["require_full_window"] = true;
  if (wire["type"] === "log alert") options["groupby_simple_monitor"] ??= false;
  const scheduling = sent["scheduling_options"] as { custom_schedule?: unknown } | undefined;
  if (scheduling?.custom_schedule !== undefined && sent["on_missing_data"] === "default")
    delete options["on_missing_data"];
  return {
    ...wire,
    id: 1,
    multi: false,
    overall_state: "OK",
    creator: { handle: "x" },
    type: wire["type"] === "query alert" ? "metric alert" : wire["type"],
    tags: [...(wire["tags"] as string[])].toReversed(),
    options,
  };
}

test("the canonical form of a canonical form is itself", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const once = canonicalDesired(wire);

      expect(canonicalDesired(once as unknown as Json)).toEqual(once);
      expect(canonicalDesired(toWire(once))).toEqual(once);
    }),
  );
});

test("a monitor comes back equal, whatever Datadog fills in", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);

      expect(fieldChanges(wanted, canonicalObserved(stored(toWire(wanted)), wanted))).toEqual([]);
    }),
  );
});

test("never sends a mute", () => {
  const body = canonicalDesired({ type: "query alert", options: { silenced: { "*": 1 } } });

  expect(toWire(body)["options"]).not.toHaveProperty("silenced");
});

const base: Json = {
  type: "query alert",
  name: "n",
  query: "avg(last_5m):avg:a.b{*} > 1",
  message: "m",
  tags: ["a"],
  priority: 2,
  options: {
    thresholds: { critical: 1, warning: 0.5 },
    renotify_interval: 60,
    notify_no_data: true,
    no_data_timeframe: 10,
  },
};

test.for<[path: string, edited: Json]>([
  ["name", { ...base, name: "other" }],
  ["query", { ...base, query: "avg(last_5m):avg:a.b{*} > 2" }],
  ["message", { ...base, message: "other" }],
  ["tags", { ...base, tags: ["a", "b"] }],
  ["priority", { ...base, priority: 3 }],
  [
    "options.thresholds.warning",
    { ...base, options: { ...(base["options"] as Json), thresholds: { critical: 1, warning: 0.6 } } },
  ],
  ["options.renotify_interval", { ...base, options: { ...(base["options"] as Json), renotify_interval: 0 } }],
  [
    "options.no_data_timeframe",
    { ...base, options: { ...(base["options"] as Json), no_data_timeframe: 20 } },
  ],
  [
    "options.escalation_message",
    { ...base, options: { ...(base["options"] as Json), escalation_message: "x" } },
  ],
  ["options.include_tags", { ...base, options: { ...(base["options"] as Json), include_tags: false } }],
])("a person's edit of %s is exactly that difference", ([path, edited]) => {
  const wanted = canonicalDesired(base);

  const changes = fieldChanges(wanted, canonicalObserved(stored(edited), wanted));

  expect(changes.map((change) => change.path)).toEqual([path]);
});

test("an option that Datadog sets by itself counts only if the wish sets it", () => {
  const wished = canonicalDesired({ ...base, options: { evaluation_delay: 60 } });
  const plain = canonicalDesired({ ...base, options: {} });
  const answer = { ...base, options: { evaluation_delay: 900 } };

  expect(fieldChanges(wished, canonicalObserved(answer, wished)).map((change) => change.path)).toEqual([
    "options.evaluation_delay",
  ]);
  expect(fieldChanges(plain, canonicalObserved(answer, plain))).toEqual([]);
});

/**
 * Differences between what was sent and what came back that are no drift of ours:
 * dd-observe always sends a name.
 */
const EXCEPTIONS: readonly RegExp[] = [/^name: "" → "\*\*/];

test.skipIf(!hasRecordings)("every recorded create and update comes back without a difference", () => {
  const writes = recordings(/^\/api\/v1\/monitor(\/\d+)?$/).filter(
    // A PUT without options keeps the stored ones; dd-observe always sends them all.
    (one) => one.status === 200 && (one.method === "POST" || "options" in one.body),
  );
  const differences = writes.flatMap((one) => {
    const wanted = canonicalDesired(one.method === "PUT" ? { ...one.answer, ...one.body } : one.body);
    return fieldChanges(wanted, canonicalObserved(one.answer, wanted)).map(
      (change) => `${change.path}: ${JSON.stringify(change.wanted)} → ${JSON.stringify(change.found)}`,
    );
  });

  expect(differences.filter((line) => !EXCEPTIONS.some((known) => known.test(line)))).toEqual([]);
  expect(writes.length).toBeGreaterThan(200);
});
