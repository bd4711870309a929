import { toError } from "../../clients/errors.ts";
import type { Log } from "../log.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import type { Board } from "../status/board.ts";
import type { Condition } from "../status/status.ts";
import type { Target } from "./controller.ts";
import type { Schedule } from "./schedule.ts";

/** How long until another look at what was not ready yet. */
const VERIFY_AGAIN_MS = 15_000;

interface VerificationOptions {
  readonly controller: { readonly name: string; readonly target: Pick<Target<never>, "verify"> };
  readonly board: Board;
  readonly log: Log;
}

/** Asks a target whether what stands there really works, and tells. */
export class Verification {
  readonly #options: VerificationOptions;
  readonly #schedule: Schedule;
  /** Condition types that the last one had something to say of, by service. */
  #verified: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: VerificationOptions, schedule: Schedule) {
    this.#options = options;
    this.#schedule = schedule;
  }

  async run({ services }: Snapshot, signal: AbortSignal): Promise<void> {
    const { controller, board, log } = this.#options;
    this.#schedule.verificationBegins();
    if (controller.target.verify === undefined) return;
    try {
      let isWaiting = false;
      const found = await controller.target.verify(signal);
      this.#dropOldVerdicts(found);
      for (const [service, conditions] of found) {
        const resolution = services.get(service);
        if (resolution !== undefined) board.setConditions(service, resolution.generation, conditions);
        isWaiting ||= conditions.some(({ status }) => status === "Unknown");
      }
      if (isWaiting) this.#schedule.verifyIn(VERIFY_AGAIN_MS);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ controller: controller.name, error: toError(error).message }, "verification failed");
    }
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
