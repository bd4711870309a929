import { instrumentationOf } from "../../crds/instrumentation.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, remember, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { Snapshot } from "../../engine/sources/snapshot.ts";
import { renderEnvironment } from "./render.ts";

/** The whole environment of one service, by name of the variable. */
export type EnvironmentBody = Readonly<Record<string, string>>;

/** What fits into one transaction together with what guards it: then no reader sees half a set. */
export const MOST_PUBLISHED = 60;

/** The key of a service's environment. */
export function environmentKey(service: string): string {
  return `${service}/environment`;
}

/** Works out the environments of all services. Pure; one changed wish costs one rendering. */
export function compileWorkloadEnv(clusterId: string): (snapshot: Snapshot) => Desired<EnvironmentBody> {
  return compileEach({ compileOne: remember((wish: Wish) => compileWish(wish, clusterId)) });
}

const NOTHING: Compiled<EnvironmentBody> = { objects: [] };

/** What one wish comes to: at most one object. */
export function compileWish(wish: Wish, clusterId: string): Compiled<EnvironmentBody> {
  if (instrumentationOf(wish.instrumentation, wish.pack.name) === undefined) return NOTHING;
  const environment = renderEnvironment(wish, clusterId);
  if (environment === undefined) return NOTHING;
  const { service, drift, deletion } = wish;
  const key = environmentKey(service);
  const { size } = environment.variables;
  if (size > MOST_PUBLISHED) {
    const message = `instrumentation comes to ${size} variables; at most ${MOST_PUBLISHED} can be published in one step. Leave some of instrumentation.env out, or set them in the job itself`;
    const problem = { owner: service, reason: "TooManyVariables", path: "instrumentation.env", message };
    return { objects: [], held: new Map([[key, message]]), problems: [problem] };
  }
  const body = Object.fromEntries([...environment.variables].map(([name, { value }]) => [name, value]));
  return { objects: [{ key, owner: service, body, drift, retain: deletion === "retain" }] };
}
