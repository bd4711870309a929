import { expect, test } from "vitest";

import { keyOf, type Action } from "../plan/plan.ts";
import { batchesOf } from "./batches.ts";

const NO_RANK = {};

function action(type: Action<string>["type"], key: string, body = ""): Action<string> {
  const owner = key.split("/")[0]!;
  const desired = { key, owner, body, drift: "correct", retain: false } as const;
  const observed = { key, owner, body, ref: key, retain: false };
  if (type === "create") return { type, desired };
  return type === "delete" ? { type, observed } : { type, desired, observed, drifted: false, changes: [] };
}

function order(batches: ReturnType<typeof batchesOf<string>>): readonly (readonly string[])[] {
  return batches.map((batch) => batch.map((one) => `${one.type} ${keyOf(one)}`));
}

test("creates come before updates, and deletes last", () => {
  const actions = [action("delete", "a/x"), action("update", "b/x"), action("create", "c/x")];

  expect(order(batchesOf(actions, new Map(), NO_RANK))).toEqual([
    ["create c/x"],
    ["update b/x"],
    ["delete a/x"],
  ]);
});

test("what uses another object is deleted before it", () => {
  const actions = [action("delete", "a/part", "part"), action("delete", "b/whole", "whole")];
  const target = { deleteRank: (body: string) => (body === "whole" ? 0 : 1) };

  expect(order(batchesOf(actions, new Map(), target))).toEqual([["delete b/whole"], ["delete a/part"]]);
});

test("whoever changed last comes first with everything, however much the others have to make", () => {
  const actions = [
    action("create", "flood/x"),
    action("create", "early/x"),
    action("update", "late/x"),
    action("delete", "late/y"),
    action("update", "nobody/x"),
  ];
  const urgent = new Map([
    ["flood", 1],
    ["early", 2],
    ["late", 3],
  ]);

  expect(order(batchesOf(actions, urgent, NO_RANK))).toEqual([
    ["update late/x"],
    ["delete late/y"],
    ["create early/x"],
    ["create flood/x"],
    ["update nobody/x"],
  ]);
});

test("of very many creates a window's worth is noted and made at a time", () => {
  const actions = Array.from({ length: 1_200 }, (_, at) => action("create", `s${at}/x`));

  const batches = batchesOf(actions, new Map(), NO_RANK);

  expect(batches.map(({ length }) => length)).toEqual([500, 500, 200]);
  expect(batches.flat()).toEqual(actions);
});
