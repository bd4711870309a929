import type { Consul } from "../clients/consul.ts";
import type { Board } from "../engine/status/board.ts";
import { parseStatus, type ServiceStatus } from "../engine/status/status.ts";

/** Reading everything may take this share of the time at the most: someone may leave a page open. */
const SHARE = 0.1;
const AT_MOST_EVERY_MS = 2_000;

interface Parsed {
  readonly modifyIndex: number;
  readonly status: ServiceStatus | undefined;
}

/** What every process says of every service: this one's own boards as they are now, the others' as they stand in Consul. */
export class ClusterStatuses {
  readonly #consul: Consul;
  readonly #prefix: string;
  readonly #boards: ReadonlyMap<string, Board>;
  #parsed: ReadonlyMap<string, Parsed> = new Map();
  #reading: Promise<void> | undefined;
  #nextAt = 0;

  constructor(consul: Consul, statePrefix: string, boards: ReadonlyMap<string, Board>) {
    this.#consul = consul;
    this.#prefix = `${statePrefix}/status/`;
    this.#boards = boards;
  }

  async read(): Promise<readonly ServiceStatus[]> {
    if (performance.now() >= this.#nextAt) this.#reading ??= this.#readStored();
    await this.#reading;
    const stored = [...this.#parsed.values()].flatMap(({ status }) =>
      status === undefined || this.#boards.has(status.writer) ? [] : [status],
    );
    return [...[...this.#boards.values()].flatMap((board) => board.all()), ...stored];
  }

  async #readStored(): Promise<void> {
    const startedAt = performance.now();
    try {
      const parsed = new Map<string, Parsed>();
      for (const { key, text, modifyIndex } of await this.#consul.kvList(this.#prefix)) {
        const before = this.#parsed.get(key);
        parsed.set(
          key,
          before?.modifyIndex === modifyIndex ? before : { modifyIndex, status: parseStatus(text) },
        );
      }
      this.#parsed = parsed;
    } catch {
      // What was read last is shown on; the page says by itself when Consul doesn't answer.
    } finally {
      const tookMs = performance.now() - startedAt;
      this.#nextAt = performance.now() + Math.max(AT_MOST_EVERY_MS, tookMs / SHARE);
      this.#reading = undefined;
    }
  }
}
