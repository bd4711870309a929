import { expect, onTestFinished, test } from "vitest";

import { failure, toyLoop } from "../../test/builders/engine-world.ts";

type World = ReturnType<typeof toyLoop>;

function startLoop(over: Parameters<typeof toyLoop>[0] = {}): World {
  const world = toyLoop(over);
  const done = world.start();
  onTestFinished(async () => {
    world.abort.abort();
    await done;
  });
  return world;
}

test("one object that fails rests, and changes of the others don't wait for it", async () => {
  const world = startLoop();
  world.target.before = (what) => {
    if (what === "create ray/a") throw failure("ambiguous", { retryAfterMs: 30_000 });
  };
  world.wish({ ray: { a: "1" } });
  await world.clock.advance(0);

  world.wish({ ray: { a: "1" }, chat: { a: "1" } });
  await world.clock.advance(0);
  const meanwhile = { world: world.target.world(), condition: world.condition("ray") };
  world.target.before = () => undefined;
  await world.clock.advance(29_000);
  const early = world.target.world();
  await world.clock.advance(2_000);

  expect(meanwhile.world).toEqual({ "chat/a": "1" });
  expect(meanwhile.condition).toMatchObject({ status: "False", reason: "Ambiguous" });
  expect(early).toEqual({ "chat/a": "1" });
  expect(world.target.world()).toEqual({ "ray/a": "1", "chat/a": "1" });
  expect(world.condition("ray")?.status).toBe("True");
});

test("an object that fails is tried again at once when its wish is another one", async () => {
  const world = startLoop();
  world.target.before = (what) => {
    if (what === "create ray/a") throw failure("ambiguous", { retryAfterMs: 30_000 });
  };
  world.wish({ ray: { a: "1" } });
  await world.clock.advance(0);
  world.target.before = () => undefined;

  world.wish({ ray: { a: "2" } });
  await world.clock.advance(0);

  expect(world.target.world()).toEqual({ "ray/a": "2" });
});

test("an object that goes on failing is tried less and less often, while others change all the time", async () => {
  const world = startLoop();
  let tries = 0;
  world.target.before = (what) => {
    if (what !== "create ray/a") return;
    tries++;
    throw failure("ambiguous");
  };

  for (let round = 0; round < 300; round++) {
    world.wish({ ray: { a: "1" }, chat: { a: String(round) } });
    await world.clock.advance(1_000);
  }

  expect(tries).toBeGreaterThan(4);
  expect(tries).toBeLessThan(12);
  expect(world.target.world()).toEqual({ "chat/a": "299" });
});

test("a delete that fails is tried again later, and does no harm when its service is back", async () => {
  const world = startLoop({ graceMs: 0 });
  world.wish({ ray: { a: "1" }, chat: { a: "1" } });
  await world.clock.advance(0);
  world.target.before = (what) => {
    if (what === "delete ray/a") throw failure("ambiguous", { retryAfterMs: 30_000 });
  };
  world.wish({ chat: { a: "1" } });
  await world.clock.advance(0);

  world.target.before = () => undefined;
  world.wish({ chat: { a: "2" } });
  await world.clock.advance(1_000);
  const early = world.target.world();
  await world.clock.advance(30_000);

  expect(early).toEqual({ "ray/a": "1", "chat/a": "2" });
  expect(world.target.world()).toEqual({ "chat/a": "2" });
});

test("a mass deregistration that is told bit by bit is braked like one that is told at once", async () => {
  const world = startLoop({ graceMs: 10_000 });
  const names = Array.from({ length: 40 }, (_, at) => `s${at}`);
  const wishes = (some: readonly string[]) => Object.fromEntries(some.map((name) => [name, { a: "1" }]));
  world.wish(wishes(names));
  await world.clock.advance(0);

  for (let gone = 1; gone <= 30; gone++) {
    world.wish(wishes(names.slice(gone)));
    await world.clock.advance(300);
  }
  await world.clock.advance(60_000);

  expect(Object.keys(world.target.world())).toHaveLength(40);
  expect(world.condition("s0")).toMatchObject({ reason: "BrakeEngaged" });
});

test("services that go one after the other, with time between them, are deleted without a person", async () => {
  const world = startLoop({ graceMs: 600_000 });
  const names = Array.from({ length: 20 }, (_, at) => `s${at}`);
  const wishes = (some: readonly string[]) => Object.fromEntries(some.map((name) => [name, { a: "1" }]));
  world.wish(wishes(names));
  await world.clock.advance(0);

  for (let gone = 1; gone <= 18; gone++) {
    world.wish(wishes(names.slice(gone)));
    await world.clock.advance(10_000);
  }
  await world.clock.advance(600_000);

  expect(Object.keys(world.target.world()).sort()).toEqual(["s18/a", "s19/a"]);
});

test("what others use goes soon after a person has approved it, not when it has rested", async () => {
  let approved: ReadonlySet<string> = new Set();
  const world = startLoop({ approved: () => approved, graceMs: 0 });
  const without = { ray: { b: "1" } };
  world.target.before = (what) => {
    if (what === "delete ray/a" && approved.size === 0) throw failure("inUse");
  };
  world.wish({ ray: { a: "1", b: "1" } });
  await world.clock.advance(0);
  world.wish(without);
  await world.clock.advance(200_000);
  const before = { world: world.target.world(), condition: world.condition("ray") };

  approved = new Set(["abc"]);
  world.wish(without);
  await world.clock.advance(0);

  expect(before.world).toEqual({ "ray/a": "1", "ray/b": "1" });
  expect(before.condition).toMatchObject({ status: "False", reason: "InUse" });
  expect(world.target.world()).toEqual({ "ray/b": "1" });
});
