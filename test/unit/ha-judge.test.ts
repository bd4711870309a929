import { expect, test } from "vitest";

import { spread, wrongIn, type TermOf } from "../ha/judge.ts";
import type { WitnessedWrite } from "../ha/witness.ts";

/** A write by `writer` from one moment to another. */
function write(writer: string, cameAt: number, doneAt: number | undefined = cameAt + 5): WitnessedWrite {
  return { writer, what: "PUT /x", cameAt, doneAt };
}

const TERMS: readonly TermOf[] = [
  { writer: "b", epoch: 20 },
  { writer: "a", epoch: 10 },
];

test("nothing is wrong when one writes after the other", () => {
  expect(wrongIn([write("a", 0), write("a", 2), write("b", 8)], TERMS, 100)).toEqual([]);
});

test("a write that comes while another process's is under way is wrong", () => {
  const wrong = wrongIn([write("a", 0, 50), write("a", 10, 20), write("b", 40)], TERMS, 100);

  expect(wrong).toEqual(['"PUT /x" of b came 10 ms before "PUT /x" of a was done']);
});

test("a write that never ended is under way to the end", () => {
  expect(wrongIn([{ ...write("a", 0), doneAt: undefined }, write("b", 40)], TERMS, 100)).toHaveLength(1);
});

test("a write after another's turn is wrong unless a later term allows it", () => {
  const writes = [write("a", 0), write("b", 10), write("a", 20), write("b", 30)];

  expect(wrongIn(writes, TERMS, 100)).toEqual(['"PUT /x" of a came after the term of a was over']);
  const again = [
    { writer: "a", epoch: 30 },
    { writer: "b", epoch: 40 },
  ];
  expect(wrongIn(writes, [...TERMS, ...again], 100)).toEqual([]);
});

test("a write by whoever never led is wrong", () => {
  expect(wrongIn([write("c", 0)], TERMS, 100)).toHaveLength(1);
});

test("tells the middle and the highest of some values", () => {
  expect(spread([])).toBeUndefined();
  expect(spread([7])).toEqual({ count: 1, p50: 7, max: 7 });
  expect(spread([3, 1, 2, 100])).toEqual({ count: 4, p50: 2, max: 100 });
});
