import { expect, onTestFinished, test } from "vitest";

import { failure, ToyTarget, toyController, toyLoop } from "../../test/builders/engine-world.ts";
import { DownError } from "../budget/breaker.ts";
import { Board } from "../status/board.ts";

type World = ReturnType<typeof toyLoop>;

function startLoop(over: Parameters<typeof toyLoop>[0] = {}): World & { readonly done: Promise<void> } {
  const world = toyLoop(over);
  const done = world.start();
  onTestFinished(async () => {
    world.abort.abort();
    await done;
  });
  return { ...world, done };
}

/** Counts passes: each reads the target, or is told to. */
function observes(world: World): number {
  return world.target.log.filter((line) => line === "observe").length;
}

test("makes no pass before the first snapshot, even if the target changes", async () => {
  const world = startLoop();

  world.loop.refresh();
  await world.clock.advance(600_000);

  expect(world.target.log).toEqual([]);
});

test("makes the world as wished", async () => {
  const world = startLoop();

  world.wish({ ray: { noisy: "1", pressure: "2" }, chat: { slow: "3" } });
  await world.clock.advance(0);

  expect(world.target.world()).toEqual({ "ray/noisy": "1", "ray/pressure": "2", "chat/slow": "3" });
  expect(world.condition("ray")).toMatchObject({ status: "True", message: "2 toys as wished" });
});

test("a burst of a thousand snapshots costs at most two passes, and the newest wins", async () => {
  let passes = 0;
  const target = new ToyTarget();
  const controller = toyController(target);
  const counted: typeof controller = {
    ...controller,
    compile(snapshot) {
      passes++;
      return controller.compile(snapshot);
    },
  };
  const world = startLoop({ target, controller: counted });
  world.wish({ ray: { noisy: "0" } });
  await world.clock.advance(0);
  passes = 0;

  for (let at = 1; at <= 1_000; at++) world.wish({ ray: { noisy: String(at) } });
  await world.clock.advance(0);

  expect(passes).toBeLessThanOrEqual(2);
  expect(world.target.world()).toEqual({ "ray/noisy": "1000" });
});

test("a second pass with nothing new writes nothing and reads nothing", async () => {
  const world = startLoop();
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  const before = [...world.target.log];

  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);

  expect(world.target.log).toEqual(before);
});

test("gets on while snapshots come without end", async () => {
  const world = startLoop({ graceMs: 0 });
  world.wish({ ray: { a: "1", b: "1" }, chat: { a: "1", b: "1" } });
  await world.clock.advance(0);
  let churn = 0;
  const wishMore = (): void => {
    if (churn++ < 60) world.wish({ web: { at: String(churn) } });
  };
  // A newer snapshot comes during every read and every write.
  const seen: string[] = [];
  world.target.before = (what) => {
    if (churn < 60) seen.push(what);
    wishMore();
  };

  wishMore();
  await world.clock.advance(0);

  expect(seen.filter((what) => what.startsWith("delete"))).toHaveLength(4);
  expect(Object.keys(world.target.world())).toEqual(["web/at"]);
});

test("heals what a person changed, at the next resync, a little earlier or later each time", async () => {
  const world = startLoop();
  world.clock.chance = 0;
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  for (const object of world.target.objects.values()) object.body = "by hand";

  await world.clock.advance(53_999);
  const early = world.target.world();
  world.clock.chance = 1;
  await world.clock.advance(1);
  const healed = world.target.world();
  for (const object of world.target.objects.values()) object.body = "by hand";
  await world.clock.advance(65_999);
  const late = world.target.world();
  await world.clock.advance(1);

  expect([early, healed, late]).toEqual([
    { "ray/noisy": "by hand" },
    { "ray/noisy": "1" },
    { "ray/noisy": "by hand" },
  ]);
  expect(world.target.world()).toEqual({ "ray/noisy": "1" });
  expect(world.board.get("ray")?.events.map(({ reason, count }) => [reason, count])).toEqual([
    ["Created", 1],
    ["DriftCorrected", 2],
  ]);
});

test("an edit that was noticed heals at once", async () => {
  const world = startLoop();
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  for (const object of world.target.objects.values()) object.body = "by hand";

  world.loop.refresh();
  await world.clock.advance(0);

  expect(world.target.world()).toEqual({ "ray/noisy": "1" });
});

test.for([
  { chance: 0, pausesMs: [500, 1_000, 2_000, 4_000] },
  { chance: 1, pausesMs: [1_000, 2_000, 4_000, 8_000] },
])("tries again with growing pauses of which half is chance ($chance)", async ({ chance, pausesMs }) => {
  const world = startLoop();
  world.clock.chance = chance;
  world.target.before = () => {
    throw failure("unavailable");
  };
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);

  for (const [at, pauseMs] of pausesMs.entries()) {
    await world.clock.advance(pauseMs - 1);
    expect(observes(world)).toBe(at + 1);
    await world.clock.advance(1);
    expect(observes(world)).toBe(at + 2);
  }
});

test("never pauses longer than five minutes, and a success begins anew", async () => {
  const world = startLoop();
  world.clock.chance = 1;
  let isDown = true;
  world.target.before = () => {
    if (isDown) throw failure("unavailable");
  };
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(3_600_000);

  const before = observes(world);
  await world.clock.advance(300_000);
  const perFiveMinutes = observes(world) - before;
  isDown = false;
  await world.clock.advance(300_000);
  isDown = true;
  world.loop.refresh();
  await world.clock.advance(0);
  const failed = observes(world);
  await world.clock.advance(1_000);

  expect(perFiveMinutes).toBe(1);
  expect(observes(world)).toBe(failed + 1);
});

test("whoever made the last try comes for the next one as well, however often it failed before", async () => {
  const world = startLoop({ nextTryInMs: () => 20_000 });
  world.target.before = () => {
    throw failure("unavailable");
  };
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(3_600_000);

  const before = observes(world);
  await world.clock.advance(200_000);

  expect(observes(world) - before).toBe(10);
});

test("comes when the next try of a system that is down is due, however often it failed before", async () => {
  const world = startLoop();
  world.clock.chance = 1;
  let error: Error = failure("unavailable");
  world.target.before = () => {
    throw error;
  };
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(600_000);
  error = new DownError("Datadog", "listMonitors", { since: 0, nextTryInMs: 12_000 });
  await world.clock.advance(300_000);

  const before = observes(world);
  await world.clock.advance(11_999);
  await world.clock.advance(1);

  expect(observes(world) - before).toBe(1);
});

test("tells how many actions of a pass are left, and none when it is over", async () => {
  const told: (readonly [left: number, total: number])[] = [];
  const world = startLoop({ onProgress: (left, total) => told.push([left, total]) });

  world.wish({ ray: { a: "1", b: "1" } });
  await world.clock.advance(0);

  expect(told).toEqual([
    [2, 2],
    [1, 2],
    [0, 2],
    [0, 0],
  ]);
});

test("waits as long as the server asks, and changes wait with it", async () => {
  const world = startLoop();
  let isLimited = true;
  world.target.before = () => {
    if (isLimited) throw failure("rateLimited", { retryAfterMs: 30_000 });
  };
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  isLimited = false;

  world.wish({ ray: { noisy: "2" } });
  await world.clock.advance(29_999);
  const early = world.target.world();
  await world.clock.advance(1);

  expect(early).toEqual({});
  expect(world.target.world()).toEqual({ "ray/noisy": "2" });
});

test("what was refused is not sent again until the wish is another one", async () => {
  const world = startLoop();
  world.target.before = (what) => {
    if (what.startsWith("create ray/")) {
      world.target.log.push("refused");
      throw failure("rejected");
    }
  };
  world.wish({ ray: { noisy: "1" }, chat: { slow: "1" } });
  await world.clock.advance(300_000);
  const refusals = world.target.log.filter((line) => line === "refused").length;
  const told = world.condition("ray");
  world.target.before = () => undefined;

  world.wish({ ray: { noisy: "2" }, chat: { slow: "1" } });
  await world.clock.advance(0);

  expect(refusals).toBe(1);
  expect(told).toMatchObject({ status: "False", reason: "Rejected" });
  expect(world.target.world()).toEqual({ "chat/slow": "1", "ray/noisy": "2" });
});

test("what stood in the way is looked at again at the next resync", async () => {
  const world = startLoop();
  world.target.before = (what) => {
    if (what.startsWith("create")) throw failure("conflict");
  };
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  world.target.before = () => undefined;
  const told = world.condition("ray");

  await world.clock.advance(70_000);

  expect(told).toMatchObject({ status: "False", reason: "Conflict" });
  expect(world.target.world()).toEqual({ "ray/noisy": "1" });
});

test("what people put into the target while a service rested is seen when it goes on", async () => {
  const world = startLoop();
  world.wish({ ray: {} }, ["ray"]);
  await world.clock.advance(0);
  world.target.put("ray/noisy", "theirs");

  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);

  // Not made a second time.
  expect(world.target.writes()).toEqual(["update ray/noisy"]);
});

test("what people put into the target before they wrote the wish is not made a second time", async () => {
  const world = startLoop();
  world.wish({ chat: { a: "1" } });
  await world.clock.advance(0);
  world.target.put("ray/noisy", "theirs");

  world.wish({ chat: { a: "1" }, ray: { noisy: "1" } });
  await world.clock.advance(0);

  expect(world.target.writes()).toEqual(["create chat/a", "update ray/noisy"]);
});

test("what stands there as it is wished is remembered, though nobody had to write it", async () => {
  const world = startLoop();
  world.target.put("ray/noisy", "1");

  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);

  expect(world.target.writes()).toEqual([]);
  const stored = new Map(world.board.takeChanged(10)).get("ray");
  expect(stored?.objects).toMatchObject([{ controller: "toys", key: "ray/noisy", ref: "1" }]);
});

test("whoever is new is not ready before the first pass has ended", async () => {
  const world = startLoop();
  const gate = Promise.withResolvers<void>();
  world.target.before = async (what) => (what === "create ray/noisy" ? await gate.promise : undefined);

  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  const meanwhile = world.condition("ray");
  gate.resolve();
  await world.clock.advance(0);

  expect(meanwhile).toMatchObject({ status: "Unknown", reason: "Progressing" });
  expect(world.condition("ray")).toMatchObject({ status: "True" });
});

test("a wish that only changes what is there costs no list", async () => {
  const world = startLoop();
  world.wish({ ray: { a: "1" } });
  await world.clock.advance(0);

  world.wish({ ray: { a: "2" } });
  await world.clock.advance(0);

  expect(world.target.log).toEqual(["observe", "create ray/a", "update ray/a"]);
});

test("a service that is paused by command says so, is left alone, and says when it goes on", async () => {
  const world = startLoop();
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);

  world.wish({ ray: { noisy: "1" } }, ["ray"]);
  await world.clock.advance(0);
  const paused = world.condition("ray");
  world.wish({ ray: { noisy: "2" } }, ["ray"]);
  await world.clock.advance(600_000);
  const meanwhile = world.target.world();
  world.wish({ ray: { noisy: "2" } });
  await world.clock.advance(0);

  expect(paused).toMatchObject({ status: "False", reason: "Paused" });
  expect(meanwhile).toEqual({ "ray/noisy": "1" });
  expect(world.target.world()).toEqual({ "ray/noisy": "2" });
  expect(world.condition("ray")).toMatchObject({ status: "True", reason: "Synced" });
});

test("deletes at the end of the grace period, not before", async () => {
  const world = startLoop({ graceMs: 25_000 });
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);

  world.wish({});
  await world.clock.advance(24_999);
  const before = world.target.world();
  await world.clock.advance(1);

  expect(before).toEqual({ "ray/noisy": "1" });
  expect(world.target.world()).toEqual({});
});

test("a service that comes back begins its next absence anew, even if the target was down meanwhile", async () => {
  const world = startLoop({ graceMs: 60_000 });
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  world.wish({});
  await world.clock.advance(30_000);
  let isDown = true;
  world.target.before = () => {
    if (isDown) throw failure("unavailable");
  };
  world.loop.refresh();
  await world.clock.advance(0);

  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(1_000);
  world.wish({});
  await world.clock.advance(60_000);
  isDown = false;
  await world.clock.advance(50_000);

  expect(world.target.world()).toEqual({ "ray/noisy": "1" });
});

test("forgets the absence of a service that is back, in the next process as well", async () => {
  const world = startLoop();
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  world.wish({});
  await world.clock.advance(1_000);
  const absent = world.board.get("ray")?.absentSince;

  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);

  expect(absent).toBeDefined();
  expect(world.board.get("ray")?.absentSince).toBeUndefined();
});

test("objects of services that nobody remembers wait for approval, however often it looks", async () => {
  const target = new ToyTarget();
  target.put("ray/noisy", "1");
  const approved = new Set<string>();
  const world = startLoop({ target, graceMs: 5_000, approved: () => approved });
  world.wish({ chat: { slow: "1" } });
  await world.clock.advance(600_000);
  const told = world.condition("ray");

  approved.add(/approve ([0-9a-f]+)/.exec(told?.message ?? "")?.[1] ?? "none");
  world.wish({ chat: { slow: "1" } });
  await world.clock.advance(0);

  expect(told).toMatchObject({ status: "False", reason: "BrakeEngaged" });
  expect(target.world()).toEqual({ "chat/slow": "1" });
});

test("after a stop, what is under way is finished and nothing new is begun", async () => {
  const world = startLoop();
  const writing = Promise.withResolvers<void>();
  world.target.before = async (what) => {
    if (what === "create ray/a") await writing.promise;
  };
  world.wish({ ray: { a: "1", b: "1" } });
  await world.clock.advance(0);

  world.stop.abort();
  await world.clock.advance(0);
  writing.resolve();
  await world.done;

  expect(world.target.world()).toEqual({ "ray/a": "1" });
});

test("an abort gives up what is under way", async () => {
  const world = startLoop();
  world.target.before = async (what, signal) => {
    if (what === "observe") return;
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  world.wish({ ray: { a: "1" } });
  await world.clock.advance(0);

  world.abort.abort();
  await world.done;

  expect(world.target.world()).toEqual({});
});

test("a compile that fails is told, stops no loop, and is over with the next snapshot", async () => {
  const target = new ToyTarget();
  const controller = toyController(target);
  let isBroken = true;
  const world = startLoop({
    target,
    controller: {
      ...controller,
      compile(snapshot) {
        if (isBroken) throw new Error("a mistake of ours");
        return controller.compile(snapshot);
      },
    },
  });
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  const told = world.condition("ray");
  isBroken = false;

  await world.clock.advance(1_000);

  expect(told).toMatchObject({ status: "False", reason: "Failed", message: "a mistake of ours" });
  expect(target.world()).toEqual({ "ray/noisy": "1" });
  expect(world.condition("ray")).toMatchObject({ status: "True" });
});

test("a mistake while something is told costs a pass and not the loop", async () => {
  let isBroken = true;
  class FaultyBoard extends Board {
    override setConditions(...said: Parameters<Board["setConditions"]>): void {
      if (isBroken) throw new Error("a mistake of ours");
      super.setConditions(...said);
    }
  }
  const world = startLoop({ board: new FaultyBoard("controller") });
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(0);
  isBroken = false;

  await world.clock.advance(1_000);

  expect(world.condition("ray")).toMatchObject({ status: "True" });
});

test("a short failure is told to those whose wish changed, a lasting one to all", async () => {
  const world = startLoop();
  world.wish({ ray: { noisy: "1" }, chat: { slow: "1" } });
  await world.clock.advance(0);
  let isDown = true;
  world.target.before = () => {
    if (isDown) throw failure("unavailable");
  };

  world.loop.refresh();
  world.wish({ ray: { noisy: "2" }, chat: { slow: "1" } });
  await world.clock.advance(0);
  const first = [world.condition("ray")?.reason, world.condition("chat")?.reason];
  await world.clock.advance(10_000);
  const lasting = [world.condition("ray")?.reason, world.condition("chat")?.reason];
  isDown = false;
  await world.clock.advance(300_000);

  expect(first).toEqual(["Unavailable", "Synced"]);
  expect(lasting).toEqual(["Unavailable", "Unavailable"]);
  expect([world.condition("ray")?.reason, world.condition("chat")?.reason]).toEqual(["Synced", "Synced"]);
});

test("looks whether it works a second after a write, again while it isn't known, and at every resync", async () => {
  const target = new ToyTarget();
  const looks: number[] = [];
  let isKnown = false;
  const world = startLoop({ target });
  target.verify = async () => {
    looks.push(world.clock.monotonicMs());
    const status = isKnown ? "True" : "Unknown";
    return new Map([["ray", [{ type: "Works", status, reason: "Looked", message: "looked" }]]]);
  };
  const startMs = world.clock.monotonicMs();
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(20_000);
  isKnown = true;
  await world.clock.advance(50_000);

  expect(looks.map((atMs) => atMs - startMs)).toEqual([1_000, 16_000, 31_000, 60_000]);
  expect(world.board.get("ray")?.conditions.find(({ type }) => type === "Works")).toMatchObject({
    status: "True",
  });
});

test("takes a verdict back when there is nothing left to judge", async () => {
  const target = new ToyTarget();
  target.verify = async () =>
    new Map(
      target.objects.size === 0
        ? []
        : [["ray", [{ type: "Works", status: "False", reason: "Broken", message: "it does not" }]]],
    );
  const world = startLoop({ target });
  world.wish({ ray: { noisy: "1" } });
  await world.clock.advance(1_000);

  world.wish({ ray: {} });
  await world.clock.advance(1_000);

  expect(world.board.get("ray")?.conditions.map(({ type }) => type)).toEqual(["ToysSynced"]);
});

test("services named as what every object inherits are services like others", async () => {
  const world = startLoop({ graceMs: 0 });
  const wishes = JSON.parse('{"constructor":{"a":"1"},"toString":{"b":"2"}}') as Record<
    string,
    Record<string, string>
  >;

  world.wish(wishes);
  await world.clock.advance(0);
  const made = world.target.world();
  world.wish({});
  await world.clock.advance(0);

  expect(made).toEqual({ "constructor/a": "1", "toString/b": "2" });
  expect(world.target.world()).toEqual({});
});
