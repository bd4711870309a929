import { pino } from "pino";

import { ApiError, type ApiErrorDetails } from "../../clients/errors.ts";
import { Absence } from "../../engine/plan/absence.ts";
import { Board } from "../../engine/status/board.ts";
import { compileAll } from "../../engine/plan/compile.ts";
import type { Controller, Target } from "../../engine/loop/controller.ts";
import { hashOf } from "../../engine/hash.ts";
import type { LoopOptions } from "../../engine/loop/loop-options.ts";
import { ControllerLoop } from "../../engine/loop/loop.ts";
import { Memory } from "../../engine/plan/memory.ts";
import { createMetrics } from "../../engine/metrics.ts";
import type { Action, DesiredObject, ObservedObject } from "../../engine/plan/plan.ts";
import { keyOf } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { Resolution } from "../../crds/resolve.ts";
import { resolve } from "../../crds/resolve.ts";
import { SteppedClock } from "./clock.ts";
import { exampleGround } from "./packs.ts";

export const SILENT = pino({ level: "silent" });

export type Body = string;

/** A snapshot that says by itself which objects each service wants, by name. */
export interface ToySnapshot extends Snapshot {
  readonly wants: ReadonlyMap<string, Readonly<Record<string, Body>>>;
}

/** `"broken"` for a document that can't be read. */
export type ToyWishes = Readonly<Record<string, Readonly<Record<string, Body>> | "broken">>;

const GROUND = exampleGround();
const resolutions = new Map<string, Resolution>();

/** The same wish gives the same resolution, as a resolver does. */
function resolutionOf(service: string, wish: ToyWishes[string]): Resolution {
  const name = `${service} ${JSON.stringify(wish)}`;
  let resolution = resolutions.get(name);
  if (resolution === undefined) {
    resolution = { ...resolve(service, [], wish === "broken" ? BROKEN : VALID, GROUND)! };
    // Compiles are remembered by the wish itself.
    if (resolution.state === "accepted") resolution = { ...resolution, wish: { ...resolution.wish } };
    resolutions.set(name, resolution);
  }
  return resolution;
}

const BROKEN = { text: "pack: [", generation: 7 };
const VALID = { text: "", generation: 7 };

export function toySnapshot(wishes: ToyWishes, paused: readonly string[] = []): ToySnapshot {
  const services = new Map<string, Resolution>();
  const wants = new Map<string, Readonly<Record<string, Body>>>();
  for (const [service, wish] of Object.entries(wishes)) {
    services.set(service, resolutionOf(service, wish));
    if (wish !== "broken") wants.set(service, wish);
  }
  return { services, wants, paused: new Set(paused) };
}

export function failure(kind: ApiErrorDetails["failure"], details: Partial<ApiErrorDetails> = {}): ApiError {
  return new ApiError("write a toy", kind, { failure: kind, ...details });
}

/** Another system, in memory: what stands there by ref. Ours carry an owner and a key. */
export class ToyTarget implements Target<Body> {
  concurrency = 1;
  readonly objects = new Map<string, { owner: string; key: string; body: Body; foreign?: boolean }>();
  readonly log: string[] = [];
  readonly memory: Memory;
  settles = 0;
  closed = 0;
  /** Called before each observe and each change. Throws to make it fail. */
  before: (what: string, signal: AbortSignal) => Promise<void> | void = () => undefined;
  /** Called after a change has been made. Throws to lose the answer. */
  after: (what: string) => Promise<void> | void = () => undefined;
  verify?: NonNullable<Target<Body>["verify"]>;
  #next = 1;

  constructor(memory = new Memory()) {
    this.memory = memory;
  }

  /** What stands there and is ours, by key. */
  world(): Readonly<Record<string, Body>> {
    const ours = [...this.objects.values()].filter(({ foreign }) => foreign !== true);
    return Object.fromEntries(ours.map(({ key, body }) => [key, body]));
  }

  put(key: string, body: Body, foreign = false): void {
    const owner = key.split("/")[0]!;
    this.objects.set(`${this.#next++}`, { owner, key, body, foreign });
  }

  async observe(signal: AbortSignal): Promise<readonly ObservedObject<Body>[]> {
    this.log.push("observe");
    await this.before("observe", signal);
    const ours = [...this.objects].filter(([, { foreign }]) => foreign !== true);
    return ours.map(([ref, { key, owner, body }]) => this.#observed(ref, key, owner, body));
  }

  async apply(action: Action<Body>, signal: AbortSignal): Promise<ObservedObject<Body> | undefined> {
    const what = `${action.type} ${keyOf(action)}`;
    await this.before(what, signal);
    this.log.push(what);
    if (action.type === "delete") {
      this.objects.delete(action.observed.ref);
      this.memory.delete(action.observed.key);
      await this.after(what);
      return undefined;
    }
    const { key, owner, body } = action.desired;
    const known = [...this.objects].find(([, object]) => object.key === key && object.foreign !== true);
    const ref = action.type === "update" ? action.observed.ref : (known?.[0] ?? `${this.#next++}`);
    this.objects.set(ref, { owner, key, body });
    await this.after(what);
    this.memory.set(key, { owner, ref, applied: hashOf(body) });
    return this.#observed(ref, key, owner, body);
  }

  async settle(): Promise<void> {
    this.settles++;
  }

  async close(): Promise<void> {
    this.closed++;
  }

  /** The changes that were asked for so far. */
  writes(): readonly string[] {
    return this.log.filter((line) => line !== "observe");
  }

  #observed(ref: string, key: string, owner: string, body: Body): ObservedObject<Body> {
    return { key, owner, body, ref, retain: false, applied: this.memory.get(key)?.applied };
  }
}

export function toyController(target: ToyTarget): Controller<ToySnapshot, Body> {
  return {
    name: "toys",
    scope: "cluster",
    condition: "ToysSynced",
    noun: "toy",
    target,
    compile: (snapshot) =>
      compileAll(snapshot, (wish) => ({
        objects: Object.entries(snapshot.wants.get(wish.service) ?? {}).map(
          ([name, body]): DesiredObject<Body> => ({
            key: `${wish.service}/${name}`,
            owner: wish.service,
            body,
            drift: { rule: "correct", fields: {} },
            retain: false,
          }),
        ),
      })),
  };
}

/** A loop with everything around it, and a clock that stands still. */
export function toyLoop(
  over: Partial<LoopOptions<ToySnapshot, Body>> & { readonly target?: ToyTarget } = {},
) {
  const clock = new SteppedClock();
  const { target = new ToyTarget(), ...options } = over;
  const board = over.board ?? new Board("controller", () => clock.date());
  board.addMemory("toys", target.memory);
  let newest = toySnapshot({});
  const loop = new ControllerLoop<ToySnapshot, Body>({
    controller: toyController(target),
    confirm: async () => newest,
    mayWrite: async () => undefined,
    board,
    memory: target.memory,
    absence: new Absence(board.absentSince()),
    resyncMs: 60_000,
    graceMs: 600_000,
    limit: { count: 10, share: 0.2 },
    approved: () => new Set(),
    log: SILENT,
    metrics: createMetrics(),
    clock,
    ...options,
  });
  const stop = new AbortController();
  const abort = new AbortController();
  return {
    loop,
    clock,
    target,
    board,
    stop,
    abort,
    /** What people wish from now on. */
    wish(wishes: ToyWishes, paused: readonly string[] = []): void {
      newest = toySnapshot(wishes, paused);
      for (const [service, { generation }] of newest.services) board.know(service, generation);
      loop.offer(newest);
    },
    start: (): Promise<void> => loop.run(stop.signal, abort.signal),
    condition: (service: string) => board.get(service)?.conditions.find(({ type }) => type === "ToysSynced"),
  };
}
