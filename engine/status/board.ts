import type { Memory } from "../plan/memory.ts";
import type { ServiceCost } from "./cost.ts";
import type { Condition, ServiceStatus, StoredCondition, StoredEvent, StoredObject } from "./status.ts";
import { MAX_VALUES, rememberedOf, storedOf } from "./stored-object.ts";

const MAX_EVENTS = 10;
/** Longer ones are cut: what is stored for a service must fit into one write to Consul. */
const MAX_MESSAGE = 2_000;

interface Entry {
  generation: number;
  /** True until a wish of the service has been seen, by this process or by one before it. */
  isStranger: boolean;
  /** Objects of controllers that don't run here at the moment, such as for want of a key. */
  readonly others: readonly StoredObject[];
  readonly conditions: Map<string, StoredCondition>;
  events: StoredEvent[];
  absentSince: string | undefined;
  cost: ServiceCost | undefined;
}

/**
 * What this process has to say of every service. The controllers write to it, one writer
 * stores it, and everyone may read it. Knows which services have news.
 */
export class Board {
  readonly #writer: string;
  readonly #now: () => Date;
  readonly #entries = new Map<string, Entry>();
  readonly #memories = new Map<string, Memory>();
  readonly #changed = new Set<string>();
  readonly #seenBefore = new Set<string>();
  /** Known to this process, and to no process after it if it died now. */
  readonly #newcomers = new Set<string>();

  /** @param writer Who writes: `controller`, or the node's name. */
  constructor(writer: string, now: () => Date = () => new Date()) {
    this.#writer = writer;
    this.#now = now;
  }

  /** Stores the objects that a controller remembers with the status of their owners. */
  addMemory(controller: string, memory: Memory): void {
    this.#memories.set(controller, memory);
    memory.onMove = (owners) => owners.forEach((owner) => this.touch(owner));
  }

  /**
   * Takes over what an earlier process stored. Objects go back into the controllers' memories.
   * A time of absence that is none, or lies ahead, is left out: then the grace period begins anew.
   */
  restore(statuses: Iterable<ServiceStatus>): void {
    for (const status of statuses) {
      const since = Date.parse(status.absentSince ?? "");
      this.#entries.set(status.service, {
        generation: status.generation,
        isStranger: status.isStranger === true,
        others: status.objects.filter(({ controller }) => !this.#memories.has(controller)),
        conditions: new Map(status.conditions.map((condition) => [condition.type, condition])),
        events: status.events.slice(-MAX_EVENTS),
        absentSince: since <= this.#now().getTime() ? status.absentSince : undefined,
        cost: status.cost,
      });
      for (const object of status.objects)
        this.#memories
          .get(object.controller)
          ?.set(object.key, rememberedOf(status.service, object, this.#now().getTime()));
    }
  }

  /** Says that a service has a wish, and which version of it is the newest. */
  know(service: string, generation: number): void {
    const entry = this.#entry(service);
    if (entry.generation === generation && !entry.isStranger) return;
    if (entry.isStranger) this.#newcomers.add(service);
    entry.generation = generation;
    entry.isStranger = false;
    this.#changed.add(service);
  }

  /** True for a service whose wish this process, or one before it, has seen. */
  isKnown(service: string): boolean {
    return this.#seenBefore.has(service) || this.#entries.get(service)?.isStranger === false;
  }

  /** The services that are known. */
  known(): readonly string[] {
    return [...new Set([...this.#seenBefore, ...this.#entries.keys()])].filter((service) =>
      this.isKnown(service),
    );
  }

  /** Takes over what an earlier term of this process knew, and may have had no time to store. */
  addKnown(services: Iterable<string>): void {
    for (const service of services) this.#seenBefore.add(service);
  }

  /** How many services have a wish and no status in the store yet. */
  get newcomers(): number {
    return this.#newcomers.size;
  }

  /** Says that what was taken is stored. */
  noteStored(services: Iterable<string>): void {
    for (const service of services) this.#newcomers.delete(service);
  }

  /** True if a service has objects of a controller that doesn't run at the moment, and so can't say whether they are gone. */
  isNeededElsewhere(service: string): boolean {
    return (this.#entries.get(service)?.others.length ?? 0) > 0;
  }

  services(): Iterable<string> {
    return this.#entries.keys();
  }

  absentSince(): readonly (readonly [string, number])[] {
    return [...this.#entries].flatMap(([service, { absentSince }]) =>
      absentSince === undefined ? [] : [[service, Date.parse(absentSince)] as const],
    );
  }

  /** @param generation Which version of the wish this is said of. Undefined if there is none: then of the one seen last. */
  setConditions(service: string, generation: number | undefined, conditions: readonly Condition[]): void {
    const entry = this.#entry(service);
    const observedGeneration = generation ?? entry.generation;
    for (const { type, status, reason, message: text } of conditions) {
      const message = cut(text);
      const before = entry.conditions.get(type);
      const now = { type, status, reason, message, observedGeneration };
      if (before !== undefined && isEqual(before, now)) continue;
      const lastTransitionTime =
        before?.status === status ? before.lastTransitionTime : this.#now().toISOString();
      entry.conditions.set(type, { ...now, lastTransitionTime });
      this.#changed.add(service);
    }
  }

  /** Takes conditions back of which there is nothing to say any more. */
  dropConditions(service: string, types: Iterable<string>): void {
    const entry = this.#entries.get(service);
    for (const type of types) if (entry?.conditions.delete(type) === true) this.#changed.add(service);
  }

  /** Notes something that happened. The same thing again counts up. */
  addEvent(service: string, reason: string, text: string): void {
    const entry = this.#entry(service);
    const message = cut(text);
    const lastSeen = this.#now().toISOString();
    const same = entry.events.find((event) => event.reason === reason && event.message === message);
    const event = { reason, message, count: (same?.count ?? 0) + 1, lastSeen };
    entry.events = [...entry.events.filter((other) => other !== same), event].slice(-MAX_EVENTS);
    this.#changed.add(service);
  }

  /** Says that what is remembered of a service has changed. */
  touch(service: string): void {
    if (this.#entries.has(service)) this.#changed.add(service);
  }

  setAbsentSince(service: string, sinceMs: number | undefined): void {
    const entry = this.#entries.get(service);
    const absentSince = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString();
    if (entry === undefined || entry.absentSince === absentSince) return;
    entry.absentSince = absentSince;
    this.#changed.add(service);
  }

  /** What was measured of a service's cost. Says nothing of one that is not known. */
  setCost(service: string, cost: ServiceCost): void {
    const entry = this.#entries.get(service);
    if (entry === undefined) return;
    entry.cost = cost;
    this.#changed.add(service);
  }

  /** Forgets a service that has neither a wish nor an object any more. */
  forget(service: string): void {
    this.#seenBefore.delete(service);
    if (!this.#entries.delete(service)) return;
    this.#changed.add(service);
    for (const memory of this.#memories.values())
      for (const [key] of memory.ofOwner(service)) memory.delete(key);
  }

  get(service: string): ServiceStatus | undefined {
    const entry = this.#entries.get(service);
    return entry === undefined ? undefined : this.#statusOf(service, entry);
  }

  all(): readonly ServiceStatus[] {
    return [...this.#entries].map(([service, entry]) => this.#statusOf(service, entry));
  }

  /** Hands out the services with news, at most `most`; undefined stands for one that is forgotten. */
  takeChanged(most: number): ReadonlyMap<string, ServiceStatus | undefined> {
    const taken = new Map<string, ServiceStatus | undefined>();
    for (const service of this.#changed) {
      if (taken.size === most) break;
      this.#changed.delete(service);
      taken.set(service, this.get(service));
    }
    return taken;
  }

  /** Gives back what could not be stored. */
  giveBack(services: Iterable<string>): void {
    for (const service of services) this.#changed.add(service);
  }

  get hasNews(): boolean {
    return this.#changed.size > 0;
  }

  #entry(service: string): Entry {
    let entry = this.#entries.get(service);
    if (entry === undefined) {
      entry = {
        generation: 0,
        isStranger: true,
        others: [],
        conditions: new Map(),
        events: [],
        absentSince: undefined,
        cost: undefined,
      };
      this.#entries.set(service, entry);
    }
    return entry;
  }

  #statusOf(service: string, entry: Entry): ServiceStatus {
    // All objects of a service share what their values may take.
    const room = { values: MAX_VALUES };
    const remembered = [...this.#memories].flatMap(([controller, memory]) =>
      memory.ofOwner(service).map(([key, object]) => storedOf(controller, key, object, room)),
    );
    return {
      service,
      writer: this.#writer,
      generation: entry.generation,
      conditions: [...entry.conditions.values()],
      objects: [...remembered, ...entry.others],
      events: entry.events,
      ...(entry.absentSince === undefined ? {} : { absentSince: entry.absentSince }),
      ...(this.isKnown(service) ? {} : { isStranger: true }),
      ...(entry.cost === undefined ? {} : { cost: entry.cost }),
    };
  }
}

function cut(message: string): string {
  return message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`;
}

function isEqual(
  before: StoredCondition,
  now: Condition & Pick<StoredCondition, "observedGeneration">,
): boolean {
  return (
    before.status === now.status &&
    before.reason === now.reason &&
    before.message === now.message &&
    before.observedGeneration === now.observedGeneration
  );
}
