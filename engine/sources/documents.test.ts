import * as fc from "fast-check";
import { expect, test } from "vitest";

import { foldDocuments, viewOf, type DocumentsView } from "./documents.ts";

interface Key {
  readonly text: string;
  readonly index: number;
}

/** An answer as Consul writes it: sorted, in this order of fields. */
function answer(keys: Readonly<Record<string, Key>>): Buffer {
  const entries = Object.entries(keys)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { text, index }]) => ({
      LockIndex: 0,
      Key: `observability/${name}`,
      Flags: 0,
      Value: text === "" ? null : Buffer.from(text).toString("base64"),
      CreateIndex: 1,
      ModifyIndex: index,
    }));
  return Buffer.from(JSON.stringify(entries));
}

function fold(previous: DocumentsView, keys: Readonly<Record<string, Key>>): DocumentsView {
  return foldDocuments(previous, answer(keys), "observability/");
}

const EMPTY = viewOf(new Map());
const key = (text: string, index = 1): Key => ({ text, index });

test("follows any series of answers as if it had parsed each of them", () => {
  const names = fc.oneof(
    fc.constantFrom("a", "b", "ab", "_m/x", ".keep", "not/one", 'q"},{', '},{"LockIndex":', "ü", "😀", "zz"),
    fc.string({ minLength: 1, maxLength: 4 }),
  );
  const keys = fc.record({
    text: fc.constantFrom("", "1", "2", '},{"LockIndex":'),
    index: fc.integer({ min: 1, max: 120 }),
  });
  const answers = fc.array(fc.dictionary(names, keys, { minKeys: 1, maxKeys: 8, noNullPrototype: true }), {
    minLength: 1,
    maxLength: 6,
  });

  fc.assert(
    fc.property(answers, (series) => {
      let view = EMPTY;
      for (const one of series) view = fold(view, one);

      const last = fold(EMPTY, series.at(-1) ?? {});
      expect(new Map(view.documents)).toEqual(new Map(last.documents));
      expect(view.hasSentinel).toBe(last.hasSentinel);
    }),
    { numRuns: 500 },
  );
});

test("keeps the objects of what did not change, among thousands", () => {
  const many = Object.fromEntries(
    Array.from({ length: 3_000 }, (_, at) => [`s${at}`, key("x".repeat(at % 90), at + 1)]),
  );
  const before = fold(EMPTY, many);

  const after = fold(before, {
    ...many,
    s7: key("changed", 9_000),
    s2999: key("changed", 9_001),
    new: key("", 9_002),
  });
  const same = fold(after, {
    ...many,
    s7: key("changed", 9_000),
    s2999: key("changed", 9_001),
    new: key("", 9_002),
  });

  const changed = [...after.documents.keys()].filter(
    (name) => after.documents.get(name) !== before.documents.get(name),
  );
  expect(changed.toSorted()).toEqual(["new", "s2999", "s7"]);
  expect(after.documents.get("s7")).toEqual({ name: "s7", text: "changed", generation: 9_000 });
  expect(same.documents).toBe(after.documents);
});

test("sees that the sentinel has gone and come back", () => {
  const first = fold(EMPTY, { ".keep": key(""), a: key("1") });
  const second = fold(first, { a: key("1") });
  const third = fold(second, { ".keep": key(""), a: key("1") });

  expect([first, second, third].map(({ hasSentinel }) => hasSentinel)).toEqual([true, false, true]);
  expect(third.documents).toBe(first.documents);
});

test("reads an answer of another form as a whole", () => {
  const before = fold(EMPTY, { a: key("1") });
  const other = Buffer.from('[ {"Key":"observability/a","LockIndex":0,"Value":"Mg==","ModifyIndex":5} ]');

  const after = foldDocuments(before, other, "observability/");

  expect([...after.documents.values()]).toEqual([{ name: "a", text: "2", generation: 5 }]);
});

test("refuses what is no list of keys", () => {
  expect(() => foldDocuments(EMPTY, Buffer.from("{}"), "observability/")).toThrow("no list of keys");
  expect(() => foldDocuments(EMPTY, Buffer.from("<html>"), "observability/")).toThrow("JSON");
});
