import { changeEvents, type ChangeEvent, type ChangeEvents } from "../../clients/datadog-events.ts";
import { ApiError, toError } from "../../clients/errors.ts";
import type { OwnerChanges } from "../../engine/loop/changes.ts";
import type { Log } from "../../engine/log.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { applicationUrl } from "../application-url.ts";
import { connect } from "../datadog/connection.ts";
import type { ClusterDeps } from "../deps.ts";
import { eventsOf } from "./event.ts";

export interface ChangeReporterOptions {
  readonly events: Pick<ChangeEvents, "post">;
  readonly clusterId: string;
  readonly appUrl: string;
  readonly log: Pick<Log, "warn">;
  /** Aborts when nothing more is to be posted. */
  readonly signal: AbortSignal;
}

/** Events that wait. More than these are dropped: nobody reads hundreds, and Datadog may be down. */
const MAX_WAITING = 200;
const POST_MS = 30_000;

/**
 * Tells in Datadog what was changed there: one event for each pass and service.
 *
 * Nothing waits for it, and nothing fails with it. What can't be posted is dropped, as a second try could
 * tell it twice.
 */
export class ChangeReporter {
  readonly #options: ChangeReporterOptions;
  #waiting: ChangeEvent[] = [];
  #posting: Promise<void> | undefined;
  /** Causes of failure that were told already. Told again once a post has succeeded. */
  readonly #told = new Set<string>();

  constructor(options: ChangeReporterOptions) {
    this.#options = options;
  }

  /** Takes what a pass changed. Returns at once. */
  report(
    controller: string,
    changed: readonly OwnerChanges[],
    { services }: Pick<Snapshot, "services">,
  ): void {
    const { clusterId, appUrl, signal } = this.#options;
    if (signal.aborted) return;
    try {
      const events = eventsOf(changed, { controller, clusterId, appUrl, resolutions: services });
      this.#waiting.push(...events);
    } catch (error) {
      this.#warn("Failed", error);
    }
    const over = this.#waiting.length - MAX_WAITING;
    if (over > 0) {
      this.#waiting = this.#waiting.slice(over);
      this.#warn("TooMany", new Error(`more than ${MAX_WAITING} events wait; the oldest are dropped`));
    }
    this.#posting ??= this.#postAll().finally(() => (this.#posting = undefined));
  }

  /** Waits until all that was reported is posted or dropped, at most so long. */
  async flush(patienceMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patienceMs);
    await Promise.race([this.#posting ?? Promise.resolve(), late]);
    clearTimeout(timer);
  }

  async #postAll(): Promise<void> {
    const { events, signal } = this.#options;
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
      if (signal.aborted) return;
      const patience = AbortSignal.any([signal, AbortSignal.timeout(POST_MS)]);
      try {
        await events.post(event, { signal: patience, priority: "status" });
        this.#told.clear();
      } catch (error) {
        if (!signal.aborted) this.#warn(error instanceof ApiError ? error.failure : "Failed", error);
      }
    }
  }

  #warn(cause: string, error: unknown): void {
    if (this.#told.has(cause)) return;
    this.#told.add(cause);
    const { message } = toError(error);
    const hint = error instanceof ApiError ? error.hint : undefined;
    this.#options.log.warn({ reason: cause, error: message, hint }, "change event not posted");
  }
}

/**
 * @param signal Aborts when nothing more is to be posted.
 * @returns undefined where nothing may be written, or a key is missing.
 */
export function changeReporter(deps: ClusterDeps, signal: AbortSignal): ChangeReporter | undefined {
  const connection = deps.isDryRun ? undefined : connect(deps);
  if (connection === undefined) return undefined;
  return new ChangeReporter({
    events: changeEvents(connection.transport),
    clusterId: deps.clusterId,
    appUrl: applicationUrl(deps.datadog.url),
    log: deps.log,
    signal,
  });
}
