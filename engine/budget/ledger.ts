import { RateLimit } from "./rate-limit.ts";

/** What a pass still has to do. */
export interface Work {
  readonly left: number;
  readonly total: number;
}

/** One of the API's operations, and the limit that it counts against. Two may share one. */
export interface Operation {
  readonly name: string;
  limit: RateLimit;
  inFlight: number;
}

/** What is known of one kind of object. */
export interface Kind {
  waiting: number;
  inFlight: number;
  /** Calls that passed since it was last idle. */
  passed: number;
  /** When its last call passed, as a running number. */
  lastPass: number;
  /** What its changes count against. */
  changes: Operation | undefined;
  work: Work;
}

/** The books of the budget: what is under way, by operation and by kind. */
export class Ledger {
  readonly operations = new Map<string, Operation>();
  readonly kinds = new Map<string, Kind>();
  readonly #named = new Map<string, RateLimit>();
  #inFlight = 0;
  #passes = 0;

  /** Calls under way, of all kinds. */
  get inFlight(): number {
    return this.#inFlight;
  }

  operation(name: string): Operation {
    return getOr(this.operations, name, () => ({ name, limit: new RateLimit(), inFlight: 0 }));
  }

  kind(name: string): Kind {
    return getOr(this.kinds, name, () => ({
      waiting: 0,
      inFlight: 0,
      passed: 0,
      lastPass: 0,
      changes: undefined,
      work: { left: 0, total: 0 },
    }));
  }

  begin(kind: Kind, operation: Operation, now: number): void {
    operation.limit.take(now);
    operation.inFlight++;
    this.#inFlight++;
    kind.inFlight++;
    kind.passed++;
    kind.lastPass = ++this.#passes;
  }

  end(kind: Kind, operation: Operation): void {
    operation.limit.shift(-1);
    operation.inFlight--;
    this.#inFlight--;
    kind.inFlight--;
    this.settle(kind);
  }

  /** A kind that is idle begins to count anew. */
  settle(kind: Kind): void {
    if (kind.waiting === 0 && kind.inFlight === 0) kind.passed = 0;
  }

  /** Joins an operation to the limit of this name. */
  share(operation: Operation, name: string | null): void {
    if (name === null || name === "" || operation.limit.name === name) return;
    const own = operation.limit;
    const shared = getOr(this.#named, name, () => (own.name === undefined ? own : new RateLimit()));
    shared.name = name;
    if (shared === own) return;
    own.shift(-operation.inFlight);
    shared.shift(operation.inFlight);
    operation.limit = shared;
  }
}

export function getOr<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
