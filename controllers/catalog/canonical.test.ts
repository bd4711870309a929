import * as fc from "fast-check";
import { expect, test } from "vitest";

import { fieldChanges } from "../../engine/plan/plan.ts";
import { hasRecordings, recordings } from "../../test/recordings.ts";
import { singleChanges } from "../../test/single-changes.ts";
import type { Json } from "../monitors/canonical.ts";
import { canonicalDesired, canonicalObserved, toWire, type EntityBody } from "./canonical.ts";

const texts = fc.array(fc.constantFrom("b:1", "a:2", "c:3", "a:2"));
const wireArbitrary: fc.Arbitrary<Json> = fc.record(
  {
    apiVersion: fc.constant("v3"),
    kind: fc.constantFrom("service", "datastore"),
    metadata: fc.record(
      {
        name: fc.constantFrom("ray", "consul"),
        namespace: fc.constantFrom("default", "ml"),
        displayName: fc.constantFrom("", "Ray"),
        owner: fc.constantFrom("ml", null),
        tags: texts,
        links: fc.constantFrom(
          [],
          [
            { name: "b", type: "doc", url: "https://b.example" },
            { name: "a", type: "repo", provider: "", url: "https://a.example" },
          ],
        ),
        contacts: fc.constantFrom([], [{ type: "slack", contact: "https://slack.example" }]),
      },
      { requiredKeys: ["name"] },
    ),
    spec: fc.constantFrom(
      {},
      { dependsOn: [], languages: [] },
      { tier: "1", dependsOn: ["service:b", "service:a"] },
    ),
    datadog: fc.constantFrom(
      { events: [{}], codeLocations: [{ paths: [] }] },
      { pipelines: { fingerprints: ["f"] } },
    ),
    extensions: fc.constantFrom({}, { "example.com/x": { empty: "", list: [] } }),
  },
  { requiredKeys: ["apiVersion", "kind", "metadata"] },
);

/** What Datadog makes of an upsert: a namespace, its own fields, and empty texts where fields are missing. */
function stored(wire: Json): Json {
  const metadata = wire["metadata"] as Json;
  const { tags } = metadata;
  const datadog = wire["datadog"] as Json | undefined;
  return {
    ...wire,
    metadata: {
      namespace: "default",
      ...metadata,
      ...(Array.isArray(tags) ? { tags: tags.toReversed() } : {}),
      managed: { ingestionSource: "api", createdAt: "2024-08-27T19:23:58Z" },
    },
    ...(datadog === undefined ? {} : { datadog: { logs: [{ name: "", query: "" }], ...datadog } }),
  };
}

function paths(wanted: EntityBody, found: EntityBody): readonly string[] {
  return fieldChanges(wanted, found).map((change) => change.path);
}

test("the canonical form of a canonical form is itself", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const once = canonicalDesired(wire);

      expect(canonicalDesired(toWire(once))).toEqual(once);
    }),
  );
});

test("an entity comes back equal, whatever Datadog fills in and in whatever order", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);

      expect(paths(wanted, canonicalObserved(stored(wire)))).toEqual([]);
      expect(paths(wanted, canonicalObserved(stored(toWire(wanted))))).toEqual([]);
    }),
  );
});

/** Paths of extensions have dots of their own. */
test("each change is exactly that difference, from either side", () => {
  fc.assert(
    fc.property(wireArbitrary, (wire) => {
      const wanted = canonicalDesired(wire);
      for (const { path, body } of singleChanges(wanted)) {
        expect(paths(wanted, canonicalObserved(stored(toWire(body))))).toEqual([path]);
        expect(paths(body, canonicalObserved(stored(toWire(wanted))))).toEqual([path]);
      }
    }),
  );
});

test("a field that the wish doesn't have and a person adds is a difference", () => {
  const wanted = canonicalDesired({ apiVersion: "v3", kind: "service", metadata: { name: "ray" } });
  const edited = {
    ...stored(toWire(wanted)),
    integrations: { pagerduty: { serviceURL: "https://p.example" } },
  };

  expect(paths(wanted, canonicalObserved(edited))).toEqual(["integrations"]);
});

const writes = hasRecordings
  ? recordings(/^\/api\/v2\/catalog\/entity$/).filter((one) => one.method === "POST" && one.status === 202)
  : [];

function answered({ answer }: (typeof writes)[number]): Json {
  const [included] = answer["included"] as readonly { attributes: { schema: Json } }[];
  return included!.attributes.schema;
}

/** Every one of the 5 recorded comes back equal. */
test.skipIf(!hasRecordings)("every recorded upsert comes back without a difference", () => {
  const differences = writes.flatMap((one) =>
    fieldChanges(canonicalDesired(one.body), canonicalObserved(answered(one))),
  );

  expect(differences).toEqual([]);
  expect(writes).toHaveLength(5);
});

test.skipIf(!hasRecordings)("each change of a recorded entity is exactly that difference", () => {
  for (const one of writes) {
    const wanted = canonicalDesired(one.body);
    for (const { path, body } of singleChanges(wanted)) {
      expect(paths(body, canonicalObserved(answered(one)))).toEqual([path]);
      expect(paths(wanted, canonicalObserved(stored(toWire(body))))).toEqual([path]);
    }
  }
});
