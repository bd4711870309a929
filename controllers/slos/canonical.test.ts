import * as fc from "fast-check";
import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import type { Json } from "../monitors/canonical.ts";
import { canonicalDesired, canonicalObserved, storedTag, toWire, type SloBody } from "./canonical.ts";

const thresholdArbitrary: fc.Arbitrary<Json> = fc.record(
  {
    timeframe: fc.constantFrom("7d", "30d", "90d"),
    target: fc.constantFrom(99, 99.5),
    warning: fc.constantFrom(99.9, null),
    target_display: fc.constant("99."),
  },
  { requiredKeys: ["timeframe", "target"] },
);

const indicatorArbitrary: fc.Arbitrary<Json> = fc.oneof(
  fc.record({
    type: fc.constant("metric"),
    query: fc.record({
      numerator: fc.constantFrom("sum:a.good{*}.as_count()", " sum:a.good{*}.as_count() "),
      denominator: fc.constantFrom("sum:a.all{*}.as_count()", "sum:a.good{*} + sum:a.bad{*}"),
    }),
    sli_specification: fc.constant(null),
  }),
  fc.record({
    type: fc.constant("metric"),
    sli_specification: fc.constantFrom(
      count({ good_events_formula: { formula: "q1 - q2" }, total_events_formula: { formula: "q1" } }),
      count({ good_events_formula: { formula: "q1" }, bad_events_formula: { formula: "default_zero(q2)" } }),
    ),
  }),
  fc.record({
    type: fc.constant("monitor"),
    monitor_ids: fc.constantFrom<unknown[]>([3, 1, 2], ["12"], ["${monitors:ray/b}", "${monitors:ray/a}"]),
    groups: fc.constantFrom(null, [], ["role:b", "env:a"]),
  }),
  fc.record({
    type: fc.constant("time_slice"),
    sli_specification: fc.record({
      time_slice: fc.record(
        {
          comparator: fc.constantFrom(">", "<="),
          query: fc.constant({
            formulas: [{ formula: "query1" }],
            queries: [{ data_source: "metrics", name: "query1", query: "avg:a.b{*}" }],
          }),
          threshold: fc.constantFrom(1, 0.5),
          query_interval_seconds: fc.constantFrom(60, 300, null),
        },
        { requiredKeys: ["comparator", "query", "threshold"] },
      ),
    }),
  }),
);

function count(formulas: Json): Json {
  const queries = [
    { data_source: "metrics", name: "q1", query: "sum:a.hits{*}.as_count()" },
    { data_source: "metrics", name: "q2", query: "sum:a.errors{*}.as_count()" },
  ];
  return { count: { ...formulas, queries } };
}

const wireArbitrary: fc.Arbitrary<Json> = fc
  .tuple(
    indicatorArbitrary,
    fc.record(
      {
        name: fc.constantFrom("Latency", " Latency "),
        description: fc.constantFrom("", "text\n", null),
        tags: fc.constantFrom([], ["b", "a", "b"], ["Owner:DevOps", "env:prod"], ["Env:a b", "env:a_b"]),
        thresholds: fc.uniqueArray(thresholdArbitrary, {
          selector: (one) => one["timeframe"],
          minLength: 1,
        }),
      },
      { requiredKeys: ["name", "thresholds"] },
    ),
  )
  .map(([indicator, wire]) => ({ ...wire, ...indicator }));

/** What Datadog makes of a body: its own fields added, tags shuffled and in lower case, displays, derived fields (recorded from the real API). */
function stored(wire: Json): Json {
  const thresholds = (wire["thresholds"] as Json[]).map((one) => ({
    ...one,
    target_display: "99.",
    ...(one["warning"] === undefined ? {} : { warning_display: "99.9" }),
  }));
  const tags = (wire["tags"] ?? []) as readonly string[];
  return {
    description: "",
    timeframe: (wire["thresholds"] as Json[])[0]?.["timeframe"],
    ...wire,
    thresholds,
    tags: tags.map(storedTag).toReversed(),
    ...serverFields,
  };
}

const serverFields: Json = {
  id: "425d71bc3445599f92d7c3848731d220",
  type_id: 1,
  monitor_tags: [],
  creator: { name: null, handle: "frog@example.com", email: "frog@example.com" },
  created_at: 1_731_699_149,
  modified_at: 1_731_699_149,
};

test("the canonical form of a canonical form is itself, and so is what is sent for it", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const once = canonicalDesired(wire);

      expect(canonicalDesired(once)).toEqual(once);
      expect(canonicalDesired(toWire(once))).toEqual(once);
    }),
  );
});

test("an SLO comes back equal, whatever Datadog fills in", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);

      expect(fieldChanges(wanted, canonicalObserved(stored(toWire(wanted)), wanted))).toEqual([]);
    }),
  );
});

test("the order of tags, thresholds, monitors and groups means nothing", () => {
  const reversed = (list: unknown) => (Array.isArray(list) ? list.toReversed() : list);
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      // The first threshold is the one that is shown, so it has to be named before the order changes.
      const { timeframe } = canonicalDesired(wire);
      const sets = ["tags", "thresholds", "monitor_ids", "groups"] as const;
      const other = {
        ...wire,
        timeframe,
        ...Object.fromEntries(sets.map((set) => [set, reversed(wire[set])])),
      };

      expect(canonicalDesired(other)).toEqual(canonicalDesired(wire));
    }),
  );
});

const metric: Json = {
  type: "metric",
  name: "n",
  thresholds: [{ timeframe: "7d", target: 99 }],
};

test.for<[what: string, formulas: Json, query: Json]>([
  [
    "good and all",
    { good_events_formula: { formula: "q1 - q2" }, total_events_formula: { formula: "q1" } },
    {
      numerator: "sum:a.hits{*}.as_count() - sum:a.errors{*}.as_count()",
      denominator: "sum:a.hits{*}.as_count()",
    },
  ],
  [
    "good and bad",
    { good_events_formula: { formula: "q1" }, bad_events_formula: { formula: "q2" } },
    {
      numerator: "sum:a.hits{*}.as_count()",
      denominator: "(sum:a.hits{*}.as_count()) + (sum:a.errors{*}.as_count())",
    },
  ],
])("a wish by specification of %s events is the same as one by query", ([_what, formulas, query]) => {
  const bySpecification = canonicalDesired({ ...metric, sli_specification: count(formulas) });
  const byQuery = canonicalDesired({ ...metric, query });

  expect(bySpecification).toEqual(byQuery);
});

test.for<[what: string, specification: Json]>([
  [
    "a query that isn't there",
    count({ good_events_formula: { formula: "q3" }, total_events_formula: { formula: "q1" } }),
  ],
  ["no bad and no total events", count({ good_events_formula: { formula: "q1" } })],
  [
    "another source of data",
    {
      count: {
        good_events_formula: { formula: "q" },
        queries: [{ data_source: "logs", name: "q", query: "x" }],
      },
    },
  ],
])("a specification with %s is kept and compared as it is", ([_what, specification]) => {
  const wanted = canonicalDesired({ ...metric, sli_specification: specification });
  const answer = { ...metric, query: { numerator: "x", denominator: "y" }, sli_specification: specification };

  expect(toWire(wanted)["sli_specification"]).toEqual(specification);
  expect(fieldChanges(wanted, canonicalObserved(answer, wanted))).toEqual([]);
});

test("monitors are numbers on the wire, and equal in whatever order their tokens were replaced", () => {
  const tokens = ["${monitors:ray/a}", "${monitors:ray/b}"];
  const wished = canonicalDesired({ ...metric, type: "monitor", monitor_ids: tokens });
  const bound: SloBody = { ...wished, monitor_ids: ["900", "120"] };
  const answer = { ...metric, type: "monitor", monitor_ids: [120, 900] };

  expect(wished.monitor_ids).toEqual(tokens);
  expect(toWire(bound)["monitor_ids"]).toEqual([900, 120]);
  expect(fieldChanges(bound, canonicalObserved(answer, bound))).toEqual([]);
  expect(
    fieldChanges(bound, canonicalObserved({ ...answer, monitor_ids: [120] }, bound)).map(
      (change) => change.found,
    ),
  ).toEqual([["120"]]);
});

test("the timeframe that is shown is that of the first threshold unless the wish says another", () => {
  const thresholds = [
    { timeframe: "30d", target: 99, warning: 99.5 },
    { timeframe: "7d", target: 98 },
  ];

  expect(canonicalDesired({ ...metric, thresholds })).toMatchObject({
    thresholds: [{ timeframe: "7d" }, { timeframe: "30d" }],
    timeframe: "30d",
    target_threshold: 99,
    warning_threshold: 99.5,
  });
  expect(canonicalDesired({ ...metric, thresholds, timeframe: "7d" })).toMatchObject({
    timeframe: "7d",
    target_threshold: 98,
  });
});

test("a field that nobody knows is kept and sent; one that Datadog adds one day counts only if the wish sets it", () => {
  const wished = canonicalDesired({ ...metric, future_field: 1 });
  const plain = canonicalDesired(metric);
  const answer = { ...metric, future_field: 2 };

  expect(toWire(wished)).toMatchObject({ future_field: 1 });
  expect(fieldChanges(wished, canonicalObserved(answer, wished))).toEqual([
    { path: "future_field", wanted: 1, found: 2 },
  ]);
  expect(fieldChanges(plain, canonicalObserved(answer, plain))).toEqual([]);
});

test("a tag that a person adds or takes away is a difference, whatever its case", () => {
  const wanted = canonicalDesired({ ...metric, tags: ["Team:A", "env:prod"] });

  const found = (tags: readonly string[]) =>
    fieldChanges(wanted, canonicalObserved({ ...metric, tags }, wanted)).map((change) => change.found);

  expect(found(["team:a", "env:prod"])).toEqual([]);
  expect(found(["team:a", "env:prod", "Tier:1"])).toEqual([["Team:A", "Tier:1", "env:prod"]]);
  expect(found(["env:prod"])).toEqual([["env:prod"]]);
});
