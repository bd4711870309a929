import { readOnlyConsul } from "../../clients/consul-read-only.ts";
import { ApiError } from "../../clients/errors.ts";
import { instrumentationOf } from "../../crds/instrumentation.ts";
import type { Resolution } from "../../crds/resolve.ts";
import type { Target } from "../../engine/loop/controller.ts";
import type { Registration } from "../../engine/loop/operator.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import type { ClusterDeps, KvDeps } from "../deps.ts";
import { compileWorkloadEnv, type EnvironmentBody } from "./compile.ts";
import { JobLook } from "./job-look.ts";
import type { Published } from "./judge.ts";
import { envTarget, type EnvTarget } from "./target.ts";
import { Workloads } from "./workloads.ts";

export const ENV_PUBLISHED = "EnvPublished";

/** Where nothing is read or written. */
const NOWHERE: EnvTarget = {
  changedMs: () => undefined,
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
  const { clusterId, kv, isDryRun, clock } = deps;
  const compile = compileWorkloadEnv(clusterId);
  const target =
    kv === undefined ? NOWHERE : envTarget({ ...(isDryRun ? readOnly(kv) : kv), clusterId, clock });
  /** Services that have an environment, or had one: nothing is said of all others. */
  const told = new Set<string>();
  let last: Wished = { services: new Map(), objects: new Map() };
  const verify = jobVerification(deps, target, () => last);
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
        last = { services: snapshot.services, objects: desired.objects };
        return desired;
      },
      target: {
        ...target,
        async observe(signal) {
          const standing = await target.observe(signal);
          for (const { owner } of standing) told.add(owner);
          return standing;
        },
        ...(verify === undefined ? {} : { verify }),
      },
    },
  };
}

interface Wished {
  readonly services: Snapshot["services"];
  readonly objects: Desired<EnvironmentBody>["objects"];
}

/** Looks whether jobs take what is published. Undefined where they are not to be looked into. */
function jobVerification(
  { kv, nomad, clock }: ClusterDeps,
  target: Pick<EnvTarget, "changedMs">,
  wished: () => Wished,
): Target<EnvironmentBody>["verify"] {
  if (kv === undefined || nomad === undefined) return undefined;
  const workloads = new Workloads({ consul: kv.consul, ...nomad });
  const looking = new JobLook({ workloads, nomad: nomad.address, clock });
  return async (signal) => {
    const { services, objects } = wished();
    const published = new Map(
      [...objects.values()].flatMap(({ owner, body }) => {
        const one = publishedOf(services.get(owner));
        if (one === undefined) return [];
        const rest = { statePrefix: kv.statePrefix, variables: body, changedMs: target.changedMs(owner) };
        return [[owner, { service: owner, ...one, ...rest }] as const];
      }),
    );
    const verdicts = await looking.look(published, signal);
    return new Map([...verdicts].map(([service, one]) => [service, [{ type: ENV_PUBLISHED, ...one }]]));
  };
}

function publishedOf(
  resolution: Resolution | undefined,
): Pick<Published, "change" | "inVariable"> | undefined {
  if (resolution?.state !== "accepted") return undefined;
  const { instrumentation, pack } = resolution.wish;
  const effective = instrumentationOf(instrumentation, pack.name);
  return effective && { change: effective.change, inVariable: effective.nomadVariable };
}
