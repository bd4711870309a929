import * as fc from "fast-check";
import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { singleChanges } from "../../test/single-changes.ts";
import type { Json } from "../monitors/canonical.ts";
import { canonicalDesired, canonicalObserved, toPatch, toWire } from "./canonical.ts";

const wireArbitrary: fc.Arbitrary<Json> = fc.record({
  type: fc.constant("manage_tags"),
  id: fc.constantFrom("ray.queue", "app.latency"),
  attributes: fc.record(
    {
      metric_type: fc.constantFrom("gauge", "count", "rate", "distribution"),
      tags: fc.array(fc.constantFrom("env", "host", " env ", "", "service")),
      exclude_tags_mode: fc.constantFrom(true, false, null),
      include_percentiles: fc.constantFrom(true, false, null),
      aggregations: fc.constant([{ time: "avg", space: "avg" }]),
    },
    { requiredKeys: [] },
  ),
});

/** What Datadog makes of a create: tags in another order, its own fields filled in. */
function stored(wire: Json): Json {
  const sent = wire["attributes"] as Json;
  const isDistribution = sent["metric_type"] === "distribution";
  return {
    type: "manage_tags",
    id: wire["id"],
    attributes: {
      ...(isDistribution
        ? { include_percentiles: false }
        : { aggregations: [{ time: "sum", space: "sum" }] }),
      ...sent,
      tags: [...(sent["tags"] as string[])].toReversed(),
      created_at: "2026-01-16T21:16:58.388469+00:00",
      modified_at: "2026-01-16T21:16:58.388469+00:00",
    },
  };
}

test("the canonical form of a canonical form is itself", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const once = canonicalDesired(wire);

      expect(canonicalObserved(toWire(once), once)).toEqual(once);
      if (once.metric_type !== undefined) expect(canonicalDesired(toWire(once))).toEqual(once);
    }),
  );
});

test("a configuration comes back equal, whatever Datadog fills in and in whatever order", () => {
  fc.assert(
    fc.property(wireArbitrary, fc.constantFrom("gauge", "count", "distribution"), (wire, known) => {
      const wanted = canonicalDesired(wire);

      expect(fieldChanges(wanted, canonicalObserved(stored(toWire(wanted, known)), wanted))).toEqual([]);
    }),
  );
});

test("each change is exactly that difference, from either side", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);
      for (const { path, body } of singleChanges(wanted)) {
        const edited = canonicalObserved(stored(toWire(body)), wanted);
        const kept = canonicalObserved(stored(toWire(wanted)), body);

        expect(fieldChanges(wanted, edited).map((change) => change.path)).toEqual([path]);
        expect(fieldChanges(body, kept).map((change) => change.path)).toEqual([path]);
      }
    }),
  );
});

test("percentiles are sent for distributions alone, and a type never to change one", () => {
  const gauge = canonicalDesired({ id: "a.b", attributes: { metric_type: "gauge", tags: ["env"] } });
  const distribution = canonicalDesired({ id: "a.b", attributes: { metric_type: "distribution", tags: [] } });

  expect(toWire(gauge)["attributes"]).toEqual({
    metric_type: "gauge",
    tags: ["env"],
    exclude_tags_mode: false,
  });
  expect(toPatch(gauge)["attributes"]).toEqual({ tags: ["env"], exclude_tags_mode: false });
  expect(toPatch(distribution)["attributes"]).toEqual({
    tags: [],
    exclude_tags_mode: false,
    include_percentiles: false,
  });
});

test("a type that the wish leaves out is the metric's own", () => {
  const wanted = canonicalDesired({ id: "a.b", attributes: { tags: ["env"] } });
  const answer = { id: "a.b", attributes: { metric_type: "rate", tags: ["env"] } };

  expect(fieldChanges(wanted, canonicalObserved(answer, wanted))).toEqual([]);
  expect(canonicalObserved(answer).metric_type).toBe("rate");
});

/** Every one of the 30 recorded comes back equal. */
test.skipIf(!hasRecordings)("every recorded create and update comes back without a difference", () => {
  const writes = recordings(/^\/api\/v2\/metrics\/[^/]+\/tags$/).filter((one) => one.status < 300);
  const differences = writes.flatMap((one) => {
    const sent = one.body["data"] as Json;
    const answer = one.answer["data"] as Json;
    // What an update leaves out stays as it is.
    const kept = one.method === "PATCH" ? (answer["attributes"] as Json) : {};
    const wanted = canonicalDesired({ ...sent, attributes: { ...kept, ...(sent["attributes"] as Json) } });
    return fieldChanges(wanted, canonicalObserved(answer, wanted));
  });

  expect(differences).toEqual([]);
  expect(writes).toHaveLength(30);
});

test.skipIf(!hasRecordings)("each change of a recorded configuration is exactly that difference", () => {
  for (const one of recordings(/^\/api\/v2\/metrics\/[^/]+\/tags$/).filter(({ status }) => status === 201)) {
    const answer = one.answer["data"] as Json;
    const wanted = canonicalDesired(one.body["data"] as Json);
    for (const { path, body } of singleChanges(wanted)) {
      expect(fieldChanges(body, canonicalObserved(answer, body)).map((change) => change.path)).toEqual([
        path,
      ]);
      const edited = canonicalObserved(stored(toWire(body)), wanted);
      expect(fieldChanges(wanted, edited).map((change) => change.path)).toEqual([path]);
    }
  }
});
