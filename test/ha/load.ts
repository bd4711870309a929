import { setTimeout as sleep } from "node:timers/promises";

import type { Consul } from "../../clients/consul.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Random } from "../chaos/random.ts";

interface Wished {
  readonly critical: number;
  /** Of a monitor of one's own. */
  readonly own: number | undefined;
}

const NAMES = Array.from({ length: 24 }, (_, at) => `s${String(at).padStart(2, "0")}`);
/** How long people wait before they try again what Consul could not take. */
const AGAIN_MS = 200;

/** People who change their wishes all the time, and remember what they wished last. */
export class Load {
  readonly #kv: Consul;
  readonly #random: Random;
  readonly #wishes = new Map<string, Wished>();
  #changes = 0;
  #changedAt = 0;

  constructor(kv: Consul, random: Random) {
    this.#kv = kv;
    this.#random = random;
  }

  get changes(): number {
    return this.#changes;
  }

  /** When Consul took the last change, on the monotonic clock. */
  get changedAt(): number {
    return this.#changedAt;
  }

  /** The critical thresholds that must stand in Datadog, by key. */
  get wanted(): Readonly<Record<string, readonly unknown[]>> {
    const monitors: Record<string, readonly number[]> = {};
    for (const [name, { critical, own }] of this.#wishes) {
      monitors[`${name}/endpoint-down`] = [critical];
      if (own !== undefined) monitors[`${name}/own`] = [own];
    }
    return monitors;
  }

  /** Goes on until the signal aborts. What is wished then stands in Consul. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#change();
      this.#changes++;
      this.#changedAt = performance.now();
      await sleep(20 + this.#random.below(80));
    }
  }

  async #change(): Promise<void> {
    const name = this.#random.pick(NAMES);
    if (this.#random.chance(0.1)) {
      await untilTaken(async () => await this.#kv.kvDelete(`observability/${name}`));
      this.#wishes.delete(name);
      return;
    }
    const own = this.#random.chance(0.5) ? 1 + this.#random.below(9) : undefined;
    const wished = { critical: 1 + this.#random.below(2), own };
    const text = JSON.stringify(documentOf(wished));
    await untilTaken(async () => await this.#kv.kvPut(`observability/${name}`, text));
    this.#wishes.set(name, wished);
  }
}

function documentOf({ critical, own }: Wished): object {
  const query = "avg(last_5m):avg:web.queue{${scope}} > ${critical}";
  const ownMonitor = { type: "query alert", name: "Too many", query, message: "look", critical: own };
  return { monitors: { "endpoint-down": { critical }, ...(own === undefined ? {} : { own: ownMonitor }) } };
}

/** The same wish may be written twice: an answer may be lost. */
async function untilTaken(write: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      await sleep(AGAIN_MS);
    }
  }
}
