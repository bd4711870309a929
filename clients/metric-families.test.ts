import fc from "fast-check";
import { expect, test } from "vitest";

import { FamilyReader } from "./metric-families.ts";

function read(...pieces: readonly string[]): readonly string[] {
  const reader = new FamilyReader();
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return [...reader.names];
}

const TEXT = `# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{code="200",path="/a b"} 3
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 1
latency_seconds_sum 0.05
latency_seconds_count 1
go_goroutines 7
odd{name="# TYPE trap gauge"} NaN
`;

test("names families by their type, and a sample without one by its own name", () => {
  expect(read(TEXT)).toEqual(["http_requests_total", "latency_seconds", "go_goroutines", "odd"]);
});

test("where a piece ends makes no difference", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(TEXT.length)), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), TEXT.length];
      const pieces = at.slice(1).map((end, index) => TEXT.slice(at[index], end));

      expect(read(...pieces)).toEqual(read(TEXT));
    }),
  );
});

test.for([
  ["a page", "<!doctype html>\n<html><body>up 1</body></html>\n"],
  ["JSON", '{"status": "OK", "value": 1}\n'],
  ["a text", "Not found\n404 page 1\n"],
  ["nothing", ""],
])("finds no family in %s", ([, text]) => {
  expect(read(text!)).toEqual([]);
});

test("keeps the beginning of a line that has no end, and goes on after it", () => {
  expect(read(`long{label="${"x".repeat(1_000_000)}`, `"} 1\nnext 2\n`)).toEqual(["long", "next"]);
});

test("stops counting at some number of families", () => {
  const text = Array.from({ length: 30_000 }, (_, at) => `m${at} 1\n`).join("");

  expect(read(text)).toHaveLength(20_000);
});
