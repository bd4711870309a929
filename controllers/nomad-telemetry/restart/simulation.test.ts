import fc from "fast-check";
import { expect, test } from "vitest";

import { nextTurn, type RestartOrder } from "./choose.ts";
import { decide, isStale, type CommandState, type Decision, type View } from "./decide.ts";
import { IDLE, type Progress, type RestartRequest } from "./progress.ts";

const COME_BACK_MS = 120_000;
const SETTLE_MS = 600_000;
const T0 = Date.parse("2026-11-22T07:00:00Z");

/** A file with this in it is one that Nomad cannot start with. */
const BROKEN = "broken";

/** One machine: its Nomad, its folder, and the process that decides there. */
interface Machine {
  readonly name: string;
  readonly isServer: boolean;
  /** What Nomad started with; undefined while it is down. */
  runs: string | undefined;
  /** When it is up again. */
  upAtMs: number | undefined;
  /** When what runs on it is in order. */
  settledAtMs: number;
  disk: string;
  lastGood: string;
  refused: string | undefined;
  /** A person went on though this one's Nomad is not well. */
  isGivenUp: boolean;
  alive: boolean;
  command: CommandState;
  /** The record that `command` is of. */
  commandOf: string;
  /** Decided and not done yet; may be done much later, or never. */
  decided: { readonly decision: Decision; readonly version: number } | undefined;
}

/** A cluster as Consul and the machines make it, in which everything may stop between any two steps. */
class World {
  nowMs = T0;
  progress: Progress = IDLE;
  version = 0;
  lock: string | undefined;
  gateIsOpen = true;
  generation = 1;
  wished = "file-1";
  readonly requests = new Map<string, RestartRequest>();
  readonly machines: readonly Machine[];
  readonly begun: { readonly node: string; readonly isServer: boolean; readonly generation: number }[] = [];
  /** Machines that began after a failure, with the version of the wish that failed. */
  readonly begunAfterFailure: string[] = [];
  mostDisturbed = 0;
  order: RestartOrder = "servers-first";
  #failedGeneration: number | undefined;

  constructor(servers: number, clients: number) {
    this.machines = Array.from({ length: servers + clients }, (_, index) => ({
      name: `node-${index}`,
      isServer: index < servers,
      runs: "file-0",
      upAtMs: undefined,
      settledAtMs: T0,
      disk: "file-1",
      lastGood: "file-0",
      refused: undefined,
      isGivenUp: false,
      alive: true,
      command: { state: "notRun" },
      commandOf: "",
      decided: undefined,
    }));
  }

  view(machine: Machine): View {
    const isUp = machine.runs !== undefined;
    // The least that a machine may know: nothing of the others. The record alone must keep them apart.
    const troubles = this.nowMs < machine.settledAtMs ? ["its allocations don't run again"] : [];
    const recordText = JSON.stringify(this.progress);
    return {
      node: machine.name,
      nowMs: this.nowMs,
      generation: this.generation,
      file: machine.disk,
      isWaiting: isUp && machine.runs !== machine.disk,
      gate: this.gateIsOpen ? undefined : { reason: "WaitingForWindow", message: "closed" },
      agent: isUp
        ? { isUp, runsAsWished: machine.runs === machine.disk, message: "other telemetry" }
        : { isUp, message: "it doesn't answer" },
      troubles,
      command: machine.commandOf === recordText ? machine.command : { state: "notRun" },
      comeBackMs: COME_BACK_MS,
      settleMs: SETTLE_MS,
    };
  }

  isDisturbed({ runs, settledAtMs }: Machine): boolean {
    return runs === undefined || this.nowMs < settledAtMs;
  }

  advance(ms: number): void {
    this.nowMs += ms;
    for (const machine of this.machines) {
      if (machine.upAtMs !== undefined && machine.upAtMs <= this.nowMs) {
        machine.upAtMs = undefined;
        machine.runs = machine.disk;
      }
    }
  }

  /** A person wishes something else: the files follow. */
  wish(file: string): void {
    this.wished = file;
    this.generation++;
    for (const machine of this.machines) if (machine.refused !== file) machine.disk = file;
  }

  resume(): void {
    if (this.progress.step !== "failed") return;
    this.#write(IDLE);
    this.#failedGeneration = undefined;
    this.#giveUp();
  }

  #giveUp(): void {
    for (const machine of this.machines) machine.isGivenUp ||= this.isDisturbed(machine);
  }

  crash(machine: Machine): void {
    machine.alive = false;
    machine.decided = undefined;
    machine.command = { state: "notRun" };
    machine.commandOf = "";
    if (this.lock === machine.name) this.lock = undefined;
  }

  /** One small step of a machine's process. */
  step(machine: Machine, commandFails = false): void {
    if (!machine.alive) return;
    const pending = machine.decided;
    if (pending !== undefined) {
      machine.decided = undefined;
      this.#act(machine, pending.decision, pending.version, commandFails);
      return;
    }
    const view = this.view(machine);
    if (view.isWaiting && view.gate === undefined && !this.requests.has(machine.name)) {
      this.requests.set(machine.name, {
        node: machine.name,
        isServer: machine.isServer,
        isClient: !machine.isServer,
        since: new Date(this.nowMs).toISOString(),
      });
      return;
    }
    const decision = decide(this.progress, view);
    if (this.lock === undefined && decision.do !== "release") {
      this.lock = machine.name;
      return;
    }
    if (this.lock !== machine.name) return;
    if (decision.do === "release") this.lock = undefined;
    else machine.decided = { decision, version: this.version };
  }

  #act(machine: Machine, decision: Decision, version: number, commandFails: boolean): void {
    // Consul's check-session and cas, and the look at the lock and at the clock before a command.
    if (this.lock !== machine.name || this.version !== version) return;
    if ("announced" in decision && isStale(decision.announced, this)) return;
    if (decision.do === "write") {
      if (decision.progress.step === "restarting") this.#noteBegin(machine, decision.progress.generation);
      this.#write(decision.progress);
    } else if (decision.do === "handOn") {
      if (decision.done !== undefined) this.requests.delete(decision.done);
      const at = { generation: this.generation, nowMs: this.nowMs };
      this.#write(nextTurn([...this.requests.values()], { order: this.order, leader: "" }, at));
    } else if (decision.do === "runCommand") {
      this.#run(machine, commandFails);
    } else if (decision.do === "rollBack") {
      machine.refused = machine.disk;
      machine.disk = machine.lastGood;
      if (decision.runs) this.#run(machine, commandFails);
      else this.#noteCommand(machine, { state: "ended" });
    }
    this.#measure();
  }

  #run(machine: Machine, commandFails: boolean): void {
    if (commandFails) {
      this.#noteCommand(machine, { state: "failed", message: "it ended with 1" });
      return;
    }
    machine.runs = undefined;
    const comesUp = !machine.disk.startsWith(BROKEN);
    machine.upAtMs = comesUp ? this.nowMs + 10_000 : undefined;
    machine.settledAtMs = comesUp ? this.nowMs + 20_000 : 0;
    this.#noteCommand(machine, { state: "ended" });
  }

  #noteCommand(machine: Machine, command: CommandState): void {
    machine.command = command;
    machine.commandOf = JSON.stringify(this.progress);
  }

  #noteBegin(machine: Machine, generation: number): void {
    this.begun.push({ node: machine.name, isServer: machine.isServer, generation });
    const failed = this.#failedGeneration;
    if (failed !== undefined && (this.progress.step === "failed" || generation <= failed))
      this.begunAfterFailure.push(machine.name);
    // A newer wish is a person's word too.
    if (this.#failedGeneration !== undefined && generation > this.#failedGeneration) this.#giveUp();
    this.#failedGeneration = undefined;
    machine.isGivenUp = false;
  }

  #write(progress: Progress): void {
    this.progress = progress;
    this.version++;
    if (progress.step === "failed") this.#failedGeneration = progress.generation;
  }

  #measure(): void {
    const count = this.machines.filter((machine) => !machine.isGivenUp && this.isDisturbed(machine)).length;
    this.mostDisturbed = Math.max(this.mostDisturbed, count);
  }
}

type Move =
  | { readonly kind: "step"; readonly at: number; readonly commandFails: boolean }
  | { readonly kind: "crash" | "start"; readonly at: number }
  | { readonly kind: "expire" | "resume" | "gate" | "round" }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "wish"; readonly file: string };

const at = fc.nat(4);
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 24,
    arbitrary: fc.record({
      kind: fc.constant("step" as const),
      at,
      commandFails: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
    }),
  },
  { weight: 12, arbitrary: fc.constant({ kind: "round" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      ms: fc.constantFrom(1_000, 3_000, 11_000, 61_000, 200_000, 700_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("crash" as const, "start" as const), at }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("expire" as const, "resume" as const, "gate" as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("wish" as const),
      file: fc.constantFrom("file-2", "file-3", "broken-4"),
    }),
  },
);

function play(world: World, moves: readonly Move[]): void {
  for (const made of moves) {
    if ("at" in made) {
      const machine = world.machines[made.at % world.machines.length]!;
      if (made.kind === "step") world.step(machine, made.commandFails);
      else if (made.kind === "crash") world.crash(machine);
      else machine.alive = true;
    } else if (made.kind === "round") {
      for (const machine of world.machines) world.step(machine);
      world.advance(1_000);
    } else if (made.kind === "expire") world.lock = undefined;
    else if (made.kind === "resume") world.resume();
    else if (made.kind === "gate") world.gateIsOpen = !world.gateIsOpen;
    else if (made.kind === "advance") world.advance(made.ms);
    else if (made.kind === "wish") world.wish(made.file);
  }
}

/** All processes run, nothing fails any more, and time goes on. */
function letItRest(world: World, rounds = 1_500): void {
  world.gateIsOpen = true;
  for (const machine of world.machines) machine.alive = true;
  for (let round = 0; round < rounds; round++) {
    for (const machine of world.machines) world.step(machine);
    world.advance(1_000);
  }
}

const runs = { numRuns: 300 };

test("no two machines are ever without their Nomad at once, whatever dies and whenever", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 400 }), (moves) => {
      const world = new World(2, 3);

      play(world, moves);
      letItRest(world, 200);

      expect(world.mostDisturbed).toBeLessThanOrEqual(1);
    }),
    runs,
  );
});

test("nobody begins after a failure until a person says so or wishes something newer", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 400 }), (moves) => {
      const world = new World(2, 3);

      play(world, moves);
      letItRest(world, 200);

      expect(world.begunAfterFailure).toEqual([]);
    }),
    runs,
  );
});

test("once nothing fails any more every machine runs as wished, wherever it was interrupted", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 250 }), (moves) => {
      const world = new World(2, 3);
      play(world, moves);
      // A Nomad that a failed rollback left behind is a person's to start.
      for (const machine of world.machines) if (machine.runs === undefined) machine.upAtMs = world.nowMs;

      world.wish("file-9");
      letItRest(world);
      if (world.progress.step === "failed") {
        world.resume();
        letItRest(world);
      }

      expect(world.machines.map(({ runs: file }) => file)).toEqual(world.machines.map(() => "file-9"));
      expect(world.progress).toEqual(IDLE);
      expect([...world.requests.keys()]).toEqual([]);
    }),
    runs,
  );
});

test("undisturbed, it goes from server to server, then from client to client", () => {
  const world = new World(3, 2);

  letItRest(world);

  expect(world.begun.map(({ node }) => node)).toEqual(["node-0", "node-1", "node-2", "node-3", "node-4"]);
  expect(world.mostDisturbed).toBe(1);
});

test("a file that Nomad can't start with costs one machine a restart and a rollback, and no other anything", () => {
  const world = new World(3, 2);
  for (const machine of world.machines) machine.disk = "broken-1";

  letItRest(world);

  expect(world.begun.map(({ node }) => node)).toEqual(["node-0"]);
  expect(world.machines.map(({ runs: file }) => file)).toEqual(world.machines.map(() => "file-0"));
  expect(world.progress).toMatchObject({
    step: "failed",
    node: "node-0",
    message: expect.stringContaining("stands again, and Nomad runs") as string,
  });
});

test("a machine that is next and gone is passed over, and comes later when it is back", () => {
  const world = new World(2, 2);
  while (world.progress.step !== "turn") world.step(world.machines[0]!);
  expect(world.progress).toMatchObject({ step: "turn", node: "node-0" });

  world.crash(world.machines[0]!);
  for (let round = 0; round < 400; round++) {
    for (const machine of world.machines) world.step(machine);
    world.advance(1_000);
  }

  expect(world.begun.map(({ node }) => node)).toEqual(["node-1", "node-2", "node-3"]);
  letItRest(world, 100);
  expect(world.begun.map(({ node }) => node)).toEqual(["node-1", "node-2", "node-3", "node-0"]);
});

test("a machine that dies while its Nomad restarts stops all others, and says so once its time is over", () => {
  const world = new World(2, 2);
  while (world.progress.step !== "restarting") world.step(world.machines[0]!);
  world.crash(world.machines[0]!);

  for (let round = 0; round < 400; round++) {
    for (const machine of world.machines) world.step(machine);
    world.advance(1_000);
  }

  expect(world.begun.map(({ node }) => node)).toEqual(["node-0"]);
  expect(world.progress).toMatchObject({
    step: "failed",
    message: expect.stringContaining("its dd-observe ended") as string,
  });
});
