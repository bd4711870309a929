import { changedKeys } from "../plan/patch.ts";
import type { Snapshot } from "../sources/snapshot.ts";

type Seen = Pick<Snapshot, "services" | "paused">;

const NOTHING_SEEN: Seen = { services: new Map(), paused: new Set() };

/** Knows whose wish has changed lately: they come first, and there is something new to say of them. */
export class Urgency {
  #seen = NOTHING_SEEN;
  #byOwner = new Map<string, number>();
  #passes = 0;

  /** Services whose wish has changed since a pass went to its end, and in which pass that was seen. */
  get byOwner(): ReadonlyMap<string, number> {
    return this.#byOwner;
  }

  /** A pass begins. @returns Services with another wish than in the pass before, or that were paused or resumed by command. */
  begin({ services, paused }: Seen): ReadonlySet<string> {
    const changed = new Set(changedKeys(this.#seen.services, services));
    for (const service of paused.symmetricDifference(this.#seen.paused)) changed.add(service);
    this.#seen = { services, paused };
    this.#passes++;
    const known = new Set([...changed].filter((service) => services.has(service)));
    for (const service of known) this.#byOwner.set(service, this.#passes);
    return known;
  }

  /** A pass went to its end. */
  done(): void {
    this.#byOwner = new Map();
  }

  /** What was not told yet is told by the next pass. */
  forget(): void {
    this.#seen = NOTHING_SEEN;
  }
}
