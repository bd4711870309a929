import { readOnlyConsul } from "../../clients/consul-read-only.ts";
import { ApiError } from "../../clients/errors.ts";
import type { Target } from "../../engine/loop/controller.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { ClusterDeps, KvDeps } from "../deps.ts";
import { compileWorkloadEnv, type EnvironmentBody } from "./compile.ts";
import { envTarget } from "./target.ts";

export const ENV_PUBLISHED = "EnvPublished";

/** Where nothing is read or written. */
const NOWHERE: Target<EnvironmentBody> = {
  observe: async () => await nowhere(),
  apply: async () => await nowhere(),
};

async function nowhere(): Promise<never> {
  throw new ApiError("read the environments of workloads", "no Consul is given", { failure: "rejected" });
}

function readOnly(kv: KvDeps): KvDeps {
  const consul = readOnlyConsul(kv.consul);
  return { ...kv, consul, store: async (ops, signal) => await consul.txn(ops, signal) };
}

/** The environments of the services' workloads. */
export function workloadEnv(deps: ClusterDeps): Registration<Snapshot> {
  const { clusterId, kv, isDryRun } = deps;
  const compile = compileWorkloadEnv(clusterId);
  const target = kv === undefined ? NOWHERE : envTarget({ ...(isDryRun ? readOnly(kv) : kv), clusterId });
  /** Services that have an environment, or had one: nothing is said of all others. */
  const told = new Set<string>();
  return {
    controller: {
      name: "workload-env",
      scope: "cluster",
      condition: ENV_PUBLISHED,
      noun: "environment",
      concerns: (owner) => told.has(owner),
      compile(snapshot) {
        const desired = compile(snapshot);
        for (const { owner } of desired.objects.values()) told.add(owner);
        for (const { owner } of desired.problems) told.add(owner);
        return desired;
      },
      target: {
        ...target,
        async observe(signal) {
          const standing = await target.observe(signal);
          for (const { owner } of standing) told.add(owner);
          return standing;
        },
      },
    },
  };
}
