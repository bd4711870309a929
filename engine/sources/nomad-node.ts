import type { BlockingAnswer } from "../../clients/blocking-read.ts";
import type { ApiError } from "../../clients/errors.ts";
import { notNomad } from "../../clients/nomad-answer.ts";
import {
  nodeAllocationsRequest,
  type NomadService,
  type NomadServices,
} from "../../clients/nomad-services.ts";
import { backoffMs, systemClock, type Clock } from "../clock.ts";
import { isWanted, type NomadNamespaces } from "./nomad-catalog.ts";
import { NomadProof } from "./nomad-proof.ts";
import { asApiError, Awaited, type NomadPart, type NomadSourceOptions } from "./nomad-source.ts";
import { follow } from "./source.ts";
import { CATALOG_RATE, refuseUnsure, watch, type Watch } from "./watch.ts";

/** What one machine's Nomad registered, in no particular order. */
export type Registrations = readonly NomadService[];

/**
 * When the services of an allocation are read after it changed. A client registers them around the time that the
 * allocation changes, as often after as before it, and nothing wakes for that but the whole cluster's list. The last
 * is repeated for as long as the allocation lives.
 */
const READ_AFTER_MS = [0, 300, 2_000, 10_000, 60_000] as const;

/**
 * Watches one machine's services by one blocking read of its allocations, and one read of its own for each
 * allocation that changed: what a node asks doesn't depend on the size of the cluster.
 */
export function nomadNodePart(
  { nomad, namespaces }: NomadSourceOptions,
  clock: Clock = systemClock,
): NomadPart<Registrations> {
  const proof = new NomadProof(nomad, namespaces);
  const awaited = new Awaited();
  const reader = new AllocationReader(nomad, clock);
  let nodeId: string | undefined;
  let watched: Watch<Live> | undefined;
  let live: Live | undefined;
  let failed: ApiError | undefined;

  async function decode(answer: BlockingAnswer, id: string, signal: AbortSignal): Promise<Live> {
    const { live: next, seen } = allocationsIn(answer, id, namespaces);
    // One that ended is still listed for a while; one that is not even listed may just not be shown.
    const lost = [...(live?.values() ?? [])].filter((one) => !seen.has(one.id));
    if (live === undefined || lost.length > 0) {
      await proof.node(id, signal);
      await proof.rights(
        lost.map(({ namespace }) => namespace),
        signal,
      );
    }
    live = next;
    reader.want(next);
    return next;
  }

  /** A node may start before its Nomad. */
  async function findId(signal: AbortSignal): Promise<string | undefined> {
    for (let failures = 1; nodeId === undefined && !signal.aborted; failures++) {
      try {
        nodeId = await nomad.nodeId(signal);
        failed = undefined;
      } catch (error) {
        failed = asApiError("find this machine among Nomad's nodes", error);
        await clock.sleep(backoffMs(failures, 500, 30_000, clock.random()), signal).catch(() => undefined);
      }
    }
    return nodeId;
  }

  async function run(
    end: { fail(error: unknown): void },
    onNews: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const id = await findId(signal);
    if (id === undefined) return;
    watched = watch<Live>(
      {
        name: "Nomad's allocations of this node",
        read: nomad.read,
        request: nodeAllocationsRequest(id),
        rate: CATALOG_RATE,
        decode: async (answer) => await decode(answer, id, signal),
        clock,
      },
      signal,
    );
    follow(watched, end, () => reader.wake());
    await reader.run(onNews, signal);
  }

  return {
    get known() {
      return reader.known;
    },
    get error() {
      return watched === undefined ? failed : (watched.state.error ?? reader.error);
    },
    get isAwaited() {
      return reader.known === undefined && !awaited.isOver;
    },
    start(end, onNews, signal) {
      awaited.start(clock, onNews, signal);
      run(end, onNews, signal).catch((error: unknown) => end.fail(error));
    },
    async confirm(signal) {
      try {
        nodeId ??= await nomad.nodeId(signal);
        const request = nodeAllocationsRequest(nodeId);
        const answer = await nomad.read({ ...request, index: 0, waitMs: 0 }, signal);
        refuseUnsure(request.tried, answer);
        await decode(answer, nodeId, signal);
        await reader.readAll(signal);
        failed = undefined;
      } catch (error) {
        signal.throwIfAborted();
        failed = asApiError("read what Nomad runs on this machine", error);
      }
    },
  };
}

interface LiveAllocation {
  readonly id: string;
  readonly namespace: string;
  readonly modifyIndex: number;
}

/** Allocations that run or are about to, by id. */
type Live = ReadonlyMap<string, LiveAllocation>;

interface WireAllocation {
  readonly ID: string;
  readonly Namespace: string;
  readonly ClientStatus: string;
  readonly ModifyIndex: number;
}

/** As long as the client doesn't say that it ended, it may serve: a client that is cut off is `unknown`. */
const ENDED: ReadonlySet<string> = new Set(["complete", "failed", "lost"]);

function allocationsIn(
  answer: BlockingAnswer,
  nodeId: string,
  wanted: NomadNamespaces,
): { readonly live: Live; readonly seen: ReadonlySet<string> } {
  const body = answer.body();
  if (!Array.isArray(body)) throw notNomad(nodeAllocationsRequest(nodeId).tried, undefined);
  const all = (body as readonly WireAllocation[]).filter(({ Namespace }) => isWanted(wanted, Namespace));
  const live = all
    .filter(({ ClientStatus }) => !ENDED.has(ClientStatus))
    .map(({ ID: id, Namespace: namespace, ModifyIndex: modifyIndex }) => ({ id, namespace, modifyIndex }));
  return { live: new Map(live.map((one) => [one.id, one])), seen: new Set(all.map(({ ID }) => ID)) };
}

interface Entry {
  readonly allocation: LiveAllocation;
  /** Undefined until they have been read. */
  services: readonly NomadService[] | undefined;
  /** Which of {@link READ_AFTER_MS} comes next. */
  stage: number;
  /** On the clock's monotonic time. */
  dueMs: number;
}

/** Reads the services of the allocations that live, one after the other. What could not be read stands as it was. */
class AllocationReader {
  readonly #nomad: NomadServices;
  readonly #clock: Clock;
  #entries: Map<string, Entry> | undefined;
  #known: Registrations | undefined;
  #nap = new AbortController();
  error: ApiError | undefined;

  constructor(nomad: NomadServices, clock: Clock) {
    this.#nomad = nomad;
    this.#clock = clock;
  }

  /** Undefined until the services of every allocation have been read. The same list as long as nothing changed. */
  get known(): Registrations | undefined {
    return this.#known;
  }

  want(live: Live): void {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#entries;
    this.#entries = new Map();
    for (const allocation of live.values()) {
      const entry = before?.get(allocation.id);
      const isSame = entry?.allocation.modifyIndex === allocation.modifyIndex;
      this.#entries.set(
        allocation.id,
        isSame ? entry : { allocation, services: entry?.services, stage: 0, dueMs: nowMs },
      );
    }
  }

  wake(): void {
    this.#nap.abort();
  }

  async run(onNews: () => void, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      this.#nap = new AbortController();
      const nowMs = this.#clock.monotonicMs();
      const due = [...(this.#entries?.values() ?? [])].filter(({ dueMs }) => dueMs <= nowMs);
      failures = (await this.#read(due, signal)) ? 0 : failures + 1;
      if (this.#publish()) onNews();
      const pauseMs =
        failures === 0 ? this.#untilNextMs() : backoffMs(failures, 200, 30_000, this.#clock.random());
      const wakes = failures === 0 ? [signal, this.#nap.signal] : [signal];
      await this.#clock.sleep(pauseMs, AbortSignal.any(wakes)).catch(() => undefined);
    }
  }

  /** @throws {ApiError} if one could not be read. */
  async readAll(signal: AbortSignal): Promise<void> {
    if (!(await this.#read([...(this.#entries?.values() ?? [])], signal)) && this.error !== undefined)
      throw this.error;
    this.#publish();
  }

  /** @returns False if one could not be read; the rest is left for the next time. */
  async #read(due: readonly Entry[], signal: AbortSignal): Promise<boolean> {
    for (const entry of due) {
      const { id, namespace } = entry.allocation;
      try {
        const services = await this.#nomad.ofAllocation(id, namespace, signal);
        // An allocation that is gone: that it ended is for the list of allocations to say.
        entry.services = services ?? entry.services ?? [];
        entry.stage = Math.min(entry.stage + 1, READ_AFTER_MS.length - 1);
        entry.dueMs = this.#clock.monotonicMs() + READ_AFTER_MS[entry.stage]!;
        this.error = undefined;
      } catch (error) {
        if (signal.aborted) return true;
        this.error = asApiError(`read the services of the allocation ${id}`, error);
        return false;
      }
    }
    return true;
  }

  /** @returns True if something is new. */
  #publish(): boolean {
    const entries = this.#entries;
    if (entries === undefined) return false;
    const all: NomadService[] = [];
    for (const { services } of entries.values()) {
      if (services === undefined) return false;
      all.push(...services);
    }
    const text = JSON.stringify(all.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    if (this.#known !== undefined && text === this.#text) return false;
    this.#known = all;
    this.#text = text;
    return true;
  }

  #text = "";

  #untilNextMs(): number {
    const nowMs = this.#clock.monotonicMs();
    const next = Math.min(...[...(this.#entries?.values() ?? [])].map(({ dueMs }) => dueMs));
    return Number.isFinite(next) ? Math.max(0, next - nowMs) : 60_000;
  }
}
