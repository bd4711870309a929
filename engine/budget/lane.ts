import type { Priority } from "../../clients/gate.ts";

/** Who waits in a lane. */
export interface Waiting {
  /** Grows from call to call. */
  readonly order: number;
  hasLeft: boolean;
}

/** Calls of one kind and one operation, equally urgent, in the order in which they came. Every step costs the same, however many wait. */
export class Lane<Waiter extends Waiting> {
  readonly kind: string;
  readonly operation: string;
  readonly priority: Priority;
  #waiters: Waiter[] = [];
  /** What is before it has left. */
  #head = 0;
  #size = 0;

  constructor(kind: string, operation: string, priority: Priority) {
    this.kind = kind;
    this.operation = operation;
    this.priority = priority;
  }

  get size(): number {
    return this.#size;
  }

  get first(): Waiter | undefined {
    while (this.#waiters[this.#head]?.hasLeft === true) this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#waiters.length) {
      this.#waiters = this.#waiters.slice(this.#head);
      this.#head = 0;
    }
    return this.#waiters[this.#head];
  }

  add(waiter: Waiter): void {
    this.#waiters.push(waiter);
    this.#size++;
  }

  leave(waiter: Waiter): void {
    if (waiter.hasLeft) return;
    waiter.hasLeft = true;
    this.#size--;
    if (this.#size > 0) return;
    this.#waiters = [];
    this.#head = 0;
  }
}
