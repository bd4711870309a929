import * as fc from "fast-check";
import { expect, test } from "vitest";

import { markTags } from "../datadog/mark.ts";
import { storedTag } from "./canonical.ts";
import { canBeMarked, readSloMark, sloKeyTag, sloMarkTags, sloOwnerTag } from "./mark.ts";

const slug = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$/);
const key = fc.oneof(
  fc.tuple(slug, slug).map((parts) => parts.join("/")),
  slug.map((name) => `_slos/${name}`),
);

test("what Datadog stores of a mark names the same key, retained or not, whatever the cluster's name", () => {
  fc.assert(
    fc.property(key, slug, fc.boolean(), (name, clusterId, retain) => {
      const stored = sloMarkTags({ clusterId, key: name, retain }).map(storedTag);

      expect(readSloMark(stored, clusterId)).toEqual({ key: name, retain });
      expect(stored).toContain(sloOwnerTag(clusterId));
      expect(stored).toContain(sloKeyTag(name));
      expect(canBeMarked(name)).toBe(true);
    }),
  );
});

test("two keys never have one mark, though Datadog knows no capitals", () => {
  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(storedTag(sloKeyTag(a)) === storedTag(sloKeyTag(b))).toBe(a === b);
    }),
  );
});

test("is the mark of every other kind where the key has no capitals", () => {
  const mark = { clusterId: "dc1", key: "ray/a.b-c_d", retain: true };

  expect(sloMarkTags(mark)).toEqual(markTags(mark));
});

test("is no mark of ours if it names another cluster", () => {
  const stored = sloMarkTags({ clusterId: "dc2", key: "ray/a", retain: false });

  expect(readSloMark(stored, "dc1")).toBeUndefined();
});
