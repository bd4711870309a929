import { fillIn } from "../../crds/pack.ts";
import type { Policy } from "../../crds/policy.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { RawInstance } from "../../engine/sources/sources.ts";
import { endpointOf } from "../endpoint.ts";
import { effectiveOptions, optionVariables } from "../options.ts";
import { serviceVariables } from "../scope.ts";
import { keyOfFile, renderFile, type AgentFile } from "./file.ts";

export interface AgentConfigGround {
  readonly clusterId: string;
  readonly policy: Policy;
  readonly tagName: string;
}

interface Remembered {
  readonly instances: readonly RawInstance[];
  readonly compiled: Compiled<AgentFile>;
}

const NOTHING: Compiled<AgentFile> = { objects: [] };

/**
 * Works out the Agent's files of one machine: one per service and check, with one instance per service instance here.
 * Pure; one changed document or instance costs one compile.
 */
export function compileAgentConfig(
  ground: AgentConfigGround,
): (snapshot: NodeSnapshot) => Desired<AgentFile> {
  const remembered = new WeakMap<Wish, Remembered>();
  return compileEach({
    alsoOf: (snapshot: NodeSnapshot) => snapshot.instances,
    compileOne: (wish, snapshot) => {
      const instances = snapshot.instances.get(wish.service);
      if (instances === undefined || instances.length === 0) return NOTHING;
      const before = remembered.get(wish);
      if (before?.instances === instances) return before.compiled;
      const compiled = compileWish(
        wish,
        instances,
        [...ground.policy.endpointHosts, snapshot.node.name],
        ground,
      );
      remembered.set(wish, { instances, compiled });
      return compiled;
    },
  });
}

function compileWish(
  wish: Wish,
  instances: readonly RawInstance[],
  allowedHosts: readonly string[],
  ground: AgentConfigGround,
): Compiled<AgentFile> {
  const { service, pack } = wish;
  const key = keyOfFile({ check: pack.check, service });
  const problems: Problem[] = [];
  const bases = new Map<string, string>();
  for (const instance of instances) {
    const found = endpointOf(wish, instance, allowedHosts, ground.tagName);
    if ("reason" in found) problems.push(found);
    else bases.set(found.endpoint, found.base);
  }
  if (bases.size === 0)
    return { objects: [], held: new Map([[key, problems[0]?.message ?? "no usable instance"]]), problems };

  try {
    const config = configOf(wish, bases, ground.clusterId);
    const retain = wish.deletion === "retain";
    const body = renderFile({ check: pack.check, service, clusterId: ground.clusterId, config, retain });
    return { objects: [{ key, owner: service, body, drift: wish.drift, retain }], problems };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      objects: [],
      held: new Map([[key, message]]),
      problems: [...problems, { owner: service, reason: "NotAllowed", message }],
    };
  }
}

function configOf(
  wish: Wish,
  bases: ReadonlyMap<string, string>,
  clusterId: string,
): Parameters<typeof renderFile>[0]["config"] {
  const common = serviceVariables(wish, clusterId);
  const options = effectiveOptions(wish, common);
  const variables = { ...common, ...optionVariables(wish, options) };
  const settings = Object.fromEntries(
    Object.entries(options).map(([name, value]) => [wish.pack.options[name]!.option, value]),
  );
  const endpoints = [...bases].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    init_config: (fillIn(wish.pack.conf.init_config ?? {}, variables) ?? {}) as Record<string, unknown>,
    instances: endpoints.map(([endpoint, base]) => ({
      ...(fillIn(wish.pack.conf.instance, { ...variables, endpoint, base }) as Record<string, unknown>),
      ...settings,
    })),
  };
}
