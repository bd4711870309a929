import { expect, onTestFinished, test } from "vitest";

import type { FreezeWindow } from "../../crds/freeze.ts";
import { STRICT_POLICY } from "../../crds/policy.ts";
import { RecordWorld } from "../../test/builders/record-world.ts";
import { Resolver } from "../sources/snapshot.ts";
import { frozenNow } from "./freeze.ts";

const HOUR = 3_600_000;
const GRACE_MS = 600_000;

function startWorld(): RecordWorld {
  const world = new RecordWorld();
  onTestFinished(async () => await world.stop());
  return world;
}

/** A window from a minute ago that ends in two hours. */
function windowOf(world: RecordWorld): FreezeWindow {
  const now = world.clock.wallMs();
  return {
    from: new Date(now - 60_000).toISOString(),
    to: new Date(now + 2 * HOUR).toISOString(),
    reason: "end of year",
  };
}

test("nothing is made, changed or deleted in a window, of nobody else anything is kept back", async () => {
  const world = startWorld();
  await world.wish({ toys: { "ray/a": { a: 1 }, "ray/b": { a: 1 }, "web/a": { a: 1 } } });
  world.system.edit("ray/b", { a: 9 });
  const ray = [windowOf(world)];

  await world.wish({ toys: { "ray/b": { a: 1 }, "ray/c": { a: 1 }, "web/a": { a: 2 } } }, [], { ray });
  await world.resync();

  expect(world.system.world()).toEqual({ "ray/a": { a: 1 }, "ray/b": { a: 9 }, "web/a": { a: 2 } });
  expect(world.condition("ray")).toMatchObject({
    status: "False",
    reason: "Frozen",
    message: `nothing is changed until ${ray[0]!.to}: end of year`,
  });
  expect(world.condition("web")?.status).toBe("True");
});

test("what people change in a window is noted field by field, and stays until its end", async () => {
  const world = startWorld();
  await world.wish({ toys: { "ray/a": { a: 1 } } });
  const window = windowOf(world);
  await world.wish({ toys: { "ray/a": { a: 1 } } }, [], { ray: [window] });
  world.system.edit("ray/a", { a: 9 });

  await world.resync();

  expect(world.storedObject("ray/a")?.drift).toMatchObject([
    { path: "a", wanted: 1, found: 9, until: window.to },
  ]);
});

test("all of it is made good at the window's end, without anybody's doing", async () => {
  const world = startWorld();
  await world.wish({ toys: { "ray/a": { a: 1 }, "ray/b": { a: 1 } } });
  const ray = [windowOf(world)];
  await world.wish({ toys: { "ray/b": { a: 2 }, "ray/c": { a: 1 } } }, [], { ray });

  await world.clock.advance(2 * HOUR - 1);
  const before = world.system.world();
  await world.clock.advance(1);

  expect(before).toEqual({ "ray/a": { a: 1 }, "ray/b": { a: 1 } });
  expect(world.system.world()).toEqual({ "ray/b": { a: 2 }, "ray/c": { a: 1 } });
  expect(world.condition("ray")?.status).toBe("True");
});

test("an edit's time goes on in a window, and what is over is set right at its end", async () => {
  const world = startWorld();
  const drift = { rule: { tolerateMs: HOUR }, fields: {} };
  const wish = { toys: { "ray/a": { body: { a: 1 }, drift } } };
  await world.wish(wish);
  world.system.edit("ray/a", { a: 2 });
  await world.resync();

  await world.wish(wish, [], { ray: [windowOf(world)] });
  await world.clock.advance(2 * HOUR - 1);
  const before = world.system.world();
  await world.clock.advance(1);

  expect(before).toEqual({ "ray/a": { a: 2 } });
  expect(world.system.world()).toEqual({ "ray/a": { a: 1 } });
});

test("a service whose wish is gone is frozen by the windows of _defaults", async () => {
  const world = startWorld();
  await world.wish({ toys: { "ray/a": { a: 1 }, "web/a": { a: 1 } } });
  const freezes = { _defaults: [windowOf(world)] };

  await world.wish({ toys: { "web/a": { a: 1 } } }, [], freezes);
  await world.clock.advance(GRACE_MS + 60_000);
  const frozen = world.system.world();
  await world.clock.advance(2 * HOUR);

  expect(frozen).toEqual({ "ray/a": { a: 1 }, "web/a": { a: 1 } });
  expect(world.system.world()).toEqual({ "web/a": { a: 1 } });
});

test("a snapshot carries the windows of _defaults, and says if they can't be read", () => {
  const resolver = new Resolver({ packs: new Map(), policy: STRICT_POLICY, tagName: "dd-observe" });
  const stateWith = (text: string) => ({
    catalog: new Map<string, readonly string[]>(),
    documents: new Map([["_defaults", { name: "_defaults", text, generation: 1 }]]),
  });
  const window = "{from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, reason: holidays}";
  const at = Date.parse("2026-12-24T00:00:00Z");
  const frozenWith = (text: string) => frozenNow(resolver.ofCluster(stateWith(text)), at)("gone");

  expect(frozenWith(`freeze: [${window}]`)).toEqual({
    untilMs: Date.parse("2027-01-02T00:00:00Z"),
    reason: "holidays",
  });
  expect(frozenWith("team: ml")).toBeUndefined();
  expect(frozenWith("freeze: [")?.untilMs).toBe(Infinity);
});
