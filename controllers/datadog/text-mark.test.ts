import * as fc from "fast-check";
import { expect, test } from "vitest";

import { markLine, readTextMark, withMark, withoutMark } from "./text-mark.ts";

const mark = { clusterId: "dc1", key: "ray/overview", retain: false };

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const markArbitrary = fc.record({
  clusterId: name,
  key: fc.oneof(
    fc.tuple(name, name).map(([service, object]) => `${service}/${object}`),
    name.map((object) => `_dashboards/${object}`),
  ),
  retain: fc.boolean(),
});
/** What people write: any lines, none of which is a mark. */
const prose = fc
  .array(fc.oneof(fc.string(), fc.constantFrom("", "## Ray", "owner=dc1 key=ray/a", "see https://x/y")))
  .map((lines) => lines.join("\n"));
const ends = fc.stringMatching(/^[ \t\r\n]{0,4}$/);

test("a mark is read as it was written, whatever people write above it and however the ends are trimmed", () => {
  fc.assert(
    fc.property(markArbitrary, prose, ends, ends, (written, text, before, after) => {
      const marked = withMark(text, written);
      const { key, retain } = written;

      expect(readTextMark(`${before}${marked}${after}`, written.clusterId)).toEqual({ key, retain });
      expect(readTextMark(marked.trim(), written.clusterId)).toEqual({ key, retain });
      expect(readTextMark(`An edit\n${marked}`, written.clusterId)).toEqual({ key, retain });
      expect(readTextMark(marked.replaceAll("\n", "\r\n"), written.clusterId)).toEqual({ key, retain });
    }),
  );
});

test("people's words come back from a marked text, and a new mark takes the place of the old one", () => {
  fc.assert(
    fc.property(markArbitrary, markArbitrary, prose, (first, second, text) => {
      const marked = withMark(text, first);

      expect(withoutMark(marked)).toBe(text.trim());
      expect(withMark(marked, second)).toBe(withMark(text, second));
      expect(marked.endsWith(markLine(first))).toBe(true);
    }),
  );
});

test("another cluster's mark is not ours", () => {
  fc.assert(
    fc.property(markArbitrary, name, prose, (written, other, text) => {
      fc.pre(other.toLowerCase() !== written.clusterId.toLowerCase());

      expect(readTextMark(withMark(text, written), other)).toBeUndefined();
    }),
  );
});

test("two marks are nobody's", () => {
  fc.assert(
    fc.property(markArbitrary, markArbitrary, prose, (first, second, text) => {
      const both = `${markLine(first)}\n${withMark(text, second).replace(markLine(second), "")}\n${markLine(second)}`;

      expect(readTextMark(both, first.clusterId)).toBeUndefined();
      expect(readTextMark(both, second.clusterId)).toBeUndefined();
    }),
  );
});

test("the object stays ours when somebody writes below the mark", () => {
  expect(readTextMark(`${withMark("Ray", mark)}\nthanks!`, "dc1")).toEqual({
    key: "ray/overview",
    retain: false,
  });
});

test("the line says in plain words who keeps the object", () => {
  expect(markLine({ ...mark, clusterId: "DC1" })).toBe("Managed by dd-observe: owner=dc1 key=ray/overview");
  expect(markLine({ ...mark, retain: true })).toBe(
    "Managed by dd-observe: owner=dc1 key=ray/overview deletion=retain",
  );
});

test.for<[what: string, text: string]>([
  ["no mark", "A dashboard"],
  ["nothing", ""],
  ["a mark within a sentence", `It says "${markLine(mark)}"`],
  ["a mark without a key", "Managed by dd-observe: owner=dc1"],
  ["a mark with more than we write", `${markLine(mark)} and by me`],
  ["a spoilt mark beside a good one", `Managed by dd-observe: by hand\n${markLine(mark)}`],
])("a text with %s is not ours", ([_what, text]) => {
  expect(readTextMark(text, "dc1")).toBeUndefined();
});
