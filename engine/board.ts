import type { Memory } from "./memory.ts";
import type { Condition, ServiceStatus, StoredCondition, StoredEvent, StoredObject } from "./status.ts";

const MAX_EVENTS = 10;

interface Entry {
  generation: number;
  readonly conditions: Map<string, StoredCondition>;
  events: StoredEvent[];
  absentSince: string | undefined;
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

  /** @param writer Who writes: `controller`, or the node's name. */
  constructor(writer: string, now: () => Date = () => new Date()) {
    this.#writer = writer;
    this.#now = now;
  }

  /** Stores the objects that a controller remembers with the status of their owners. */
  addMemory(controller: string, memory: Memory): void {
    this.#memories.set(controller, memory);
  }

  /** Takes over what an earlier process stored. Objects go back into the controllers' memories. */
  restore(statuses: Iterable<ServiceStatus>): void {
    for (const status of statuses) {
      this.#entries.set(status.service, {
        generation: status.generation,
        conditions: new Map(status.conditions.map((condition) => [condition.type, condition])),
        events: status.events,
        absentSince: status.absentSince,
      });
      for (const { controller, key, ref, applied } of status.objects) {
        this.#memories.get(controller)?.set(key, { owner: status.service, ref, applied });
      }
    }
  }

  /** True for a service that this process, or one before it, has known. */
  isKnown(service: string): boolean {
    return this.#entries.has(service);
  }

  services(): Iterable<string> {
    return this.#entries.keys();
  }

  absentSince(): readonly (readonly [string, number])[] {
    return [...this.#entries].flatMap(([service, { absentSince }]) =>
      absentSince === undefined ? [] : [[service, Date.parse(absentSince)] as const],
    );
  }

  setConditions(service: string, generation: number, conditions: readonly Condition[]): void {
    const entry = this.#entry(service);
    let changed = false;
    for (const condition of conditions) {
      const before = entry.conditions.get(condition.type);
      if (before !== undefined && isEqual(before, condition, generation)) continue;
      const lastTransitionTime =
        before?.status === condition.status ? before.lastTransitionTime : this.#now().toISOString();
      entry.conditions.set(condition.type, {
        ...condition,
        observedGeneration: generation,
        lastTransitionTime,
      });
      changed = true;
    }
    entry.generation = Math.max(entry.generation, generation);
    if (changed) this.#changed.add(service);
  }

  /** Notes something that happened. The same thing again counts up. */
  addEvent(service: string, reason: string, message: string): void {
    const entry = this.#entry(service);
    const lastSeen = this.#now().toISOString();
    const same = entry.events.find((event) => event.reason === reason && event.message === message);
    const event = { reason, message, count: (same?.count ?? 0) + 1, lastSeen };
    entry.events = [...entry.events.filter((other) => other !== same), event].slice(-MAX_EVENTS);
    this.#changed.add(service);
  }

  setAbsentSince(service: string, sinceMs: number | undefined): void {
    const entry = this.#entries.get(service);
    const absentSince = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString();
    if (entry === undefined || entry.absentSince === absentSince) return;
    entry.absentSince = absentSince;
    this.#changed.add(service);
  }

  /** Says that the objects which a memory holds of this service have changed. */
  touch(service: string): void {
    this.#entry(service);
    this.#changed.add(service);
  }

  /** Forgets a service that has neither a wish nor an object any more. */
  forget(service: string): void {
    if (this.#entries.delete(service)) this.#changed.add(service);
  }

  get(service: string): ServiceStatus | undefined {
    const entry = this.#entries.get(service);
    return entry === undefined
      ? undefined
      : this.#statusOf(service, entry, this.#objectsOf(new Set([service])));
  }

  all(): readonly ServiceStatus[] {
    const objects = this.#objectsOf(undefined);
    return [...this.#entries].map(([service, entry]) => this.#statusOf(service, entry, objects));
  }

  /** Hands out the services with news, at most `most`; undefined stands for one that is forgotten. */
  takeChanged(most: number): ReadonlyMap<string, ServiceStatus | undefined> {
    const services = new Set([...this.#changed].slice(0, most));
    const objects = this.#objectsOf(services);
    const taken = new Map<string, ServiceStatus | undefined>();
    for (const service of services) {
      this.#changed.delete(service);
      const entry = this.#entries.get(service);
      taken.set(service, entry === undefined ? undefined : this.#statusOf(service, entry, objects));
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
      entry = { generation: 0, conditions: new Map(), events: [], absentSince: undefined };
      this.#entries.set(service, entry);
    }
    return entry;
  }

  #statusOf(
    service: string,
    entry: Entry,
    objects: ReadonlyMap<string, readonly StoredObject[]>,
  ): ServiceStatus {
    return {
      service,
      writer: this.#writer,
      generation: entry.generation,
      conditions: [...entry.conditions.values()],
      objects: [...(objects.get(service) ?? [])],
      events: entry.events,
      ...(entry.absentSince === undefined ? {} : { absentSince: entry.absentSince }),
    };
  }

  #objectsOf(services: ReadonlySet<string> | undefined): ReadonlyMap<string, StoredObject[]> {
    const objects = new Map<string, StoredObject[]>();
    for (const [controller, memory] of this.#memories) {
      for (const [key, { owner, ref, applied }] of memory.entries()) {
        if (services !== undefined && !services.has(owner)) continue;
        const list = objects.get(owner) ?? [];
        list.push({ controller, key, ref, applied });
        objects.set(owner, list);
      }
    }
    return objects;
  }
}

function isEqual(before: StoredCondition, now: Condition, generation: number): boolean {
  return (
    before.status === now.status &&
    before.reason === now.reason &&
    before.message === now.message &&
    before.observedGeneration === generation
  );
}
