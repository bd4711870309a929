import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";

import { RecordWorld, type Fields, type RecordWishes } from "../../test/builders/record-world.ts";
import type { Desired, DesiredObject } from "./plan.ts";
import { bind, Binder, References } from "./references.ts";
import { reference, referencesIn } from "./tokens.ts";

function desiredOf(bodies: Readonly<Record<string, Fields>>): Desired<Fields> {
  const objects = Object.entries(bodies).map(([key, body]): [string, DesiredObject<Fields>] => [
    key,
    { key, owner: key.split("/")[0]!, body, drift: "correct", retain: false },
  ]);
  return { objects: new Map(objects), held: new Map(), paused: new Set(), problems: [] };
}

/** References among monitors and SLOs; `refs` of monitors exist. */
function referencesWith(refs: Readonly<Record<string, string>>): References {
  const references = new References(["monitors", "slos"]);
  references.noteWished("monitors", new Map(Object.entries(refs)));
  references.notePass("monitors", Object.entries(refs));
  return references;
}

function bodiesOf({ objects }: Desired<Fields>): Readonly<Record<string, Fields>> {
  return Object.fromEntries([...objects].map(([key, { body }]) => [key, body]));
}

describe("a body's references", () => {
  test("are found in texts at any depth, each once", () => {
    const body = {
      query: "${monitors:ray/a} && !${monitors:ray/b} && ${monitors:ray/a}",
      widgets: [{ definition: { slo_id: "${slos:_slos/checkout|none}" } }],
      count: 3,
      nothing: null,
    };

    expect(referencesIn(body)).toEqual([
      { controller: "monitors", key: "ray/a", fallback: undefined },
      { controller: "monitors", key: "ray/b", fallback: undefined },
      { controller: "slos", key: "_slos/checkout", fallback: "none" },
    ]);
  });

  test("are what `reference` writes", () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z][a-z-]{0,9}$/),
        fc.stringMatching(/^[A-Za-z0-9_/.-]{1,20}$/),
        fc.option(fc.stringMatching(/^[^{}]{0,10}$/), { nil: undefined }),
        (controller, key, fallback) => {
          expect(referencesIn({ text: `a ${reference(controller, key, fallback)} b` })).toEqual([
            { controller, key, fallback },
          ]);
        },
      ),
    );
  });
});

describe("binding", () => {
  test("puts what the other system calls an object in the place of its reference", () => {
    const references = referencesWith({ "ray/a": "11", "ray/b": "12" });
    const body = { query: "${monitors:ray/a} && !${monitors:ray/b}", ids: ["${monitors:ray/a}"], n: 1 };

    const bound = bind(desiredOf({ "ray/both": body }), references);

    expect(bodiesOf(bound.desired)).toEqual({ "ray/both": { query: "11 && !12", ids: ["11"], n: 1 } });
    expect(bound.waiting).toEqual([]);
  });

  test("lets an object wait for what is wished and not there yet, and keeps what stands there", () => {
    const references = referencesWith({});
    references.noteWished("monitors", new Map([["ray/a", {}]]));

    const bound = bind(desiredOf({ "ray/both": { query: "${monitors:ray/a}" }, "ray/x": {} }), references);

    expect(bodiesOf(bound.desired)).toEqual({ "ray/x": {} });
    expect([...bound.desired.held.keys()]).toEqual(["ray/both"]);
    expect(bound.waiting).toMatchObject([{ reason: "WaitingForReference" }]);
  });

  test("says so of a name that nobody wishes", () => {
    const bound = bind(desiredOf({ "ray/both": { query: "${monitors:ray/typo}" } }), referencesWith({}));

    expect(bound.waiting).toMatchObject([
      {
        reason: "UnknownReference",
        message: "it refers to ray/typo, and nothing of that name is wished in monitors",
      },
    ]);
  });

  test.for(["ray/a", "ray"])("waits for what may be wished by a document that can't be read: %s", (held) => {
    const references = referencesWith({});
    references.noteWished("monitors", new Map(), new Map([[held, "broken"]]));

    const bound = bind(desiredOf({ "web/both": { query: "${monitors:ray/a}" } }), references);

    expect(bound.waiting).toMatchObject([{ reason: "WaitingForReference" }]);
  });

  test("takes the fallback once it is settled that the object isn't there", () => {
    const references = new References(["monitors", "dashboards"]);
    const wished = desiredOf({ "ray/a": { message: "see /${dashboards:_dashboards/x|lists}" } });

    const before = bind(wished, references);
    references.notePass("dashboards", []);
    const settled = bind(wished, references);
    references.notePass("dashboards", [["_dashboards/x", "abc"]]);
    const there = bind(wished, references);

    expect(bodiesOf(before.desired)).toEqual({});
    expect(bodiesOf(settled.desired)).toEqual({ "ray/a": { message: "see /lists" } });
    expect(bodiesOf(there.desired)).toEqual({ "ray/a": { message: "see /abc" } });
  });

  test("leaves a text alone that only looks like a reference", () => {
    const body = { note: "docker run -p ${port:-80|8080} ${port:-8080} ${HOME} ${monitors} ${slos:}" };

    const bound = bind(desiredOf({ "ray/a": body }), referencesWith({}));

    expect(bodiesOf(bound.desired)).toEqual({ "ray/a": body });
    expect(bound.refers).toBe(false);
  });

  test("takes the fallback at once where the controller doesn't run", () => {
    const references = new References(["monitors"], ["dashboards"]);

    const bound = bind(desiredOf({ "ray/a": { message: "see /${dashboards:ray/x|lists}" } }), references);

    expect(bodiesOf(bound.desired)).toEqual({ "ray/a": { message: "see /lists" } });
  });

  test("again gives the same objects while nothing has changed", () => {
    const references = referencesWith({ "ray/a": "11" });
    const binder = new Binder<Fields>(references);
    const wished = desiredOf({ "ray/b": { query: "${monitors:ray/a}" }, "ray/x": {} });
    const first = binder.bind(wished).desired.objects;

    references.notePass("monitors", [
      ["ray/a", "11"],
      ["ray/c", "13"],
    ]);
    const second = binder.bind({ ...wished, objects: new Map(wished.objects) }).desired.objects;

    expect(second).toBe(first);
  });
});

const KEYS = ["a/1", "a/2", "b/1", "b/2"];
const changes = fc.array(
  fc.oneof(
    fc.record({
      what: fc.constant("wish"),
      key: fc.constantFrom(...KEYS),
      to: fc.option(fc.constantFrom(...KEYS), { nil: undefined }),
    }),
    fc.record({ what: fc.constant("drop"), key: fc.constantFrom(...KEYS), to: fc.constant(undefined) }),
    fc.record({ what: fc.constant("ref"), key: fc.constantFrom(...KEYS), to: fc.constant(undefined) }),
    fc.record({ what: fc.constant("gone"), key: fc.constantFrom(...KEYS), to: fc.constant(undefined) }),
  ),
  { maxLength: 20 },
);

test("what is bound step by step equals what is bound at once, whatever came before", () => {
  fc.assert(
    fc.property(changes, fc.boolean(), (all, hasFallback) => {
      const references = new References(["monitors"]);
      const binder = new Binder<Fields>(references);
      let bodies: Readonly<Record<string, Fields>> = {};
      const refs = new Map<string, string>();
      let next = 1;
      for (const { what, key, to } of all) {
        if (what === "wish") {
          const body =
            to === undefined ? { n: 1 } : { query: reference("monitors", to, hasFallback ? "x" : undefined) };
          bodies = { ...bodies, [key]: body };
        } else if (what === "drop") {
          const { [key]: _dropped, ...rest } = bodies;
          bodies = rest;
        } else if (what === "ref") refs.set(key, String(next++));
        else refs.delete(key);
        references.noteWished("monitors", new Map(Object.entries(bodies)));
        references.notePass("monitors", refs);
        const desired = desiredOf(bodies);

        const { waiting, ...stepwise } = binder.bind(desired);

        const { waiting: waitingAtOnce, ...atOnce } = bind(desired, references);
        expect(stepwise).toEqual(atOnce);
        expect(new Set(waiting)).toEqual(new Set(waitingAtOnce));
      }
    }),
  );
});

const KINDS = ["monitors", "slos", "dashboards"];

function startWorld(): RecordWorld {
  const world = new RecordWorld(KINDS);
  onTestFinished(async () => await world.stop());
  return world;
}

/** What the system of a kind calls an object. */
function refOf(world: RecordWorld, kind: string, key: string): string | undefined {
  return [...world.systems.get(kind)!.objects].find(([, object]) => object.key === key)?.[0];
}

describe("controllers whose objects refer to one another", () => {
  const CHAIN: RecordWishes = {
    dashboards: { "ray/d": { slo: "${slos:ray/s}" } },
    slos: { "ray/s": { ids: ["${monitors:ray/m}", "${monitors:ray/c}"] } },
    monitors: { "ray/m": { link: "${dashboards:ray/d|lists}" }, "ray/c": { query: "!${monitors:ray/m}" } },
  };

  test("come to an end, whoever waits for whom", async () => {
    const world = startWorld();

    await world.wish(CHAIN);

    const m = refOf(world, "monitors", "ray/m")!;
    const c = refOf(world, "monitors", "ray/c")!;
    expect(world.systems.get("monitors")!.world()).toEqual({
      "ray/m": { link: refOf(world, "dashboards", "ray/d") },
      "ray/c": { query: `!${m}` },
    });
    expect(world.systems.get("slos")!.world()).toEqual({ "ray/s": { ids: [m, c] } });
    expect(world.systems.get("dashboards")!.world()).toEqual({
      "ray/d": { slo: refOf(world, "slos", "ray/s") },
    });
    for (const kind of KINDS) expect(world.condition("ray", kind)?.status).toBe("True");
  });

  test("write nothing anew after a restart", async () => {
    const world = startWorld();
    await world.wish(CHAIN);
    const before = KINDS.map((kind) => world.systems.get(kind)!.writes.length);

    await world.restart();
    await world.clock.advance(120_000);

    expect(KINDS.map((kind) => world.systems.get(kind)!.writes.length)).toEqual(before);
  });

  test("follow an object that is made anew under another id", async () => {
    const world = startWorld();
    await world.wish(CHAIN);
    const old = refOf(world, "monitors", "ray/m");
    world.systems.get("monitors")!.remove("ray/m");

    await world.resync();

    const m = refOf(world, "monitors", "ray/m");
    expect(m).not.toBe(old);
    expect(world.systems.get("slos")!.world()).toEqual({
      "ray/s": { ids: [m, refOf(world, "monitors", "ray/c")] },
    });
    expect(world.systems.get("monitors")!.world()["ray/c"]).toEqual({ query: `!${m}` });
  });

  test("say of what waits that it is not known, and what it waits for", async () => {
    const world = startWorld();
    world.systems.get("monitors")!.before = () => {
      throw new Error("no");
    };

    await world.wish({ monitors: { "ray/m": {} }, slos: { "ray/s": { ids: ["${monitors:ray/m}"] } } });

    expect(world.condition("ray", "slos")).toMatchObject({
      status: "Unknown",
      reason: "WaitingForReference",
      message: "it waits for ray/m in monitors, which it refers to",
    });
  });

  test("are woken once by a burst of new objects", async () => {
    const world = startWorld();
    await world.wish({ slos: { "ray/s": { ids: ["${monitors:ray/0|none}"] } } });
    const monitors = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`ray/${n}`, { n }]));
    const before = world.passes.get("slos")!;

    await world.wish({ monitors, slos: { "ray/s": { ids: ["${monitors:ray/0|none}"] } } });

    // One for the wish, one for all that is new.
    expect(world.passes.get("slos")! - before).toBe(2);
    expect(world.systems.get("slos")!.world()).toEqual({
      "ray/s": { ids: [refOf(world, "monitors", "ray/0")] },
    });
  });
});

const NODES = KINDS.flatMap((kind) => ["x/1", "x/2", "y/1"].map((key) => ({ kind, key })));
const graphs = fc.array(
  fc.record({
    node: fc.constantFrom(...NODES),
    links: fc.array(fc.record({ to: fc.constantFrom(...NODES), soft: fc.boolean() }), { maxLength: 2 }),
  }),
  { minLength: 1, maxLength: 9 },
);

/** Objects that can come to be: all that they need can. */
function possible(
  wishes: ReadonlyMap<string, readonly { to: string; soft: boolean }[]>,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const [name, links] of wishes)
      if (links.every(({ to, soft }) => soft || found.has(to))) found.add(name);
  }
  return found;
}

/** True if something else that the owner wants can't be made: it may be what takes the place of what is no longer wished. */
function isSuccessorOpen(
  wished: ReadonlyMap<string, unknown>,
  made: ReadonlySet<string>,
  kind: string,
  key: string,
): boolean {
  const owner = `${kind}:${key.slice(0, key.indexOf("/") + 1)}`;
  return [...wished.keys()].some((node) => node.startsWith(owner) && !made.has(node));
}

test("whatever refers to whatever, all that can be made is made, and nothing is sent with an open reference", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(graphs, { minLength: 1, maxLength: 3 }), async (steps) => {
      const world = new RecordWorld(KINDS, { graceMs: 0 });
      try {
        for (const graph of steps) {
          const wishes: Record<string, Record<string, Fields>> = {};
          const links = new Map<string, { to: string; soft: boolean; kind: string; key: string }[]>();
          for (const { node, links: all } of graph) {
            const texts = all.map(({ to, soft }) => reference(to.kind, to.key, soft ? "none" : undefined));
            (wishes[node.kind] ??= {})[node.key] = { links: texts };
            links.set(
              `${node.kind}:${node.key}`,
              all.map(({ to, soft }) => ({ to: `${to.kind}:${to.key}`, soft, ...to })),
            );
          }

          await world.wish(wishes);
          await world.clock.advance(1_000);

          const made = possible(links);
          for (const { kind, key } of NODES) {
            const stands = world.systems.get(kind)!.world()[key];
            if (made.has(`${kind}:${key}`)) {
              const ids = links.get(`${kind}:${key}`)!.map((to) => refOf(world, to.kind, to.key) ?? "none");
              expect(stands).toEqual({ links: ids });
            } else if (!links.has(`${kind}:${key}`) && !isSuccessorOpen(links, made, kind, key))
              expect(stands).toBeUndefined();
          }
          for (const { writes } of world.systems.values())
            expect(JSON.stringify(writes.map(({ body }) => body))).not.toContain("${");
        }
      } finally {
        await world.stop();
      }
    }),
    { numRuns: 60 },
  );
});
