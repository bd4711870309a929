import * as fc from "fast-check";
import { expect, test } from "vitest";

import { fillIn, fillInText, placeholdersIn } from "./pack.ts";

test("a text that is one placeholder takes the variable's own type", () => {
  const filled = fillIn(
    { tags: "${tags}", port: "${port}", on: "${on}" },
    { tags: ["a:b"], port: 8080, on: false },
  );

  expect(filled).toEqual({ tags: ["a:b"], port: 8080, on: false });
});

test("a placeholder inside a text becomes text", () => {
  expect(fillIn({ url: "http://${host}:${port}/" }, { host: "a", port: 1 })).toEqual({ url: "http://a:1/" });
  expect(fillInText("${a}-${list}-${none}", { a: true, list: [1], none: undefined })).toBe("true-[1]-");
});

test("a key or an entry whose variable is undefined is left out", () => {
  expect(fillIn({ a: "${x}", b: ["${x}", "y"], c: { d: "${x}" } }, { x: undefined })).toEqual({
    b: ["y"],
    c: {},
  });
});

test("a placeholder without a variable is a mistake of the pack", () => {
  expect(() => fillIn("${hots}", { host: "a" })).toThrow("${hots} stands for nothing here; there are host");
  expect(() => fillInText("x ${toString}", {})).toThrow("${toString} stands for nothing here");
});

test("what is filled in is never filled in again", () => {
  expect(fillIn({ a: "${x}", b: "is ${x}" }, { x: "${y}", y: "secret" })).toEqual({
    a: "${y}",
    b: "is ${y}",
  });
});

test("a value without placeholders stays as it is", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      fc.pre(!JSON.stringify(value).includes("${") && !JSON.stringify(value).includes("__proto__"));

      expect(fillIn(value, {})).toEqual(value);
    }),
  );
});

test("finds the placeholders of a text", () => {
  expect(placeholdersIn("{{value}} ${a} $b ${option.c} ${{d}}")).toEqual(["a", "option.c"]);
});
