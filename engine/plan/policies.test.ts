import fc from "fast-check";
import { expect, test } from "vitest";

import { hashOf } from "../hash.ts";
import { Memory } from "./memory.ts";
import { diff, keyOf, type Desired, type DesiredObject, type ObservedObject, type Plan } from "./plan.ts";
import { applyPolicies, hashOfDeletes, hashToApprove, keepUnseen, type PolicyGround } from "./policies.ts";

const NOW = 1_000_000;

function want(key: string, over: Partial<DesiredObject<string>> = {}): DesiredObject<string> {
  return {
    key,
    owner: key.split("/")[0]!,
    body: "new",
    drift: { rule: "correct", fields: {} },
    retain: false,
    ...over,
  };
}

function have(key: string, over: Partial<ObservedObject<string>> = {}): ObservedObject<string> {
  return { key, owner: key.split("/")[0]!, body: "old", ref: `#${key}`, retain: false, ...over };
}

function planOf(
  wanted: readonly DesiredObject<string>[],
  found: readonly ObservedObject<string>[],
): { plan: Plan<string>; desired: Desired<string> } {
  const desired: Desired<string> = {
    objects: new Map(wanted.map((object) => [object.key, object])),
    held: new Map(),
    paused: new Set(),
    problems: [],
  };
  return { plan: diff(desired, new Map(found.map((object) => [object.key, object]))), desired };
}

function apply(
  wanted: readonly DesiredObject<string>[],
  found: readonly ObservedObject<string>[],
  over: Partial<PolicyGround<string>> = {},
): Plan<string> {
  const { plan, desired } = planOf(wanted, found);
  return applyPolicies(plan, {
    controller: "toys",
    desired,
    now: NOW,
    graceMs: 600_000,
    absentSince: new Map(),
    isKnown: () => true,
    isRetained: () => true,
    refused: new Map(),
    owned: found.length,
    limit: { count: 10, share: 0.2 },
    approved: new Set(),
    ...over,
  });
}

function reasons(plan: Plan<string>): readonly string[] {
  return plan.withheld.map(({ action, reason }) => `${keyOf(action)} ${reason}`);
}

function many(count: number): readonly ObservedObject<string>[] {
  return Array.from({ length: count }, (_, at) => have(`s${String(at).padStart(4, "0")}/m`));
}

const memoryOf = (key: string, body: string): Memory => {
  const memory = new Memory();
  memory.set(key, { owner: key.split("/")[0]!, ref: "#", applied: hashOf(body) });
  return memory;
};

test("a paused service is neither written nor deleted", () => {
  const { desired } = planOf([want("ray/a"), want("ray/b"), want("chat/a")], []);

  const plan = apply([want("ray/a"), want("ray/b"), want("chat/a")], [have("ray/b"), have("ray/c")], {
    desired: { ...desired, paused: new Set(["ray"]) },
  });

  expect(reasons(plan)).toEqual(["ray/a Paused", "ray/b Paused", "ray/c Paused"]);
  expect(plan.actions.map(keyOf)).toEqual(["chat/a"]);
});

test.for([
  {
    title: "changed by hand, correct",
    drift: { rule: "correct", fields: {} },
    applied: "new",
    reported: false,
  },
  { title: "changed by hand, report", drift: { rule: "report", fields: {} }, applied: "new", reported: true },
  { title: "another wish, report", drift: { rule: "report", fields: {} }, applied: "older", reported: false },
] as const)("drift is only reported where the wish says so: $title", ({ drift, applied, reported }) => {
  const plan = apply([want("ray/a", { drift })], [have("ray/a", { applied: hashOf(applied) })]);

  expect(reasons(plan)).toEqual(reported ? ["ray/a DriftReported"] : []);
});

test.for([
  { title: "we wrote this body before", remembered: "new", reported: true },
  { title: "we wrote another body before", remembered: "older", reported: false },
])("an object that is missing counts as deleted by hand if $title: $reported", ({ remembered, reported }) => {
  const plan = apply([want("ray/a", { drift: { rule: "report", fields: {} } })], [], {
    memory: memoryOf("ray/a", remembered),
  });

  expect(reasons(plan)).toEqual(reported ? ["ray/a DriftReported"] : []);
});

test("a refused body isn't sent again, another one is", () => {
  const refused = new Map([["ray/a", { body: "new", reason: "Rejected", message: "no" }]]);

  const same = apply([want("ray/a")], [], { refused });
  const other = apply([want("ray/a", { body: "newer" })], [], { refused });

  expect(reasons(same)).toEqual(["ray/a Rejected"]);
  expect(other.actions.map(keyOf)).toEqual(["ray/a"]);
});

test.for([
  { retain: true, isRetained: true, kept: true },
  { retain: true, isRetained: false, kept: false },
  { retain: false, isRetained: true, kept: false },
])("an object that said retain ($retain) outlives its wish if it makes sense ($isRetained): $kept", (row) => {
  const plan = apply([], [have("ray/a", { retain: row.retain })], { isRetained: () => row.isRetained });

  expect(reasons(plan)).toEqual(row.kept ? ["ray/a Retained"] : []);
});

test.for([
  { sinceMs: NOW, kept: true },
  { sinceMs: NOW - 599_999, kept: true },
  { sinceMs: NOW - 600_000, kept: false },
  { sinceMs: undefined, kept: false },
])("absent since $sinceMs: kept is $kept", ({ sinceMs, kept }) => {
  const absentSince = new Map(sinceMs === undefined ? [] : [["ray", sinceMs]]);

  const plan = apply([], [have("ray/a")], { absentSince });

  expect(reasons(plan)).toEqual(kept ? ["ray/a InGrace"] : []);
});

test.for([
  { deletes: 10, owned: 10, braked: false },
  { deletes: 11, owned: 11, braked: true },
  { deletes: 10, owned: 1_000, braked: false },
  { deletes: 11, owned: 54, braked: true },
  { deletes: 11, owned: 55, braked: false },
  { deletes: 200, owned: 1_000, braked: false },
  { deletes: 201, owned: 1_000, braked: true },
])("at 10,20% a pass with $deletes deletes of $owned is braked: $braked", ({ deletes, owned, braked }) => {
  const plan = apply([], many(deletes), { owned });

  expect(plan.withheld.length).toBe(braked ? deletes : 0);
  expect(plan.actions.length).toBe(braked ? 0 : deletes);
});

test.for([
  { limit: { count: 0, share: 0 }, deletes: 1, braked: true },
  { limit: { count: 0, share: 1 }, deletes: 20, braked: false },
  { limit: { count: 3, share: 0 }, deletes: 3, braked: false },
  { limit: { count: 3, share: 0 }, deletes: 4, braked: true },
])("a limit of $limit with $deletes deletes: braked is $braked", ({ limit, deletes, braked }) => {
  const plan = apply([], many(deletes), { limit });

  expect(plan.withheld.length > 0).toBe(braked);
});

test("a braked pass still creates and updates", () => {
  const plan = apply([want("ray/a"), want("ray/b")], [have("ray/b"), ...many(20)]);

  expect(plan.actions.map((action) => action.type)).toEqual(["create", "update"]);
});

test("objects of a service that nobody remembers wait for approval; the others go", () => {
  const ground = { isKnown: (owner: string) => owner === "ray" };

  const plan = apply([], [have("ray/a"), have("chat/a")], ground);
  const approved = apply([], [have("ray/a"), have("chat/a")], {
    ...ground,
    approved: new Set([hashToApprove("toys", plan.withheld)!]),
  });

  expect(reasons(plan)).toEqual(["chat/a BrakeEngaged"]);
  expect(plan.actions.map(keyOf)).toEqual(["ray/a"]);
  expect(approved.actions.map(keyOf)).toEqual(["chat/a", "ray/a"]);
});

test("exactly the approved deletions go ahead", () => {
  const engaged = apply([], many(20));
  const hash = hashToApprove("toys", engaged.withheld)!;

  const approved = apply([], many(20), { approved: new Set([hash]) });
  const oneMore = apply([], many(21), { approved: new Set([hash]) });

  expect(engaged.withheld[0]?.message).toContain(`dd-observe approve ${hash}`);
  expect([approved.actions.length, oneMore.actions.length]).toEqual([20, 0]);
});

test("the hash of deletions doesn't depend on their order, and names one set only", () => {
  const set = fc.uniqueArray(fc.stringMatching(/^[a-c]\/[a-z]$/), { minLength: 1, maxLength: 6 });
  const deletes = (keys: readonly string[]) =>
    keys.map((key) => ({ type: "delete" as const, observed: have(key) }));
  fc.assert(
    fc.property(set, set, (a, b) => {
      const isSameSet = new Set(a).symmetricDifference(new Set(b)).size === 0;

      expect(hashOfDeletes("toys", deletes(a)) === hashOfDeletes("toys", deletes(b))).toBe(isSameSet);
      expect(hashOfDeletes("toys", deletes(a.toReversed()))).toBe(hashOfDeletes("toys", deletes(a)));
      expect(hashOfDeletes("files", deletes(a))).not.toBe(hashOfDeletes("toys", deletes(a)));
    }),
  );
});

test("while services may be missing, only objects of a service that is there are deleted", () => {
  const { plan } = planOf([want("web/new")], [have("web/old"), have("gone/down")]);
  const hasWish = (owner: string): boolean => owner === "web";

  const kept = keepUnseen(plan, hasWish, "Nomad's services are not known yet");

  expect(kept.actions.map((action) => `${action.type} ${keyOf(action)}`).sort()).toEqual([
    "create web/new",
    "delete web/old",
  ]);
  expect(kept.withheld).toMatchObject([
    {
      reason: "NotProven",
      message: "its wish is not to be seen, but Nomad's services are not known yet",
    },
  ]);
  expect(keepUnseen(plan, hasWish, undefined)).toBe(plan);
});

test("policies never add an action, and lose none", () => {
  const keys = fc.uniqueArray(fc.stringMatching(/^[a-d]\/[a-d]$/), { maxLength: 12 });
  const flags = fc.record({
    known: fc.subarray(["a", "b", "c", "d"]),
    paused: fc.subarray(["a", "b", "c", "d"]),
    absent: fc.dictionary(
      fc.constantFrom("a", "b", "c", "d"),
      fc.integer({ min: NOW - 1_200_000, max: NOW }),
    ),
    retain: fc.boolean(),
    count: fc.nat(4),
    drift: fc.constantFrom("correct" as const, "report" as const),
  });
  fc.assert(
    fc.property(keys, keys, flags, (wanted, found, { known, paused, absent, retain, count, drift }) => {
      const objects = wanted.map((key) => want(key, { drift: { rule: drift, fields: {} } }));
      const observed = found.map((key) => have(key, { retain }));
      const { plan, desired } = planOf(objects, observed);

      const result = apply(objects, observed, {
        desired: { ...desired, paused: new Set(paused) },
        absentSince: new Map(Object.entries(absent)),
        isKnown: (owner) => known.includes(owner),
        limit: { count, share: 0 },
      });

      const after = [...result.actions, ...result.withheld.map(({ action }) => action)];
      expect(new Set(after)).toEqual(new Set(plan.actions));
      expect(after).toHaveLength(plan.actions.length);
      expect(result.actions.filter(({ type }) => type === "delete").length).toBeLessThanOrEqual(count);
    }),
  );
});

test("what is over is not made again, and counts as done", () => {
  const wanted = [want("ray/over", { body: "over" }), want("ray/lasts", { body: "lasts" })];

  const left = apply(wanted, [], { isOver: (body: string) => body === "over" });

  expect(left.actions.map(keyOf)).toEqual(["ray/lasts"]);
  expect(left).toMatchObject({ withheld: [], unchanged: 1 });
});
