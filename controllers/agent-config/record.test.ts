import { expect, test } from "vitest";

import { parseManifest, renderManifest, type FileRecord } from "./record.ts";

const RECORD: FileRecord = {
  service: "ray",
  check: "ray",
  hash: "a",
  applied: "b",
  retain: true,
  writtenAt: 1,
  loaded: true,
  before: { "ray:1": 4 },
  complaintsBefore: ["no\nsuch"],
  good: { hash: "a", ids: ["ray:1"] },
  rejected: { applied: "c", text: "x: 1\n", reason: "because", at: 2 },
};

test.for([0, 1, 2])("reads back a manifest of %i files", (count) => {
  const files = new Map(Array.from({ length: count }, (_, at) => [`ray.d/${at}"é.yaml`, RECORD]));

  expect(parseManifest(renderManifest({ reloadedAt: 7, files }, "dc1"), "dc1")).toEqual({
    reloadedAt: 7,
    files,
  });
});

test.for<[what: string, text: string | undefined]>([
  ["absent", undefined],
  ["empty", ""],
  ["cut off", renderManifest({ reloadedAt: 7, files: new Map([["a", RECORD]]) }, "dc1").slice(0, -9)],
  ["something else", "[]"],
  ["of another version", '{"version":9,"clusterId":"dc1","files":{}}'],
  ["of another cluster", renderManifest({ reloadedAt: 7, files: new Map([["a", RECORD]]) }, "dc2")],
])("remembers nothing from a manifest that is %s", ([, text]) => {
  expect(parseManifest(text, "dc1").files.size).toBe(0);
});

test("keeps the records that can be read when others cannot", () => {
  const text = `{"version":1,"clusterId":"dc1","files":{"a":${JSON.stringify(RECORD)},"b":{"service":1}}}`;

  expect([...parseManifest(text, "dc1").files.keys()]).toEqual(["a"]);
});
