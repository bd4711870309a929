import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";

import { RecordWorld, type Fields } from "../../test/builders/record-world.ts";
import type { Drift } from "../../crds/drift.ts";
import { keepFound, ruleOf } from "./drift.ts";
import { fieldChanges } from "./plan.ts";

const HOUR = 3_600_000;
const TOLERATE: Drift = { rule: { tolerateMs: 4 * HOUR }, fields: {} };
const REPORT: Drift = { rule: "report", fields: {} };
const CORRECT: Drift = { rule: "correct", fields: {} };

function startWorld(): RecordWorld {
  const world = new RecordWorld();
  onTestFinished(async () => await world.stop());
  return world;
}

/** A world in which `ray/a` stands as wished. */
async function worldWith(body: Fields, drift: Drift): Promise<RecordWorld> {
  const world = startWorld();
  await world.wish({ toys: { "ray/a": { body, drift } } });
  return world;
}

describe("the rule of a field", () => {
  test("is its own, else that of the nearest field above it, else the object's", () => {
    const drift: Drift = {
      rule: "correct",
      fields: { options: "report", "options.thresholds": { tolerateMs: 1 }, message: "report" },
    };

    const rules = ["options.thresholds.critical", "options.renotify", "message", "query", "constructor"].map(
      (path) => ruleOf(path, drift),
    );

    expect(rules).toEqual([{ tolerateMs: 1 }, "report", "report", "correct", "correct"]);
  });
});

describe("an edit by hand", () => {
  test("is set right at once without a rule", async () => {
    const world = await worldWith({ a: 1, b: 1 }, CORRECT);
    world.system.edit("ray/a", { a: 2 });

    await world.resync();

    expect(world.system.world()).toEqual({ "ray/a": { a: 1, b: 1 } });
    expect(world.storedObject("ray/a")?.drift).toBeUndefined();
  });

  test.for<[string, Fields, Fields]>([
    ["changes a field", { a: 2 }, { a: 2, b: 1 }],
    ["adds a field", { c: 3 }, { a: 1, b: 1, c: 3 }],
    ["takes a field away", { b: undefined }, { a: 1 }],
  ])("that %s stays where drift is only reported, and is told", async ([, edit, expected]) => {
    const world = await worldWith({ a: 1, b: 1 }, REPORT);
    world.system.edit("ray/a", edit);

    await world.resync();
    await world.clock.advance(100 * HOUR);

    expect(world.system.world()).toEqual({ "ray/a": expected });
    expect(world.condition("ray")).toMatchObject({ status: "False", reason: "DriftReported" });
    expect(world.condition("ray")?.message).toContain(Object.keys(edit)[0]!);
  });

  test("is tolerated for its time and then set right, without anybody's doing", async () => {
    const world = await worldWith({ a: 1, b: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();
    const end = new Date(world.clock.wallMs() + 4 * HOUR).toISOString();
    const told = world.condition("ray");

    await world.clock.advance(4 * HOUR - 1);
    const before = world.system.world();
    await world.clock.advance(1);

    expect(told).toMatchObject({ status: "False", reason: "DriftTolerated" });
    expect(told?.message).toBe(`ray/a was changed by hand. a: set right at ${end}`);
    expect(before).toEqual({ "ray/a": { a: 2, b: 1 } });
    expect(world.system.world()).toEqual({ "ray/a": { a: 1, b: 1 } });
    expect(world.storedObject("ray/a")?.drift).toBeUndefined();
    expect(world.condition("ray")?.status).toBe("True");
  });

  test("of a field that is edited again is not tolerated any longer for that", async () => {
    const world = await worldWith({ a: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();

    await world.clock.advance(3 * HOUR);
    world.system.edit("ray/a", { a: 3 });
    await world.clock.advance(HOUR);

    expect(world.system.world()).toEqual({ "ray/a": { a: 1 } });
  });

  test("of another field has a time of its own", async () => {
    const world = await worldWith({ a: 1, b: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();
    await world.clock.advance(3 * HOUR);
    world.system.edit("ray/a", { b: 2 });
    await world.resync();

    await world.clock.advance(HOUR);
    const then = world.system.world();
    await world.clock.advance(3 * HOUR);

    expect(then).toEqual({ "ray/a": { a: 1, b: 2 } });
    expect(world.system.world()).toEqual({ "ray/a": { a: 1, b: 1 } });
  });

  test("that is put back and made anew has a new time", async () => {
    const world = await worldWith({ a: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();
    await world.clock.advance(3 * HOUR);
    world.system.edit("ray/a", { a: 1 });
    await world.resync();
    const between = world.storedObject("ray/a")?.drift;
    world.system.edit("ray/a", { a: 2 });
    await world.resync();

    await world.clock.advance(3 * HOUR);

    expect(between).toBeUndefined();
    expect(world.system.world()).toEqual({ "ray/a": { a: 2 } });
  });

  test("has its time from before a restart", async () => {
    const world = await worldWith({ a: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();
    await world.clock.advance(3 * HOUR);

    await world.restart();
    const after = world.system.world();
    await world.clock.advance(HOUR);

    expect(after).toEqual({ "ray/a": { a: 2 } });
    expect(world.system.world()).toEqual({ "ray/a": { a: 1 } });
  });

  test("that was put back while no operator ran is forgotten", async () => {
    const world = await worldWith({ a: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();
    await world.stop();
    world.system.edit("ray/a", { a: 1 });

    await world.restart();

    expect(world.storedObject("ray/a")).toMatchObject({ key: "ray/a" });
    expect(world.storedObject("ray/a")?.drift).toBeUndefined();
  });

  test("has its time through a pause, in which nothing is set right", async () => {
    const world = await worldWith({ a: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();
    const wish = { toys: { "ray/a": { body: { a: 1 }, drift: TOLERATE } } };

    await world.wish(wish, ["ray"]);
    await world.clock.advance(5 * HOUR);
    const paused = world.system.world();
    await world.wish(wish);

    expect(paused).toEqual({ "ray/a": { a: 2 } });
    expect(world.system.world()).toEqual({ "ray/a": { a: 1 } });
  });
});

describe("a new wish", () => {
  test("for another field keeps a tolerated edit, and its time", async () => {
    const world = await worldWith({ a: 1, b: 1 }, TOLERATE);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();
    await world.clock.advance(3 * HOUR);

    await world.wish({ toys: { "ray/a": { body: { a: 1, b: 5 }, drift: TOLERATE } } });
    const then = world.system.world();
    await world.clock.advance(HOUR);

    expect(then).toEqual({ "ray/a": { a: 2, b: 5 } });
    expect(world.system.world()).toEqual({ "ray/a": { a: 1, b: 5 } });
  });

  test("for the edited field takes the edit's place", async () => {
    const world = await worldWith({ a: 1, b: 1 }, REPORT);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();

    await world.wish({ toys: { "ray/a": { body: { a: 3, b: 1 }, drift: REPORT } } });

    expect(world.system.world()).toEqual({ "ray/a": { a: 3, b: 1 } });
    expect(world.storedObject("ray/a")?.drift).toBeUndefined();
  });

  test("that allows no drift sets everything right", async () => {
    const world = await worldWith({ a: 1 }, REPORT);
    world.system.edit("ray/a", { a: 2 });
    await world.resync();

    await world.wish({ toys: { "ray/a": { body: { a: 1 }, drift: CORRECT } } });

    expect(world.system.world()).toEqual({ "ray/a": { a: 1 } });
  });
});

describe("an object of which only some fields may stay", () => {
  const DRIFT: Drift = { rule: "correct", fields: { "options.limit": { tolerateMs: HOUR }, note: "report" } };
  const BODY = { query: "q", note: "n", options: { limit: 1, other: 1 } };

  test("is set right in the others, once, and counts as written whole", async () => {
    const world = await worldWith(BODY, DRIFT);
    world.system.edit("ray/a", { query: "mine", note: "mine", options: { limit: 2, other: 2, extra: 1 } });

    await world.resync();
    await world.resync();

    expect(world.system.world()).toEqual({
      "ray/a": { query: "q", note: "mine", options: { limit: 2, other: 1 } },
    });
    expect(world.system.writes.map(({ type }) => type)).toEqual(["create", "update"]);
    const end = new Date(world.clock.wallMs() + HOUR).toISOString();
    expect(world.condition("ray")?.message).toBe(
      `ray/a was changed by hand. options.limit: set right at ${end}; note: only reported`,
    );
  });

  test("is set right in these as well when their time is over", async () => {
    const world = await worldWith(BODY, DRIFT);
    world.system.edit("ray/a", { query: "mine", note: "mine", options: { limit: 2, other: 2 } });
    await world.resync();

    await world.clock.advance(HOUR);

    expect(world.system.world()).toEqual({ "ray/a": { ...BODY, note: "mine" } });
    expect(world.storedObject("ray/a")?.drift?.map(({ path }) => path)).toEqual(["note"]);
  });

  test("is told as drifted right after the others are set right", async () => {
    const world = await worldWith(BODY, DRIFT);
    world.system.edit("ray/a", { query: "mine", note: "mine" });

    await world.resync();

    expect(world.condition("ray")).toMatchObject({ status: "False", reason: "DriftReported" });
  });
});

describe("an object that was deleted by hand", () => {
  test("is made again at once without a rule", async () => {
    const world = await worldWith({ a: 1 }, CORRECT);
    world.system.remove("ray/a");

    await world.resync();

    expect(world.system.world()).toEqual({ "ray/a": { a: 1 } });
  });

  test("stays away where drift is only reported, after a restart as well", async () => {
    const world = await worldWith({ a: 1 }, REPORT);
    world.system.remove("ray/a");

    await world.resync();
    await world.restart();
    await world.clock.advance(100 * HOUR);

    expect(world.system.world()).toEqual({});
    expect(world.condition("ray")).toMatchObject({
      status: "False",
      reason: "DriftReported",
      message: "ray/a was deleted by hand; it is only reported",
    });
  });

  test("is made again when its time is over", async () => {
    const world = await worldWith({ a: 1 }, TOLERATE);
    world.system.remove("ray/a");
    await world.resync();

    await world.clock.advance(4 * HOUR - 1);
    const before = world.system.world();
    await world.clock.advance(1);

    expect(before).toEqual({});
    expect(world.system.world()).toEqual({ "ray/a": { a: 1 } });
    expect(world.storedObject("ray/a")?.drift).toBeUndefined();
  });

  test("is made again by another wish", async () => {
    const world = await worldWith({ a: 1 }, REPORT);
    world.system.remove("ray/a");
    await world.resync();

    await world.wish({ toys: { "ray/a": { body: { a: 2 }, drift: REPORT } } });

    expect(world.system.world()).toEqual({ "ray/a": { a: 2 } });
  });
});

describe("a field that the other system stores otherwise", () => {
  const upper = (body: Fields): Fields => ({ ...body, a: String(body["a"]).toUpperCase() });

  test("is written once, however often it is looked at", async () => {
    const world = startWorld();
    world.system.stored = upper;
    await world.wish({ toys: { "ray/a": { a: "x", b: 1 } } });

    await world.resync();
    await world.restart();
    await world.clock.advance(HOUR);

    expect(world.system.writes).toHaveLength(1);
    expect(world.condition("ray")?.status).toBe("True");
  });

  test("is set right when a person edits it", async () => {
    const world = startWorld();
    world.system.stored = upper;
    await world.wish({ toys: { "ray/a": { a: "x", b: 1 } } });
    world.system.edit("ray/a", { a: "mine" });

    await world.resync();
    await world.resync();

    expect(world.system.world()).toEqual({ "ray/a": { a: "X", b: 1 } });
    expect(world.system.writes).toHaveLength(2);
  });

  test("is no drift of an object of which another field is tolerated", async () => {
    const world = startWorld();
    world.system.stored = upper;
    await world.wish({ toys: { "ray/a": { body: { a: "x", b: 1 }, drift: REPORT } } });
    world.system.edit("ray/a", { b: 2 });

    await world.resync();

    expect(world.storedObject("ray/a")?.drift?.map(({ path }) => path)).toEqual(["b"]);
    expect(world.system.writes).toHaveLength(1);
  });
});

const json = fc.letrec<{ value: unknown; record: Fields }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.nat(3), fc.array(fc.nat(2), { maxLength: 2 }), tie("record")),
  record: fc.dictionary(fc.constantFrom("a", "b", "c", "constructor", "__proto__"), tie("value"), {
    maxKeys: 3,
  }),
})).record;

test("what is kept of an edit is exactly the fields to keep", () => {
  fc.assert(
    fc.property(json, json, fc.func(fc.boolean()), (wanted, found, isKept) => {
      const changes = fieldChanges(wanted, found);
      const paths = new Set(changes.map(({ path }) => path).filter((path) => isKept(path)));

      const merged = keepFound(wanted, found, paths);

      expect(fieldChanges(wanted, merged).map(({ path }) => path)).toEqual([...paths]);
      const others = changes.filter(({ path }) => !paths.has(path));
      expect(fieldChanges(merged, found)).toEqual(others);
    }),
  );
});

const RULES = fc.constantFrom<Drift["rule"]>("correct", "report", { tolerateMs: 2 * HOUR });
const FIELDS = ["a", "b", "c"] as const;
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant("edit"), field: fc.constantFrom(...FIELDS), value: fc.nat(3) }),
    fc.record({ what: fc.constant("wish"), field: fc.constantFrom(...FIELDS), value: fc.nat(3) }),
    fc.record({ what: fc.constant("restart"), field: fc.constant("a"), value: fc.constant(0) }),
    fc.record({ what: fc.constant("hour"), field: fc.constant("a"), value: fc.nat(90) }),
  ),
  { maxLength: 8 },
);

test("after a wish that follows an edit, the next edit is one as well", async () => {
  const world = startWorld();
  const wishOf = (a: number) => ({ toys: { "ray/a": { body: { a, b: 0 }, drift: REPORT } } });
  await world.wish(wishOf(0));
  world.system.edit("ray/a", { a: 2 });
  await world.resync();
  await world.wish(wishOf(2));

  world.system.edit("ray/a", { b: 1 });
  await world.resync();

  expect(world.system.world()).toEqual({ "ray/a": { a: 2, b: 1 } });
  expect(world.condition("ray")).toMatchObject({ reason: "DriftReported" });
});

test("an edit that follows a wish which another edit had fulfilled already is an edit, not an old state", async () => {
  const drift: Drift = { rule: "correct", fields: { a: { tolerateMs: HOUR }, c: "report" } };
  const world = await worldWith({ a: 0, c: 0 }, drift);
  world.system.edit("ray/a", { a: 1, c: 1 });
  await world.resync();
  await world.wish({ toys: { "ray/a": { body: { a: 1, c: 0 }, drift } } });

  world.system.edit("ray/a", { a: 0 });
  await world.resync();

  expect(world.system.world()).toEqual({ "ray/a": { a: 0, c: 1 } });
  expect(world.storedObject("ray/a")?.drift?.map(({ path }) => path)).toEqual(["a", "c"]);
});

test("whatever people edit and wish, each field is as wished but for edits that are still allowed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.record({ a: RULES, b: RULES, c: RULES }), steps, async (fields, all) => {
      const world = new RecordWorld();
      const drift: Drift = { rule: "correct", fields };
      let wished: Fields = { a: 0, b: 0, c: 0 };
      /** Edits that stand, and since when. */
      const edits = new Map<string, { value: number; since: number }>();
      const expected = (): Fields => {
        const now = world.clock.wallMs();
        const left = [...edits].filter(([field, { value, since }]) => {
          const rule = ruleOf(field, drift);
          if (value === wished[field] || rule === "correct") return false;
          return rule === "report" || since + rule.tolerateMs > now;
        });
        for (const field of edits.keys()) if (!left.some(([name]) => name === field)) edits.delete(field);
        return { ...wished, ...Object.fromEntries(left.map(([field, { value }]) => [field, value])) };
      };
      try {
        await world.wish({ toys: { "ray/a": { body: wished, drift } } });
        for (const { what, field, value } of all) {
          if (what === "restart") await world.restart();
          else if (what === "hour") await world.clock.advance(value * 60_000);
          else if (what === "edit") {
            world.system.edit("ray/a", { [field]: value });
            const since = edits.get(field)?.since ?? world.clock.wallMs();
            edits.set(field, { value, since });
            await world.resync();
          } else if (wished[field] !== value) {
            edits.delete(field);
            wished = { ...wished, [field]: value };
            await world.wish({ toys: { "ray/a": { body: wished, drift } } });
          }
          expect(world.system.world()).toEqual({ "ray/a": expected() });
        }
      } finally {
        await world.stop();
      }
    }),
    { numRuns: 200 },
  );
});

describe("fields that only make sense together", () => {
  const QUERY: Fields = { query: "a > 5", critical: 5, message: "m" };
  const rule: Drift = { rule: "correct", fields: { critical: "report" } };

  test("stay together when one of them stays, while the rest is set right", async () => {
    const world = startWorld();
    world.system.together = [["query", "critical"]];
    await world.wish({ toys: { "ray/a": { body: QUERY, drift: rule } } });
    world.system.edit("ray/a", { query: "a > 9", critical: 9, message: "mine" });

    await world.resync();

    expect(world.system.world()).toEqual({ "ray/a": { query: "a > 9", critical: 9, message: "m" } });
  });

  test("go together when the wish for one of them is a new one", async () => {
    const world = startWorld();
    world.system.together = [["query", "critical"]];
    await world.wish({ toys: { "ray/a": { body: QUERY, drift: rule } } });
    world.system.edit("ray/a", { query: "a > 9", critical: 9 });
    await world.resync();

    const wished = { ...QUERY, query: "a > 7", critical: 7 };
    await world.wish({ toys: { "ray/a": { body: wished, drift: rule } } });

    expect(world.system.world()).toEqual({ "ray/a": wished });
  });
});
