import type { Down } from "./breaker.ts";
import type { Kind, Ledger, Work } from "./ledger.ts";
import type { Queue } from "./queue.ts";
import type { RateLimit } from "./rate-limit.ts";

/** One limit of the API, as its answers told it. */
export interface LimitStatus {
  /** Datadog's own name of it, or the operation. */
  readonly name: string;
  readonly limit: number;
  readonly remaining: number;
  /** Calls that wait at this moment for what counts against it. */
  readonly waiting: number;
}

export interface BudgetStatus {
  /** What is still to be done, of the kinds that a limit holds up: calls that wait, and work that was announced. */
  readonly waiting: number;
  /** The same, with what is done already. */
  readonly total: number;
  readonly estimatedWaitMs: number;
  /** Undefined while the API answers. */
  readonly down: Down | undefined;
  /** Only those that are known. */
  readonly limits: readonly LimitStatus[];
}

/** What a budget has to say of itself. */
export function statusOf(
  {
    ledger,
    queue,
    down,
  }: { readonly ledger: Ledger; readonly queue: Queue; readonly down: Down | undefined },
  now: number,
): BudgetStatus {
  const limits = new Set([...ledger.operations.values()].map(({ limit }) => limit));
  const waits = [...limits].map((limit) => waitsFor(limit, ledger, queue, now));
  const heldUp = new Set(waits.flatMap(({ waitMs, kinds }) => (waitMs > 0 ? kinds : [])));
  const counts = [...heldUp].map(countsOf);
  return {
    waiting: counts.reduce((sum, { left }) => sum + left, 0),
    total: counts.reduce((sum, { total }) => sum + total, 0),
    // Limits run beside each other, so the slowest one counts.
    estimatedWaitMs: Math.max(0, ...waits.map(({ waitMs }) => waitMs)),
    down,
    limits: waits.flatMap(({ status }) => (status.limit === Infinity ? [] : [status])),
  };
}

/** What has to pass one limit, and how long that takes. */
function waitsFor(limit: RateLimit, ledger: Ledger, queue: Queue, now: number) {
  const calls = new Map<Kind, number>();
  let waiting = 0;
  for (const { kind: name, operation, size } of queue.all()) {
    if (size === 0 || ledger.operation(operation).limit !== limit) continue;
    const kind = ledger.kind(name);
    waiting += size;
    calls.set(kind, (calls.get(kind) ?? 0) + size);
  }
  for (const kind of ledger.kinds.values()) {
    // What is announced and has not come yet comes the way of the kind's last change.
    const coming = kind.work.left - kind.waiting - kind.inFlight;
    if (coming > 0 && kind.changes?.limit === limit) calls.set(kind, (calls.get(kind) ?? 0) + coming);
  }
  const sum = [...calls.values()].reduce((all, count) => all + count, 0);
  const operation = [...ledger.operations.values()].find((one) => one.limit === limit);
  const name = limit.name ?? operation?.name ?? "";
  const status: LimitStatus = { name, limit: limit.limit, remaining: limit.remaining(now), waiting };
  return { kinds: [...calls.keys()], waitMs: limit.waitFor(sum, now), status };
}

/** What a kind still has to do, and how much that was. */
function countsOf({ waiting, passed, work }: Kind): Work {
  const left = Math.max(waiting, work.left);
  return { left, total: Math.max(work.total, left, passed + waiting) };
}
