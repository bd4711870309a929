import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";

import { layered, readLayers } from "./layers.ts";

const SCHEMA = z.record(
  z.string(),
  z.union([z.number(), z.array(z.number()), z.record(z.string(), z.number())]),
);

function put(...texts: readonly string[]) {
  return layered(texts.map((text, at) => ({ owner: `layer-${at}.yaml`, text })));
}

function valueOf(...texts: readonly string[]): unknown {
  const whole = put(...texts);
  if (!whole.ok) throw new Error(whole.problems.map(({ message }) => message).join("; "));
  return whole.value.value;
}

/** What is wrong, as `owner:line: message`. */
function wrong(...texts: readonly string[]): readonly string[] {
  const whole = put(...texts);
  const read = whole.ok ? readLayers(whole.value, SCHEMA) : whole;
  if (read.ok) return [];
  return read.problems.map(({ owner, at, message }) => `${owner}:${at?.line ?? "?"}: ${message}`);
}

test.for([
  ["a mapping is joined", ["a: {x: 1, y: 2}", "a: {y: 3, z: 4}"], { a: { x: 1, y: 3, z: 4 } }],
  ["a list is replaced", ["a: [1, 2, 3]", "a: [4]"], { a: [4] }],
  ["a value takes the place of a mapping", ["a: {x: 1}", "a: 1"], { a: 1 }],
  ["a mapping takes the place of a value", ["a: 1", "a: {x: 1}"], { a: { x: 1 } }],
  ["null removes a key", ["a: 1\nb: {x: 1, y: 2}", "a: null\nb: {x: null}"], { b: { y: 2 } }],
  ["the last of three wins", ["a: 1\nb: 1", "a: 2", "a: 3"], { a: 3, b: 1 }],
  ["what was removed can come back", ["a: {x: 1}", "a: null", "a: {y: 1}"], { a: { y: 1 } }],
  ["an empty text changes nothing", ["a: 1", "", "# nothing\n"], { a: 1 }],
] as const)("%s", ([, texts, value]) => {
  expect(valueOf(...texts)).toEqual(value);
});

test("a problem belongs to the uppermost text that says most of its path", () => {
  expect(wrong("a: {x: 1}\nb: {x: one}", "a: {x: 2}")).toEqual([
    'layer-0.yaml:2: b.x must be a number, not "one"',
  ]);
  expect(wrong("a: {x: 1}\nb: {x: one}", "b:\n  x: two")).toEqual([
    'layer-1.yaml:2: b.x must be a number, not "two"',
  ]);
  expect(wrong("a.b: {x: one}", "a: {b: 1}")).toEqual(['layer-0.yaml:1: a.b.x must be a number, not "one"']);
});

test("removing what isn't there is a slip", () => {
  expect(wrong("pressure: 1", "\npresure: null")).toEqual([
    "layer-1.yaml:2: presure removes what isn't there; did you mean pressure?",
  ]);
});

test("a text that can't be read is told of with its own place", () => {
  expect(wrong("a: 1", "b: [")[0]).toMatch(/^layer-1\.yaml:1: /);
});

const document = fc.dictionary(
  fc.stringMatching(/^[a-d]$/),
  fc.oneof(
    fc.nat(3),
    fc.array(fc.nat(3), { maxLength: 2 }),
    fc.dictionary(fc.stringMatching(/^[a-d]$/), fc.nat(3)),
  ),
);

test("a document over itself, and over nothing, is itself", () => {
  fc.assert(
    fc.property(document, (one) => {
      const text = JSON.stringify(one);

      expect(valueOf(text, text)).toEqual(one);
      expect(valueOf("", text)).toEqual(one);
      expect(valueOf(text, "")).toEqual(one);
    }),
  );
});

test("what the upper document says holds, and what only the lower one says stays", () => {
  fc.assert(
    fc.property(document, document, (lower, upper) => {
      const joined = valueOf(JSON.stringify(lower), JSON.stringify(upper));

      expect(joined).toMatchObject(upper);
      for (const [name, value] of Object.entries(lower))
        if (!Object.hasOwn(upper, name)) expect(joined).toMatchObject({ [name]: value });
    }),
  );
});
