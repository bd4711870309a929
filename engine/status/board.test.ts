import { expect, test } from "vitest";

import { SteppedClock } from "../../test/builders/clock.ts";
import { Board } from "./board.ts";
import { Memory } from "../plan/memory.ts";
import type { Condition, ServiceStatus } from "./status.ts";

function startBoard() {
  const clock = new SteppedClock();
  return { clock, board: new Board("controller", () => clock.date()) };
}

const SYNCED: Condition = { type: "Synced", status: "True", reason: "Synced", message: "2 toys as wished" };

const STORED: ServiceStatus = {
  service: "ray",
  writer: "controller",
  generation: 7,
  conditions: [],
  objects: [],
  events: [],
};

test("the time of the last transition moves only when the status does", async () => {
  const { board, clock } = startBoard();
  const times: (string | undefined)[] = [];
  const said: readonly Partial<Condition>[] = [
    {},
    { message: "3 toys as wished" },
    { reason: "Other" },
    { status: "False" },
  ];

  for (const over of said) {
    board.setConditions("ray", 7, [{ ...SYNCED, ...over }]);
    times.push(board.get("ray")?.conditions[0]?.lastTransitionTime);
    await clock.advance(60_000);
  }

  expect(times).toEqual([
    "2026-11-22T07:00:00.000Z",
    "2026-11-22T07:00:00.000Z",
    "2026-11-22T07:00:00.000Z",
    "2026-11-22T07:03:00.000Z",
  ]);
});

test("saying the same again is no news", () => {
  const { board } = startBoard();
  board.setConditions("ray", 7, [SYNCED]);
  board.takeChanged(10);

  board.setConditions("ray", 7, [SYNCED]);
  const same = board.hasNews;
  board.setConditions("ray", 8, [SYNCED]);

  expect([same, board.hasNews]).toEqual([false, true]);
});

test("counts events that repeat, and keeps the ten newest", async () => {
  const { board, clock } = startBoard();
  for (let at = 0; at < 12; at++) board.addEvent("ray", "Failed", `try ${at}`);
  await clock.advance(1_000);

  board.addEvent("ray", "Failed", "try 5");

  const events = board.get("ray")!.events;
  expect(events).toHaveLength(10);
  expect(events.at(-1)).toEqual({
    reason: "Failed",
    message: "try 5",
    count: 2,
    lastSeen: "2026-11-22T07:00:01.000Z",
  });
  expect(events[0]?.message).toBe("try 2");
});

test("cuts texts that are too long to be stored", () => {
  const { board } = startBoard();

  board.addEvent("ray", "Failed", "x".repeat(100_000));
  board.setConditions("ray", 7, [{ ...SYNCED, message: "y".repeat(100_000) }]);

  expect(JSON.stringify(board.get("ray")).length).toBeLessThan(5_000);
});

test("hands out what changed in portions, and takes back what could not be stored", () => {
  const { board } = startBoard();
  for (const service of ["a", "b", "c"]) board.setConditions(service, 1, [SYNCED]);

  const first = board.takeChanged(2);
  const second = board.takeChanged(2);
  board.giveBack(first.keys());

  expect([[...first.keys()], [...second.keys()], board.hasNews]).toEqual([["a", "b"], ["c"], true]);
  expect([...board.takeChanged(10).keys()]).toEqual(["a", "b"]);
  expect(board.hasNews).toBe(false);
});

test("a service that is forgotten is handed out once, as gone, and leaves nothing behind", () => {
  const { board } = startBoard();
  const memory = new Memory();
  board.addMemory("toys", memory);
  memory.set("ray/a", { owner: "ray", ref: "1", applied: "x" });
  board.setConditions("ray", 7, [SYNCED]);
  board.takeChanged(10);

  board.forget("ray");
  board.forget("ray");

  expect([...board.takeChanged(10)]).toEqual([["ray", undefined]]);
  expect([board.all(), memory.size, board.isKnown("ray")]).toEqual([[], 0, false]);
});

test("an event of a service that was forgotten begins a new status", () => {
  const { board } = startBoard();
  board.know("ray", 7);
  board.forget("ray");

  board.addEvent("ray", "Deleted", "toys ray/a");

  expect(board.get("ray")).toMatchObject({ generation: 0, conditions: [], isStranger: true });
});

test("objects are stored with the status of their owner, and are back in the memory after a restart", () => {
  const before = startBoard().board;
  const memory = new Memory();
  before.addMemory("toys", memory);
  memory.set("ray/a", { owner: "ray", ref: "1", applied: "x" });
  memory.set("chat/a", { owner: "chat", ref: "2", applied: "y" });
  before.know("ray", 7);
  const stored = before.get("ray")!;

  const after = startBoard().board;
  const restored = new Memory();
  after.addMemory("toys", restored);
  after.restore([stored]);

  expect(stored.objects).toEqual([{ controller: "toys", key: "ray/a", ref: "1", applied: "x" }]);
  expect([...restored.entries()]).toEqual([["ray/a", { owner: "ray", ref: "1", applied: "x" }]]);
});

test("keeps the objects of a controller that doesn't run at the moment", () => {
  const { board } = startBoard();
  const objects = [{ controller: "toys", key: "ray/a", ref: "1", applied: "x" }];
  board.restore([{ ...STORED, objects }]);

  board.setConditions("ray", 7, [SYNCED]);

  expect(board.isNeededElsewhere("ray")).toBe(true);
  expect(board.takeChanged(10).get("ray")?.objects).toEqual(objects);
});

test("only a service whose wish was seen is known, in the next process as well", () => {
  const { board } = startBoard();
  board.know("ray", 7);
  board.setConditions("chat", undefined, [SYNCED]);
  board.addEvent("web", "Deleted", "toys web/a");

  const next = startBoard().board;
  next.restore(board.all());

  for (const one of [board, next])
    expect(["ray", "chat", "web", "none"].map((service) => one.isKnown(service))).toEqual([
      true,
      false,
      false,
      false,
    ]);
});

test("what a term knew and had no time to store is known in the next one, until it is forgotten", () => {
  const { board } = startBoard();
  board.know("ray", 7);
  const next = startBoard().board;

  next.addKnown(board.known());
  next.setConditions("ray", undefined, [SYNCED]);
  const known = [next.isKnown("ray"), next.get("ray")?.isStranger];
  next.forget("ray");

  expect(known).toEqual([true, undefined]);
  expect([next.isKnown("ray"), next.known()]).toEqual([false, []]);
});

test("the newest wish counts, even if its number is smaller", () => {
  const { board } = startBoard();
  board.know("ray", 4_711);

  board.know("ray", 0);
  board.setConditions("ray", 0, [SYNCED]);

  expect(board.get("ray")).toMatchObject({ generation: 0, conditions: [{ observedGeneration: 0 }] });
});

test.for([
  { title: "a text that is no time", absentSince: "yesterday", since: [] },
  { title: "a time ahead", absentSince: "2099-01-01T00:00:00.000Z", since: [] },
  { title: "nothing", absentSince: undefined, since: [] },
  {
    title: "a time",
    absentSince: "2026-11-22T06:55:00.000Z",
    since: [["ray", Date.parse("2026-11-22T06:55:00.000Z")]],
  },
])("restores since when a wish is gone from $title", ({ absentSince, since }) => {
  const { board } = startBoard();

  board.restore([{ ...STORED, ...(absentSince === undefined ? {} : { absentSince }) }]);

  expect(board.absentSince()).toEqual(since);
});

test("takes over no more events than it keeps", () => {
  const { board } = startBoard();
  const event = { reason: "Failed", message: "no", count: 1, lastSeen: "2026-11-22T06:55:00.000Z" };

  board.restore([{ ...STORED, events: Array.from({ length: 1_000 }, () => event) }]);

  expect(board.get("ray")?.events).toHaveLength(10);
});

test("services named as what every object inherits have statuses of their own", () => {
  const { board } = startBoard();
  const names = ["__proto__", "constructor", "toString"];

  for (const name of names) board.setConditions(name, 1, [SYNCED]);

  expect(board.all().map(({ service }) => service)).toEqual(names);
});

test("an object that belongs to somebody else now is stored with its new owner, and with whether it stays", () => {
  const { board } = startBoard();
  const memory = new Memory();
  board.addMemory("toys", memory);
  const objects = [{ controller: "toys", key: "_toys/a", ref: "a", applied: "hash" }];
  board.restore([
    { ...STORED, objects },
    { ...STORED, service: "web" },
  ]);

  memory.move("_toys/a", { owner: "web", retain: true });

  const stored = board.takeChanged(10);
  expect(stored.get("ray")?.objects).toEqual([]);
  expect(stored.get("web")?.objects).toEqual([{ ...objects[0], retain: true }]);
});
