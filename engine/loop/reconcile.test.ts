import fc from "fast-check";
import { expect, test } from "vitest";

import {
  failure,
  toyController,
  toySnapshot,
  ToyTarget,
  type Body,
  type ToyWishes,
} from "../../test/builders/engine-world.ts";
import { ObservedCache } from "./observed.ts";
import { keyOf } from "../plan/plan.ts";
import { reconcile, type ReconcileInput } from "./reconcile.ts";
import type { Report } from "./report.ts";

function run(
  target: ToyTarget,
  wishes: ToyWishes,
  over: Partial<ReconcileInput<Body>> = {},
): Promise<Report<Body>> {
  const desired = toyController(target).compile(toySnapshot(wishes));
  return reconcile<Body>({
    desired,
    target,
    cache: new ObservedCache<Body>(),
    fresh: false,
    policy: (plan) => plan,
    confirm: async () => desired,
    mayWrite: async () => undefined,
    isOvertaken: () => false,
    isStopping: () => false,
    urgent: new Map(),
    intend: async () => undefined,
    onOutcome: () => undefined,
    signal: new AbortController().signal,
    ...over,
  });
}

const THREE = { ray: { a: "1", b: "1", c: "1" } };

test("one rejected object doesn't stop the others", async () => {
  const target = new ToyTarget();
  target.before = (what) => {
    if (what === "create ray/b") throw failure("rejected");
  };

  const report = await run(target, THREE);

  expect(target.world()).toEqual({ "ray/a": "1", "ray/c": "1" });
  expect(report.outcomes.map(({ key, error }) => [key, error?.message])).toEqual([
    ["ray/a", undefined],
    ["ray/b", "Cannot write a toy: rejected"],
    ["ray/c", undefined],
  ]);
  expect(report.error).toBeUndefined();
});

test.for(["unauthorized", "rateLimited", "unavailable"] as const)(
  "a target that answers %s stops the run, and what did succeed is reported",
  async (kind) => {
    const target = new ToyTarget();
    target.before = (what) => {
      if (what === "create ray/b") throw failure(kind);
    };

    const report = await run(target, THREE);

    expect(target.world()).toEqual({ "ray/a": "1" });
    expect(report.outcomes).toHaveLength(2);
    expect(report).toMatchObject({ left: 1, waiting: new Set(["ray"]), error: { failure: kind } });
  },
);

test("what was written is settled, even if the run stopped after it", async () => {
  const target = new ToyTarget();
  target.before = (what) => {
    if (what === "create ray/b") throw failure("unavailable");
  };

  await run(target, THREE);

  expect(target.settles).toBe(1);
});

test("nothing is settled where nothing was written", async () => {
  const target = new ToyTarget();
  target.before = (what) => {
    if (what.startsWith("create")) throw failure("rejected");
  };

  await run(target, THREE);

  expect(target.settles).toBe(0);
});

test.for([
  { kind: "rejected", isStale: false },
  { kind: "ambiguous", isStale: true },
  { kind: "conflict", isStale: true },
  { kind: "notFound", isStale: true },
  { kind: "unavailable", isStale: true },
] as const)(
  "after an answer of $kind, what we know of the target is stale: $isStale",
  async ({ kind, isStale }) => {
    const target = new ToyTarget();
    const cache = new ObservedCache<Body>();
    target.before = (what) => {
      if (what === "create ray/a") throw failure(kind);
    };

    await run(target, { ray: { a: "1" } }, { cache });

    expect(cache.isStale).toBe(isStale);
  },
);

test("deletes only after everything else is written", async () => {
  const target = new ToyTarget();
  target.concurrency = 8;
  target.put("chat/gone", "0");
  target.put("ray/b", "0");

  await run(target, { ray: { a: "1", b: "1" } });

  expect(target.writes()).toEqual(["create ray/a", "update ray/b", "delete chat/gone"]);
});

test("keeps what a service has while its new object is refused, and deletes what other services have", async () => {
  const target = new ToyTarget();
  await run(target, { ray: { old: "1" }, consul: { old: "1", kept: "1" } });
  target.before = (what) => {
    if (what === "create ray/new") throw failure("rejected");
  };

  const report = await run(target, { ray: { new: "1" }, consul: { kept: "1" } });

  expect(target.world()).toEqual({ "ray/old": "1", "consul/kept": "1" });
  expect(report.withheld.map(({ action, reason }) => [keyOf(action), reason])).toEqual([
    ["ray/old", "Unreplaced"],
  ]);
  expect(report.left).toBe(0);
});

test.for(["Rejected", "Conflict", "Ambiguous", "UnknownReference", "WaitingForReference"])(
  "keeps what a service has while its new object is kept back as %s",
  async (reason) => {
    const target = new ToyTarget();
    target.put("ray/old", "1");

    await run(
      target,
      { ray: { new: "1" } },
      {
        policy: (plan) => ({
          ...plan,
          actions: plan.actions.filter(({ type }) => type !== "create"),
          withheld: plan.actions.flatMap((action) =>
            action.type === "create" ? [{ action, reason, message: "" }] : [],
          ),
        }),
      },
    );

    expect(target.world()).toEqual({ "ray/old": "1" });
  },
);

test("what a person deleted for good, or what stands there and waits, keeps nothing else of its service", async () => {
  const target = new ToyTarget();
  target.put("ray/old", "1");
  target.put("ray/waits", "1");
  const kept = (reason: string, key: string) => ({
    action: {
      type: "create" as const,
      desired: { key, owner: "ray", body: "1" as never, drift: "correct" as const, retain: false },
    },
    reason,
    message: "",
  });

  await run(
    target,
    { ray: { waits: "1" } },
    { waiting: [kept("DriftReported", "ray/deleted"), kept("WaitingForReference", "ray/waits")] },
  );

  expect(target.world()).toEqual({ "ray/waits": "1" });
});

test("a run that was overtaken among its creates deletes nothing", async () => {
  const target = new ToyTarget();
  target.put("chat/gone", "0");

  const report = await run(target, THREE, { isOvertaken: () => true });

  expect(target.writes()).toEqual(["create ray/a"]);
  expect(report).toMatchObject({ left: 3, waiting: new Set(["ray", "chat"]) });
  expect(report.error).toBeUndefined();
});

test("a run that is always overtaken gets on all the same", async () => {
  const target = new ToyTarget();
  const cache = new ObservedCache<Body>();
  target.put("chat/gone", "0");

  for (let at = 0; at < 4; at++) await run(target, THREE, { cache, isOvertaken: () => true });

  expect(target.world()).toEqual({ "ray/a": "1", "ray/b": "1", "ray/c": "1" });
});

test("begins nothing once it has to stop", async () => {
  const target = new ToyTarget();
  let isStopping = false;
  target.after = () => {
    isStopping = true;
  };

  const report = await run(target, THREE, { isStopping: () => isStopping });

  expect(target.world()).toEqual({ "ray/a": "1" });
  expect(report.left).toBe(2);
});

test("services whose wish changed come first", async () => {
  const target = new ToyTarget();

  await run(target, { a: { x: "1" }, b: { x: "1" }, c: { x: "1" } }, { urgent: new Map([["c", 1]]) });

  expect(target.writes()).toEqual(["create c/x", "create a/x", "create b/x"]);
});

test("nobody writes before the right to write is checked", async () => {
  const target = new ToyTarget();
  target.concurrency = 8;
  const answer = Promise.withResolvers<void>();

  const running = run(target, THREE, { mayWrite: async () => await answer.promise });
  await new Promise((resolve) => setImmediate(resolve));
  const before = target.writes().length;
  answer.reject(failure("conflict"));
  const report = await running;

  expect(before).toBe(0);
  expect(target.writes()).toEqual([]);
  expect(report).toMatchObject({ left: 3, error: { failure: "conflict" } });
});

test("never more changes at once than the target takes", async () => {
  const target = new ToyTarget();
  target.concurrency = 3;
  let running = 0;
  let most = 0;
  target.before = async (what) => {
    if (what === "observe") return;
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
  };

  await run(target, { ray: Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`m${at}`, "1"])) });

  expect(most).toBe(3);
  expect(Object.keys(target.world())).toHaveLength(20);
});

test("keeps what a second read of the wishes doesn't want deleted", async () => {
  const target = new ToyTarget();
  target.put("ray/a", "1");
  target.put("chat/b", "1");
  const second = toyController(target).compile(toySnapshot({ ray: { a: "1" } }));

  const report = await run(target, {}, { confirm: async () => second });

  expect(target.world()).toEqual({ "ray/a": "1" });
  expect(report.withheld).toMatchObject([{ reason: "NotProven", action: { observed: { key: "ray/a" } } }]);
});

test("deletes nothing, and writes nothing, if the second read fails", async () => {
  const target = new ToyTarget();
  target.put("ray/a", "1");

  const report = await run(
    target,
    { chat: { b: "1" } },
    { confirm: async () => Promise.reject(failure("unavailable")) },
  );

  expect(target.world()).toEqual({ "ray/a": "1" });
  expect(report.error).toMatchObject({ failure: "unavailable" });
});

test("never throws, wherever it fails", async () => {
  const places = ["observe", "confirm", "policy", "mayWrite", "apply", "settle", "outcome"] as const;
  const kinds = fc.constantFrom(failure("ambiguous"), failure("unavailable"), new Error("ours"));
  await fc.assert(
    fc.asyncProperty(fc.subarray([...places]), kinds, async (failing, error) => {
      const fails = (place: (typeof places)[number]): void => {
        if (failing.includes(place)) throw error;
      };
      const target = new ToyTarget();
      target.put("chat/gone", "0");
      target.before = (what) => fails(what === "observe" ? "observe" : "apply");
      target.settle = async () => fails("settle");

      const report = await run(target, THREE, {
        confirm: async () => {
          fails("confirm");
          return toyController(target).compile(toySnapshot(THREE));
        },
        policy: (plan) => {
          fails("policy");
          return plan;
        },
        mayWrite: async () => fails("mayWrite"),
        onOutcome: () => fails("outcome"),
      });

      const isBad =
        report.error !== undefined || report.outcomes.some((outcome) => outcome.error !== undefined);
      expect(isBad).toBe(failing.length > 0);
      if (report.error !== undefined) expect(report.error).toBeInstanceOf(Error);
    }),
  );
});
