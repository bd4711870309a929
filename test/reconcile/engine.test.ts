import { expect, test } from "vitest";

import { Absence } from "../../engine/plan/absence.ts";
import { Board } from "../../engine/status/board.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { parseStatus } from "../../engine/status/status.ts";
import { failure, ToyTarget, toyLoop, type ToyWishes } from "../builders/engine-world.ts";

/** Chance that can be repeated: mulberry32. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SERVICES = ["ray", "chat", "web", "constructor"];
const NAMES = ["a", "b", "c"];
const FAULTS = ["rejected", "unavailable", "rateLimited", "ambiguous", "conflict"] as const;

/** A target, wishes and a loop that people, chance and crashes play with. What survives a crash is the target and the stored statuses. */
class Story {
  readonly chance: () => number;
  readonly target = new ToyTarget();
  readonly kv = new Map<string, string>();
  wishes: ToyWishes = {};
  faultRate = 0.2;
  world: ReturnType<typeof toyLoop> | undefined;
  done: Promise<void> = Promise.resolve();

  constructor(seed: number) {
    this.chance = chanceOf(seed);
    this.target.concurrency = 1 + Math.floor(this.chance() * 4);
    for (const service of SERVICES) this.target.put(`${service}/a`, "a stranger's", true);
    this.target.before = (what) => this.#mayFail(what);
    this.target.after = () => this.#mayFail("answer");
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.chance() * items.length)]!;
  }

  /** A new process: knows nothing but what is stored. */
  start(): void {
    const board = new Board("controller");
    const { target } = this;
    for (const [key] of target.memory.entries()) target.memory.delete(key);
    board.addMemory("toys", target.memory);
    board.restore([...this.kv.values()].flatMap((text) => parseStatus(text) ?? []));
    this.world = toyLoop({
      target,
      board,
      memory: target.memory,
      absence: new Absence(board.absentSince()),
      graceMs: 30_000,
      limit: { count: 1_000, share: 1 },
    });
    this.done = this.world.start();
    this.world.wish(this.wishes);
  }

  /** Ends the process at once; what was not stored is lost. */
  async kill(): Promise<void> {
    this.world?.abort.abort();
    await this.done;
  }

  store(): void {
    const { board } = this.world!;
    for (const [service, status] of board.takeChanged(1_000)) {
      if (status === undefined) this.kv.delete(service);
      else this.kv.set(service, JSON.stringify(status));
    }
  }

  changeWishes(): void {
    const wish = Object.fromEntries(
      NAMES.filter(() => this.chance() < 0.6).map((name) => [name, String(Math.floor(this.chance() * 3))]),
    );
    const { [this.pick(SERVICES)]: _gone, ...others } = this.wishes;
    this.wishes =
      this.chance() < 0.2
        ? others
        : { ...this.wishes, [this.pick(SERVICES)]: this.chance() < 0.1 ? "broken" : wish };
    this.world!.wish(this.wishes);
  }

  /** A person edits or deletes something of ours. */
  meddle(): void {
    const ours = [...this.target.objects].filter(([, { foreign }]) => foreign !== true);
    if (ours.length === 0) return;
    const [ref, object] = this.pick(ours);
    if (this.chance() < 0.5) this.target.objects.delete(ref);
    else object.body = "by hand";
    this.world!.loop.refresh();
  }

  async step(): Promise<void> {
    const chance = this.chance();
    if (chance < 0.35) this.changeWishes();
    else if (chance < 0.45) this.meddle();
    else if (chance < 0.55) this.store();
    else if (chance < 0.62) {
      await this.kill();
      this.start();
    } else if (chance < 0.67) {
      this.world!.stop.abort();
      await this.world!.clock.advance(0);
      await this.done;
      this.store();
      this.start();
    }
    await this.world!.clock.advance(this.pick([0, 0, 100, 5_000, 70_000]));
  }

  /** Ours by key. Fails if a key stands there twice. */
  standing(): Readonly<Record<string, string>> {
    const ours = [...this.target.objects.values()].filter(({ foreign }) => foreign !== true);
    if (new Set(ours.map(({ key }) => key)).size < ours.length) throw new Error("a key stands there twice");
    return Object.fromEntries(ours.map(({ key, body }) => [key, body]));
  }

  wanted(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      Object.entries(this.wishes).flatMap(([service, wish]) =>
        wish === "broken" ? [] : Object.entries(wish).map(([name, body]) => [`${service}/${name}`, body]),
      ),
    );
  }

  /** What stands there of services without a wish that no stored status knows, by key: only a person may let it go. */
  forgotten(): Readonly<Record<string, string>> {
    const isForgotten = (key: string): boolean => {
      const owner = key.split("/")[0]!;
      const status = parseStatus(this.kv.get(owner) ?? "");
      return !Object.hasOwn(this.wishes, owner) && (status === undefined || status.isStranger === true);
    };
    return Object.fromEntries(Object.entries(this.standing()).filter(([key]) => isForgotten(key)));
  }

  #mayFail(what: string): void {
    if (this.chance() >= this.faultRate) return;
    const kind = what === "answer" ? "ambiguous" : this.pick(FAULTS);
    throw failure(what === "observe" && kind === "rejected" ? "unavailable" : kind);
  }
}

test.for(Array.from({ length: 12 }, (_, at) => at + 1))(
  "converges to what is wished, whatever fails, restarts or meddles (seed %i)",
  async (seed) => {
    const story = new Story(seed);
    story.start();

    for (let at = 0; at < 60; at++) {
      await story.step();
      story.standing();
    }
    // The faults end, and nothing is broken for good.
    story.faultRate = 0;
    story.wishes = Object.fromEntries(
      Object.entries(story.wishes).map(([service, wish]) => [service, wish === "broken" ? { a: "9" } : wish]),
    );
    await story.kill();
    const forgotten = story.forgotten();
    story.start();
    await story.world!.clock.advance(1_000_000);

    expect(story.standing()).toEqual({ ...story.wanted(), ...forgotten });
    const strangers = [...story.target.objects.values()].filter(({ foreign }) => foreign === true);
    expect(strangers.map(({ key, body }) => [key, body])).toEqual(
      SERVICES.map((service) => [`${service}/a`, "a stranger's"]),
    );
    const writes = story.target.writes().length;
    await story.world!.clock.advance(600_000);
    expect(story.target.writes()).toHaveLength(writes);
    await story.kill();
  },
);

test("never deletes anything of a service whose wish is there, even if it is broken", async () => {
  for (let seed = 100; seed < 106; seed++) {
    const story = new Story(seed);
    story.start();
    story.target.after = (what) => {
      const [type, key] = what.split(" ");
      if (type !== "delete") return;
      const wish = story.wishes[key!.split("/")[0]!];
      const isWanted = wish === "broken" || (wish !== undefined && Object.hasOwn(wish, key!.split("/")[1]!));
      if (isWanted) expect(key).toBe("not deleted");
    };
    for (let at = 0; at < 40; at++) await story.step();
    await story.kill();
  }
});

test("nothing of services that are gone stays in the memory of the process", async () => {
  const memory = new Memory();
  const target = new ToyTarget(memory);
  const world = toyLoop({ target, graceMs: 0, limit: { count: 1_000, share: 1 } });
  const done = world.start();

  for (let at = 0; at < 50; at++) {
    world.wish({ [`s${at}`]: { a: "1", b: "1" } });
    await world.clock.advance(0);
  }
  world.wish({});
  await world.clock.advance(0);

  expect(target.world()).toEqual({});
  expect([memory.size, world.loop.owns("s1")]).toEqual([0, false]);
  world.abort.abort();
  await done;
});
