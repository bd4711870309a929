import { expect, onTestFinished, test } from "vitest";

import { toyLoop } from "../../test/builders/engine-world.ts";

/** A loop that makes the objects of 500 services, and a person who changes the wish of two of them meanwhile. */
async function startFlood() {
  const world = toyLoop();
  const done = world.start();
  onTestFinished(async () => {
    world.abort.abort();
    await done;
  });
  const wish = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`s${at}`, { a: "1" }]));
  const seen: { conditionOfOther: unknown; left: number }[] = [];
  world.target.before = (what) => {
    if (what === "create s20/a") world.wish({ ...wish, s1: { a: "2" } });
    if (what === "update s1/a") {
      seen.push({
        conditionOfOther: world.condition("s400"),
        left: 500 - Object.keys(world.target.world()).length,
      });
      world.wish({ ...wish, s1: { a: "2" }, s499: { a: "2" } });
    }
  };
  world.wish(wish);
  await world.clock.advance(60_000);
  return { world, seen, writes: world.target.log.filter((line) => line !== "observe") };
}

test("a person's change is not kept waiting by very many objects that are yet to be made", async () => {
  const { world, seen, writes } = await startFlood();

  const [first, second] = ["create s20/a", "update s1/a"].map((line) => writes.indexOf(line));
  expect(second! - first!).toBeLessThan(3);
  expect(writes.indexOf("create s499/a") - second!).toBeLessThan(3);
  expect(seen[0]?.left).toBeGreaterThan(300);
  expect(Object.keys(world.target.world())).toHaveLength(500);
  expect(world.target.world()).toMatchObject({ "s1/a": "2", "s499/a": "2", "s400/a": "1" });
});

test("of very many that wait for a newer wish each is told once, when it is done", async () => {
  const { world, seen } = await startFlood();

  expect(seen[0]?.conditionOfOther).toBeUndefined();
  expect(world.condition("s400")).toMatchObject({ status: "True", message: "1 toy as wished" });
});
