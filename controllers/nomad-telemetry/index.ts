import { toError } from "../../clients/errors.ts";
import { NOMAD_DOCUMENT } from "../../crds/nomad.ts";
import { levelOf, OLDEST_LEVEL } from "../../crds/nomad-telemetry.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { NodeDeps } from "../deps.ts";
import { effectiveOptions } from "../options.ts";
import { serviceVariables } from "../scope.ts";
import { compileNomadTelemetry } from "./compile.ts";
import { NomadTelemetryTarget } from "./target.ts";

const NAME = "nomad-telemetry";

/** The telemetry of this machine's Nomad agent. */
export function nomadTelemetry(deps: NodeDeps): Registration<NodeSnapshot> {
  const { agent, program } = deps.nomad;
  let scraped: readonly string[] = [];
  const target = new NomadTelemetryTarget({
    agent,
    clusterId: deps.clusterId,
    program,
    scraped: () => scraped,
    onBackup: async (reason, text) =>
      await deps.onBackup(NAME, NOMAD_DOCUMENT, reason, text).catch((error: unknown) => {
        // The text is what people wrote over ours: it must not keep the file from being right.
        deps.log.warn({ controller: NAME, error: toError(error).message }, "backup not stored");
      }),
    log: deps.log,
    readOnly: deps.isDryRun,
  });
  const compile = compileNomadTelemetry({
    clusterId: deps.clusterId,
    level: () => {
      if (!agent.isHere) return undefined;
      const { version } = agent;
      if (version !== undefined) return { level: levelOf(version), version: `Nomad ${version}` };
      // It doesn't answer. What it read once it reads still; of a new one only the oldest settings are certain.
      const level = target.standingLevel() ?? OLDEST_LEVEL;
      return { level, version: "a Nomad of unknown version" };
    },
  });
  return {
    watchTarget: (onChange) => agent.watch(onChange),
    controller: {
      name: NAME,
      scope: "node",
      condition: "TelemetryWritten",
      noun: "telemetry file",
      compile: (snapshot) => {
        scraped = scrapedOf(snapshot, deps.clusterId);
        return compile(snapshot);
      },
      target,
      concerns: (owner) => owner === NOMAD_DOCUMENT && agent.isHere,
    },
  };
}

/** Services here that the Agent reads Nomad's metrics for. */
function scrapedOf({ services, instances }: NodeSnapshot, clusterId: string): readonly string[] {
  const found: string[] = [];
  for (const name of instances.keys()) {
    const resolution = services.get(name);
    if (resolution?.state !== "accepted" || resolution.wish.pack.name !== "nomad") continue;
    const { wish } = resolution;
    if (effectiveOptions(wish, serviceVariables(wish, clusterId))["source"] !== "dogstatsd") found.push(name);
  }
  return found.sort();
}
