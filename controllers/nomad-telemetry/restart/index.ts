import { NOMAD_DOCUMENT, restartRulesOf } from "../../../crds/nomad.ts";
import { DropIn } from "../../../clients/drop-in.ts";
import type { NomadSelf } from "../../../clients/nomad.ts";
import { hashOf } from "../../../engine/hash.ts";
import type { NodeSnapshot } from "../../../engine/sources/snapshot.ts";
import type { Board } from "../../../engine/status/board.ts";
import { FILE_NAME, readFileTelemetry, readTelemetryMark } from "../file.ts";
import { differencesOf, joinTelemetry } from "../merge.ts";
import { NOMAD_RESTARTED } from "./condition.ts";
import { runRestarts, type RestartOptions } from "./runner.ts";
import type { RestartWish } from "./wish.ts";

export interface WatchRestartsOptions extends Omit<RestartOptions, "wish" | "tell" | "rollBack"> {
  readonly snapshot: () => NodeSnapshot | undefined;
  readonly board: Board;
  readonly dropIn: DropIn;
}

/** Restarts this machine's Nomad as `observability/_nomad` wishes, until the signal aborts. */
export async function watchRestarts(options: WatchRestartsOptions, signal: AbortSignal): Promise<void> {
  const { board, dropIn } = options;
  await runRestarts(
    {
      ...options,
      wish: () => wishOf(options.snapshot(), dropIn),
      rollBack: async () => await dropIn.goBack(),
      tell(condition) {
        if (condition === undefined) board.dropConditions(NOMAD_DOCUMENT, [NOMAD_RESTARTED]);
        else board.setConditions(NOMAD_DOCUMENT, undefined, [condition]);
      },
    },
    signal,
  );
}

function wishOf(snapshot: NodeSnapshot | undefined, dropIn: DropIn): RestartWish | undefined {
  const resolution = snapshot?.services.get(NOMAD_DOCUMENT);
  if (resolution?.state !== "global" || resolution.wish.kind !== "nomad") return undefined;
  const { wish } = resolution;
  const rules = restartRulesOf(wish.nomad.restart);
  const text = dropIn.read();
  if (rules === undefined || text === undefined || readTelemetryMark(text) === undefined) return undefined;
  const { telemetry } = wish.nomad;
  return {
    rules,
    generation: resolution.generation,
    approval: hashOf({ telemetry, env: wish.env, team: wish.team, tags: wish.tags }),
    isPaused: wish.paused,
    file: hashOf(text),
    differenceFrom: (self) => differenceFrom(self, text, dropIn),
  };
}

function differenceFrom(self: NomadSelf, text: string, dropIn: DropIn): string | undefined {
  const ours = readFileTelemetry(FILE_NAME, text);
  const others = dropIn.others().files.map((file) => readFileTelemetry(file.name, file.text));
  const differences = differencesOf(ours, joinTelemetry([...others, ours]), self.telemetry);
  const isLoaded = self.files.some((path) => path === FILE_NAME || path.endsWith(`/${FILE_NAME}`));
  if (isLoaded && differences.length === 0) return undefined;
  return isLoaded
    ? differences
        .map(
          ({ hcl, live, wanted }) =>
            `${hcl}: ${JSON.stringify(live) ?? "nothing"} → ${JSON.stringify(wanted)}`,
        )
        .join(", ")
    : `${FILE_NAME} was not there when it started`;
}
