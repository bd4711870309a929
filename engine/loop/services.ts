import { accepted } from "../status/conditions.ts";
import type { Absence } from "../plan/absence.ts";
import { changedKeys } from "../plan/patch.ts";
import type { Snapshot } from "../sources/snapshot.ts";
import type { Board } from "../status/board.ts";
import type { Condition } from "../status/status.ts";
import type { ControllerLoop } from "./loop.ts";
import type { OperatorSettings, PassOptions, Registration } from "./operator.ts";

type Waiting = Omit<Extract<Registration<Snapshot>, { readonly waiting: unknown }>["waiting"], "name">;

/**
 * Says what follows from the wishes alone.
 *
 * @param told The services as they were told last: of the same resolution there is nothing new to say.
 */
export function tell<S extends Snapshot>(
  {
    board,
    tellsAccepted,
    settings: { log },
  }: Pick<PassOptions<S>, "board" | "tellsAccepted"> & { readonly settings: Pick<OperatorSettings, "log"> },
  { services }: S,
  waiting: readonly Waiting[],
  told: Snapshot["services"] = new Map(),
): void {
  for (const service of changedKeys(told, services)) {
    const resolution = services.get(service);
    if (resolution === undefined) continue;
    board.know(service, resolution.generation);
    const unsaid = waiting.filter(({ isSaidOf }) => isSaidOf?.(resolution) === false);
    board.dropConditions(
      service,
      unsaid.map(({ condition }) => condition),
    );
    const said = waiting.filter((one) => !unsaid.includes(one));
    const conditions = said.map(({ condition, reason, message }): Condition => ({
      type: condition,
      status: "False",
      reason,
      message,
    }));
    if (tellsAccepted) {
      const condition = accepted(resolution);
      conditions.push(condition);
      if (resolution.state === "held")
        log.warn(
          { owner: service, reason: resolution.problems[0]?.reason, error: condition.message },
          "wish not accepted",
        );
    }
    board.setConditions(service, resolution.generation, conditions);
  }
}

/** Forgets services that have neither a wish nor an object any more, once every controller is sure of that. */
export function tidy<S extends Snapshot>(
  { board, absence }: { readonly board: Board; readonly absence: Absence },
  snapshot: S | undefined,
  loops: readonly ControllerLoop<S, unknown>[],
): void {
  if (snapshot === undefined || snapshot.unseen !== undefined || !loops.every((loop) => loop.isSettled))
    return;
  for (const service of board.services()) {
    if (snapshot.services.has(service) || board.isNeededElsewhere(service)) continue;
    if (loops.some((loop) => loop.owns(service) || loop.composes(service))) continue;
    board.forget(service);
    absence.forget(service);
  }
}
