import * as fc from "fast-check";
import { expect, test } from "vitest";

import { markTags, readMark } from "./mark.ts";

const mark = { clusterId: "dc1", key: "ray/a", retain: false };

test("a mark is read as it was written, whatever other tags there are", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
  fc.assert(
    fc.property(
      name,
      name,
      name,
      fc.boolean(),
      fc.array(name),
      (clusterId, service, object, retain, others) => {
        const key = `${service}/${object}`;
        const tags = [...others, ...markTags({ clusterId, key, retain })].toReversed();

        expect(readMark(tags, clusterId)).toEqual({ key, retain });
      },
    ),
  );
});

test.for<[what: string, tags: readonly string[]]>([
  ["no mark", ["team:a"]],
  ["another operator's mark", markTags({ ...mark, clusterId: "dc2" })],
  ["two operators' marks", [...markTags(mark), "dd-observe-owner:dc2"]],
  ["another tool's mark", [...markTags(mark), "managed-by:terraform"]],
  ["two keys", [...markTags(mark), "dd-observe-key:ray/b"]],
  ["no key", markTags(mark).filter((tag) => !tag.startsWith("dd-observe-key:"))],
  ["only the key", ["dd-observe-key:ray/a"]],
])("an object with %s is not ours", ([_what, tags]) => {
  expect(readMark(tags, "dc1")).toBeUndefined();
});

test("reads its own mark whatever Datadog did to the case of the cluster", () => {
  const tags = markTags({ ...mark, clusterId: "DC1" });

  expect(readMark(tags, "DC1")).toEqual({ key: "ray/a", retain: false });
  expect(readMark(tags, "dc1")).toEqual({ key: "ray/a", retain: false });
});
