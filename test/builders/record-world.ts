import type { FreezeWindow } from "../../crds/freeze.ts";
import type { Resolution } from "../../crds/resolve.ts";
import { Absence } from "../../engine/plan/absence.ts";
import { hashOf } from "../../engine/hash.ts";
import type { Controller, Target } from "../../engine/loop/controller.ts";
import type { LoopOptions } from "../../engine/loop/loop-options.ts";
import { ControllerLoop } from "../../engine/loop/loop.ts";
import { createMetrics } from "../../engine/metrics.ts";
import { Memory } from "../../engine/plan/memory.ts";
import {
  rewrittenFields,
  type Action,
  type DesiredObject,
  type ObservedObject,
} from "../../engine/plan/plan.ts";
import { References } from "../../engine/plan/references.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { Board } from "../../engine/status/board.ts";
import { parseStatus } from "../../engine/status/status.ts";
import { SteppedClock } from "./clock.ts";
import { SILENT, toySnapshot } from "./engine-world.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A wished object by its key; its owner is the key's first part. */
export type RecordWish = Fields | { readonly body: Fields; readonly drift: DesiredObject<Fields>["drift"] };

/** Wished objects by kind and key. */
export type RecordWishes = Readonly<Record<string, Readonly<Record<string, RecordWish>>>>;

/** Windows by owner; `_defaults` for all others, also for those without a wish. */
export type Freezes = Readonly<Record<string, readonly FreezeWindow[]>>;

interface RecordSnapshot extends Snapshot {
  readonly desired: ReadonlyMap<string, ReadonlyMap<string, DesiredObject<Fields>>>;
}

/** Another system that keeps objects with fields, in memory. It outlives the operator. */
export class RecordSystem {
  readonly objects = new Map<string, { readonly key: string; body: Fields }>();
  readonly writes: { readonly type: string; readonly key: string; readonly body: Fields | undefined }[] = [];
  /** What becomes of a body that is sent. */
  stored: (body: Fields) => Fields = (body) => body;
  /** Fields that only make sense together. */
  together: readonly (readonly string[])[] = [];
  /** Called before a change is made. Throws to refuse it. */
  before: (what: string) => void = () => undefined;
  #next = 1;

  nextRef(): string {
    return String(this.#next++);
  }

  /** What stands there, by key. */
  world(): Readonly<Record<string, Fields>> {
    return Object.fromEntries([...this.objects.values()].map(({ key, body }) => [key, body]));
  }

  /** A person replaces some fields; undefined takes one away. */
  edit(key: string, fields: Fields): void {
    const object = [...this.objects.values()].find((one) => one.key === key)!;
    const edited = Object.entries({ ...object.body, ...fields }).filter(([, value]) => value !== undefined);
    object.body = Object.fromEntries(edited);
  }

  /** A person deletes it. */
  remove(key: string): void {
    for (const [ref, object] of this.objects) if (object.key === key) this.objects.delete(ref);
  }
}

/** Keeps the objects of one system, and remembers what it wrote as the targets of real kinds do. */
class RecordTarget implements Target<Fields> {
  readonly #system: RecordSystem;
  readonly #memory: Memory;

  constructor(system: RecordSystem, memory: Memory) {
    this.#system = system;
    this.#memory = memory;
  }

  get together(): RecordSystem["together"] {
    return this.#system.together;
  }

  async observe(): Promise<readonly ObservedObject<Fields>[]> {
    return [...this.#system.objects].map(([ref, { key, body }]) => this.#observed(ref, key, body));
  }

  async apply(action: Action<Fields>): Promise<ObservedObject<Fields> | undefined> {
    const system = this.#system;
    const key = action.type === "delete" ? action.observed.key : action.desired.key;
    system.before(`${action.type} ${key}`);
    const sent = action.type === "delete" ? undefined : action.desired.body;
    system.writes.push({ type: action.type, key, body: sent });
    if (action.type === "delete") {
      system.objects.delete(action.observed.ref);
      this.#memory.delete(key);
      return undefined;
    }
    const { owner, wished = action.desired.body } = action.desired;
    const ref = action.type === "update" ? action.observed.ref : system.nextRef();
    const body = system.stored(action.desired.body);
    system.objects.set(ref, { key, body });
    const rewritten = rewrittenFields(action.desired.body, body);
    const drift = this.#memory.get(key)?.drift;
    this.#memory.set(key, { owner, ref, applied: hashOf(wished), rewritten, drift });
    return this.#observed(ref, key, body);
  }

  #observed(ref: string, key: string, body: Fields): ObservedObject<Fields> {
    const known = this.#memory.get(key);
    const { applied, rewritten } = known?.ref === ref ? known : {};
    return { key, owner: ownerOf(key), body, ref, retain: false, applied, rewritten };
  }
}

function ownerOf(key: string): string {
  return key.split("/")[0]!;
}

/** An operator of several kinds of objects, on one clock, that can be started anew. */
export class RecordWorld {
  readonly clock = new SteppedClock();
  readonly systems: ReadonlyMap<string, RecordSystem>;
  board!: Board;
  references!: References;
  readonly #over: Partial<LoopOptions<RecordSnapshot, Fields>>;
  #loops: readonly ControllerLoop<RecordSnapshot, Fields>[] = [];
  #snapshot = snapshotOf({}, []);
  #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  /** Passes of each kind since the last start. */
  readonly passes = new Map<string, number>();

  constructor(kinds: readonly string[] = ["toys"], over: Partial<LoopOptions<RecordSnapshot, Fields>> = {}) {
    this.systems = new Map(kinds.map((kind) => [kind, new RecordSystem()]));
    this.#over = over;
    this.start();
  }

  /** The only kind, where there is one. */
  get system(): RecordSystem {
    return [...this.systems.values()][0]!;
  }

  start(): void {
    const statuses = this.#statuses();
    this.board = new Board("controller", () => this.clock.date());
    const memories = new Map([...this.systems.keys()].map((kind) => [kind, new Memory()]));
    for (const [kind, memory] of memories) this.board.addMemory(kind, memory);
    this.board.restore(statuses);
    this.references = new References(this.systems.keys());
    this.passes.clear();
    this.#stop = new AbortController();
    const absence = new Absence(this.board.absentSince());
    this.#loops = [...this.systems].map(([kind, system]) => {
      const memory = memories.get(kind)!;
      const controller = this.#controllerOf(kind, new RecordTarget(system, memory));
      return new ControllerLoop<RecordSnapshot, Fields>({
        controller,
        confirm: async () => this.#snapshot,
        mayWrite: async () => undefined,
        board: this.board,
        memory,
        absence,
        references: this.references,
        resyncMs: 60_000,
        graceMs: 600_000,
        limit: { count: 1_000, share: 1 },
        approved: () => new Set(),
        log: SILENT,
        metrics: createMetrics(),
        clock: this.clock,
        ...this.#over,
      });
    });
    for (const loop of this.#loops) loop.offer(this.#snapshot);
    const { signal } = this.#stop;
    this.#running = Promise.all(this.#loops.map(async (loop) => await loop.run(signal, signal)));
  }

  /** Ends the process and starts another, which knows what was stored. */
  async restart(): Promise<void> {
    await this.stop();
    this.start();
    await this.clock.advance(0);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** What people wish from now on. */
  async wish(wishes: RecordWishes, paused: readonly string[] = [], freezes: Freezes = {}): Promise<void> {
    this.#snapshot = snapshotOf(wishes, paused, freezes);
    for (const [service, { generation }] of this.#snapshot.services) this.board.know(service, generation);
    for (const loop of this.#loops) loop.offer(this.#snapshot);
    await this.clock.advance(0);
  }

  /** Reads everything afresh, as at a resync. */
  async resync(): Promise<void> {
    for (const loop of this.#loops) loop.refresh();
    await this.clock.advance(0);
  }

  condition(service: string, kind = "toys") {
    return this.board.get(service)?.conditions.find(({ type }) => type === `${kind} synced`);
  }

  /** What is stored of one object. */
  storedObject(key: string) {
    return this.#statuses()
      .flatMap(({ objects }) => objects)
      .find((object) => object.key === key);
  }

  #statuses() {
    const texts = this.board === undefined ? [] : this.board.all().map((status) => JSON.stringify(status));
    return texts.flatMap((text) => parseStatus(text) ?? []);
  }

  #controllerOf(kind: string, target: Target<Fields>): Controller<RecordSnapshot, Fields> {
    return {
      name: kind,
      scope: "cluster",
      condition: `${kind} synced`,
      noun: "object",
      target,
      compile: ({ desired, paused }) => {
        this.passes.set(kind, (this.passes.get(kind) ?? 0) + 1);
        return { objects: desired.get(kind) ?? new Map(), held: new Map(), paused, problems: [] };
      },
    };
  }
}

function snapshotOf(
  wishes: RecordWishes,
  paused: readonly string[],
  { _defaults: freeze = [], ...freezes }: Freezes = {},
): RecordSnapshot {
  const desired = new Map(
    Object.entries(wishes).map(([kind, objects]) => [
      kind,
      new Map(Object.entries(objects).map(([key, wish]) => [key, desiredOf(key, wish)])),
    ]),
  );
  const owners = [...desired.values()].flatMap((objects) => [...objects.keys()].map(ownerOf));
  const toys = toySnapshot(Object.fromEntries(owners.map((owner) => [owner, {}])));
  const services = new Map(
    [...toys.services].map(([owner, resolution]) => [owner, frozenBy(resolution, freezes[owner] ?? freeze)]),
  );
  return { services, paused: new Set(paused), desired, freeze };
}

function frozenBy(resolution: Resolution, freeze: readonly FreezeWindow[]): Resolution {
  return resolution.state === "accepted"
    ? { ...resolution, wish: { ...resolution.wish, freeze } }
    : resolution;
}

function desiredOf(key: string, wish: RecordWish): DesiredObject<Fields> {
  const isWhole = typeof wish["body"] === "object" && wish["drift"] !== undefined;
  const { body, drift } = (isWhole ? wish : { body: wish, drift: "correct" }) as {
    body: Fields;
    drift: DesiredObject<Fields>["drift"];
  };
  return { key, owner: ownerOf(key), body, drift, retain: false };
}
