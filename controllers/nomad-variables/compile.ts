import { instrumentationOf } from "../../crds/instrumentation.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { compileWish, type EnvironmentBody } from "../workload-env/compile.ts";

/** The key of a service's environment in Nomad. */
export function variableKey(service: string): string {
  return `${service}/variable`;
}

/** Works out the environments that also belong in a Nomad Variable. Pure; they are the same as in Consul. */
export function compileNomadVariables(clusterId: string): (snapshot: Snapshot) => Desired<EnvironmentBody> {
  return compileEach({ compileOne: remember((wish: Wish) => compileOne(wish, clusterId)) });
}

function compileOne(wish: Wish, clusterId: string): Compiled<EnvironmentBody> {
  if (instrumentationOf(wish.instrumentation, wish.pack.name)?.nomadVariable !== true) return { objects: [] };
  const key = variableKey(wish.service);
  const { objects, held } = compileWish(wish, clusterId);
  return {
    objects: objects.map((object) => ({ ...object, key })),
    // What is wrong with it is told where it is published in Consul.
    ...(held === undefined ? {} : { held: new Map([...held.values()].map((why) => [key, why])) }),
  };
}
