import { toError } from "../../clients/errors.ts";
import type { Log } from "../log.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import type { Board } from "../status/board.ts";
import type { Condition } from "../status/status.ts";
import type { Verdicts } from "../status/verdicts.ts";
import type { Target } from "./controller.ts";
import type { Schedule } from "./schedule.ts";

/** How long until another look at what was not ready yet. */
const VERIFY_AGAIN_MS = 15_000;

interface VerificationOptions {
  readonly controller: {
    readonly name: string;
    readonly condition: string;
    readonly target: Pick<Target<never>, "verify">;
  };
  readonly board: Board;
  readonly log: Log;
}

/** Asks a target whether what stands there really works, and tells. */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #schedule: Schedule;
  readonly #verdicts: Verdicts;
  /** Condition types that the last one had something to say of, by service. */
  #verified: ReadonlyMap<string, readonly string[]> = new Map();

  /** @param verdicts Takes what is said in the controller's own condition. */
  constructor(options: VerificationOptions, schedule: Schedule, verdicts: Verdicts) {
    this.#options = options;
    this.#schedule = schedule;
    this.#verdicts = verdicts;
  }

  async run({ services }: Snapshot, signal: AbortSignal): Promise<void> {
    const { controller, board, log } = this.#options;
    this.#schedule.verificationBegins();
    if (controller.target.verify === undefined) return;
    try {
      let isWaiting = false;
      const all = await controller.target.verify(signal);
      const { own, found } = this.#parted(all);
      this.#dropOldVerdicts(found);
      const told = [
        ...found,
        ...[...this.#verdicts.replace(own)].map(([service, one]) => [service, [one]] as const),
      ];
      for (const [service, conditions] of told) {
        const resolution = services.get(service);
        if (resolution !== undefined) board.setConditions(service, resolution.generation, conditions);
      }
      for (const conditions of all.values())
        isWaiting ||= conditions.some(({ status }) => status === "Unknown");
      if (isWaiting) this.#schedule.verifyIn(VERIFY_AGAIN_MS);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ controller: controller.name, error: toError(error).message }, "verification failed");
    }
  }

  /** The controller's own condition is also that of its passes, so it is told apart. */
  #parted(all: ReadonlyMap<string, readonly Condition[]>): {
    readonly own: ReadonlyMap<string, Condition>;
    readonly found: ReadonlyMap<string, readonly Condition[]>;
  } {
    const { condition } = this.#options.controller;
    const own = new Map<string, Condition>();
    const found = new Map<string, readonly Condition[]>();
    for (const [service, conditions] of all) {
      const others = conditions.filter(({ type }) => type !== condition);
      const mine = conditions.find(({ type }) => type === condition);
      if (mine !== undefined) own.set(service, mine);
      if (others.length > 0 || mine === undefined) found.set(service, others);
    }
    return { own, found };
  }

  /** Of what is not there any more, a verification says nothing; what it said before must not stay. */
  #dropOldVerdicts(found: ReadonlyMap<string, readonly Condition[]>): void {
    for (const [service, types] of this.#verified)
      if (!found.has(service)) this.#options.board.dropConditions(service, types);
    this.#verified = new Map(
      [...found].map(([service, conditions]) => [service, conditions.map(({ type }) => type)]),
    );
  }
}
