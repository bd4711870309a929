import { readOnlyConsul } from "../../clients/consul-read-only.ts";
import type { Target } from "../../engine/loop/controller.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Action } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { ClusterDeps } from "../deps.ts";
import type { EnvironmentBody } from "../workload-env/compile.ts";
import { Workloads } from "../workload-env/workloads.ts";
import { compileNomadVariables } from "./compile.ts";
import { nowhere, NomadVariablesTarget } from "./target.ts";

export const VARIABLE_WRITTEN = "VariableWritten";

/** The environments of workloads in the Nomad Variables of their jobs, where that is wished. */
export function nomadVariables(deps: ClusterDeps): Registration<Snapshot> {
  const compile = compileNomadVariables(deps.clusterId);
  const target = targetOf(deps);
  /** Services that have something there, or had: nothing is said of all others. */
  const told = new Set<string>();
  return {
    controller: {
      name: "nomad-variables",
      scope: "cluster",
      condition: VARIABLE_WRITTEN,
      noun: "Nomad Variable",
      concerns: (owner) => told.has(owner),
      compile(snapshot) {
        const desired = compile(snapshot);
        for (const { owner } of desired.objects.values()) told.add(owner);
        return desired;
      },
      target: {
        concurrency: target.concurrency ?? 1,
        async apply(action: Action<EnvironmentBody>, signal) {
          return await target.apply(action, signal);
        },
        async observe(signal) {
          const standing = await target.observe(signal);
          for (const { owner } of standing) told.add(owner);
          return standing;
        },
      },
    },
  };
}

function targetOf({ clusterId, kv, nomad, mandate, isDryRun }: ClusterDeps): Target<EnvironmentBody> {
  if (kv === undefined) return nowhere("no Consul is given");
  if (nomad === undefined)
    return nowhere(
      "DD_OBSERVE_NOMAD_JOBS is off",
      "Set it to on where the controller runs, or take instrumentation.nomadVariable out of the wish.",
    );
  const consul = isDryRun ? readOnlyConsul(kv.consul) : kv.consul;
  return new NomadVariablesTarget({
    ...kv,
    consul,
    clusterId,
    variables: nomad.variables,
    workloads: new Workloads({ consul, ...nomad }),
    mandate,
  });
}
