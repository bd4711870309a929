import type { NomadState } from "./nomad-state.ts";

/** A service that Nomad registered itself, as it lists it. */
export interface FakeRegistration {
  readonly ID: string;
  readonly ServiceName: string;
  readonly Namespace: string;
  readonly NodeID: string;
  readonly Datacenter: string;
  readonly JobID: string;
  readonly AllocID: string;
  readonly Tags: readonly string[];
  readonly Address: string;
  readonly Port: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
}

/** The services of one Nomad, and who waits for its changes. */
export class NomadServicesState {
  readonly registrations = new Map<string, FakeRegistration>();
  /** Of the table as a whole: Nomad gives it with every answer about services. */
  index = 1;
  readonly #waiters = new Set<() => void>();

  /** Registers a service of an allocation that is there, under its own id. Again to change it. */
  register(
    state: NomadState,
    service: {
      readonly name: string;
      readonly allocation: string;
      readonly port: number;
      readonly tags?: readonly string[];
      readonly address?: string;
    },
  ): string {
    const allocation = state.allocations.get(service.allocation);
    if (allocation === undefined) throw new Error(`there is no allocation ${service.allocation}`);
    const id = `_nomad-task-${allocation.id}-group-${allocation.group}-${service.name}-http`;
    state.index++;
    this.index = state.index;
    this.registrations.set(id, {
      ID: id,
      ServiceName: service.name,
      Namespace: allocation.namespace,
      NodeID: allocation.nodeId,
      Datacenter: "dc1",
      JobID: allocation.jobId,
      AllocID: allocation.id,
      Tags: service.tags ?? [],
      Address: service.address ?? "127.0.0.1",
      Port: service.port,
      CreateIndex: this.registrations.get(id)?.CreateIndex ?? state.index,
      ModifyIndex: state.index,
    });
    this.notify();
    return id;
  }

  deregister(state: NomadState, name: string): void {
    for (const [id, { ServiceName }] of this.registrations)
      if (ServiceName === name) this.registrations.delete(id);
    state.index++;
    this.index = state.index;
    this.notify();
  }

  /** Wakes every read that waits. */
  notify(): void {
    for (const wake of this.#waiters) wake();
  }

  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener("abort", done);
    });
  }

  /** `/v1/services`: a list over all namespaces leaves out what may not be read, without a word. */
  list(namespace: string, mayRead: (namespace: string) => boolean): readonly unknown[] {
    const found = new Map<string, Map<string, Set<string>>>();
    for (const { Namespace, ServiceName, Tags } of this.registrations.values()) {
      if (!(namespace === "*" ? mayRead(Namespace) : Namespace === namespace)) continue;
      const services = found.get(Namespace) ?? new Map<string, Set<string>>();
      found.set(Namespace, services);
      services.set(ServiceName, new Set([...(services.get(ServiceName) ?? []), ...Tags]));
    }
    return [...found].map(([name, services]) => ({
      Namespace: name,
      Services: [...services].map(([ServiceName, tags]) => ({ ServiceName, Tags: [...tags] })),
    }));
  }

  ofAllocation(id: string): readonly FakeRegistration[] {
    return [...this.registrations.values()].filter(({ AllocID }) => AllocID === id);
  }
}
