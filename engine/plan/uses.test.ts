import { describe, expect, test } from "vitest";

import type { Action, DesiredObject, ObservedObject, Plan } from "./plan.ts";
import { Binder, References } from "./references.ts";
import { reference } from "./tokens.ts";
import { awaitUsers, type Use } from "./uses.ts";

/** A body is the refs that an object uses, of its own controller. */
type Body = readonly string[];

function observed(key: string, ref: string, body: Body = []): ObservedObject<Body> {
  return { key, owner: "a", body, ref, retain: false };
}

function desired(key: string, body: Body): DesiredObject<Body> {
  return { key, owner: "a", body, drift: "correct", retain: false };
}

function update(have: ObservedObject<Body>, body: Body): Action<Body> {
  return { type: "update", desired: desired(have.key, body), observed: have, drifted: false, changes: [] };
}

function plan(...actions: readonly Action<Body>[]): Plan<Body> {
  return { actions, withheld: [], unchanged: 0 };
}

function ground(objects: readonly ObservedObject<Body>[], references?: References) {
  const uses = (body: Body): readonly Use[] => body.map((ref) => ({ controller: "parts", ref }));
  return {
    controller: { name: "parts", target: { uses } },
    references,
    observed: new Map(objects.map((object) => [object.key, object])),
  };
}

describe("a delete", () => {
  const part = observed("a/part", "1");
  const goes: Action<Body> = { type: "delete", observed: part };

  test("goes where nothing uses the object", () => {
    const wanted = plan(goes);

    expect(awaitUsers(wanted, ground([part, observed("a/other", "2", ["3"])]))).toBe(wanted);
  });

  test("waits for an object of its own controller that stays as it is", () => {
    const result = awaitUsers(plan(goes), ground([part, observed("a/whole", "2", ["1"])]));

    expect(result.actions).toEqual([]);
    expect(result.withheld).toMatchObject([
      { reason: "InUse", message: expect.stringMatching(/^a\/whole uses it/) },
    ]);
  });

  test("goes with what used it: deleted, or changed to use something else", () => {
    const whole = observed("a/whole", "2", ["1"]);
    const both = [part, whole];

    const deleted = awaitUsers(plan(goes, { type: "delete", observed: whole }), ground(both));
    const changed = awaitUsers(plan(update(whole, ["3"]), goes), ground(both));
    const kept = awaitUsers(plan(update(whole, ["3", "1"]), goes), ground(both));

    expect(deleted.actions).toHaveLength(2);
    expect(changed.actions).toHaveLength(2);
    expect(kept.actions.map(({ type }) => type)).toEqual(["update"]);
  });

  test("waits for another controller's object, until that is gone or uses something else", () => {
    const references = new References(["parts", "wholes"]);
    let uses: readonly Use[] = [{ controller: "parts", ref: "1" }];
    references.uses.provide("wholes", () => [["w/whole", uses]]);
    references.notePass("wholes", [["w/whole", "x"]]);

    const before = awaitUsers(plan(goes), ground([part], references));
    uses = [{ controller: "parts", ref: "2" }];
    const after = awaitUsers(plan(goes), ground([part], references));

    expect(before.withheld).toMatchObject([
      { reason: "InUse", message: expect.stringMatching(/^w\/whole in wholes uses it/) },
    ]);
    expect(after.actions).toEqual([goes]);
  });

  test("waits with what uses it, if that can't go yet", () => {
    const whole = observed("a/whole", "2", ["1"]);
    const references = new References(["parts", "wholes"]);
    references.uses.provide("wholes", () => [["w/all", [{ controller: "parts", ref: "2" }]]]);
    references.notePass("wholes", [["w/all", "x"]]);

    const { actions, withheld } = awaitUsers(
      plan(goes, { type: "delete", observed: whole }),
      ground([part, whole], references),
    );

    expect(actions).toEqual([]);
    expect(withheld.map(({ message }) => message.split(" uses ")[0])).toEqual(["w/all in wholes", "a/whole"]);
  });

  test("waits until every other controller has had a pass, well or not", () => {
    const references = new References(["parts", "wholes"]);

    const before = awaitUsers(plan(goes), ground([part], references));
    references.notePass("wholes", []);
    const after = awaitUsers(plan(goes), ground([part], references));

    expect(before.withheld).toMatchObject([{ message: expect.stringMatching(/not known yet.*wholes/) }]);
    expect(after.actions).toEqual([goes]);
  });
});

test("a body is brought to canonical form once its references are replaced, and stays the same object", () => {
  const references = new References(["parts"]);
  references.notePass("parts", [
    ["a/a", "9"],
    ["a/b", "10"],
  ]);
  const body = [reference("parts", "a/a"), reference("parts", "a/b")];
  const wished = {
    objects: new Map([["a/whole", desired("a/whole", body)]]),
    held: new Map<string, string>(),
    paused: new Set<string>(),
    problems: [],
  };
  const sorted = (refs: Body): Body => [...refs].sort();

  const binder = new Binder(references, sorted);

  const first = binder.bind(wished).desired.objects.get("a/whole")?.body;
  const second = binder.bind({ ...wished }).desired.objects.get("a/whole")?.body;

  expect(first).toEqual(["10", "9"]);
  expect(second).toBe(first);
});
