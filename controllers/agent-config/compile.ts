import { holds, type OptionValues } from "../../crds/condition.ts";
import { fillIn, type PackConf, type Variables } from "../../crds/pack.ts";
import type { Policy } from "../../crds/policy.ts";
import type { Problem } from "../../crds/problem.ts";
import type { Wish } from "../../crds/resolve.ts";
import { compileEach, type Compiled } from "../../engine/plan/compile.ts";
import type { Desired } from "../../engine/plan/plan.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { RawInstance } from "../../engine/sources/sources.ts";
import { endpointOf } from "../endpoint.ts";
import { effectiveOptions, optionVariables } from "../options.ts";
import { isPlacedHere } from "../placement/wishes.ts";
import { serviceVariables } from "../scope.ts";
import { keyOfFile, renderFile, type AgentConfig, type AgentFile } from "./file.ts";

export interface AgentConfigGround {
  readonly clusterId: string;
  readonly policy: Policy;
  readonly tagName: string;
}

interface Remembered {
  readonly instances: readonly RawInstance[];
  readonly isPlacedHere: boolean;
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
      const placedHere = isPlacedHere(snapshot, wish.service);
      const before = remembered.get(wish);
      if (before?.instances === instances && before.isPlacedHere === placedHere) return before.compiled;
      const compiled = compileWish(wish, instances, {
        ...ground,
        allowedHosts: [...ground.policy.endpointHosts, snapshot.node.name],
        isPlacedHere: placedHere,
      });
      remembered.set(wish, { instances, isPlacedHere: placedHere, compiled });
      return compiled;
    },
  });
}

interface Place extends AgentConfigGround {
  readonly allowedHosts: readonly string[];
  /** True if what only one machine may do of the service is done here. */
  readonly isPlacedHere: boolean;
}

function compileWish(wish: Wish, instances: readonly RawInstance[], place: Place): Compiled<AgentFile> {
  const { service, pack } = wish;
  const variables = serviceVariables(wish, place.clusterId);
  const options = effectiveOptions(wish, variables);
  // The system sends by itself: there is nothing that the Agent has to read.
  if (pack.check === undefined || pack.conf === undefined || !holds(pack.checkNeeds, options)) return NOTHING;

  const { check, conf } = pack;
  const key = keyOfFile({ check, service });
  const problems: Problem[] = [];
  const places = new Map<string, EndpointPlace>();
  for (const instance of instances) {
    const found = endpointOf(wish, instance, place.allowedHosts, place.tagName);
    if ("reason" in found) problems.push(found);
    else {
      const nomadNamespace = instance.nomadNamespace ?? places.get(found.endpoint)?.nomadNamespace;
      places.set(found.endpoint, { base: found.base, nomadNamespace });
    }
  }
  if (places.size === 0)
    return { objects: [], held: new Map([[key, problems[0]?.message ?? "no usable instance"]]), problems };

  try {
    const filled = { ...variables, ...optionVariables(wish, options) };
    const settings = settingsOf(wish, options);
    const config = configOf(conf, places, {
      variables: filled,
      ...settings,
      onlyOne: place.isPlacedHere ? settings.onlyOne : {},
    });
    const retain = wish.deletion === "retain";
    const body = renderFile({ check, service, clusterId: place.clusterId, config, retain });
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

/** Options under the names that they have in the Agent's file. */
interface Settings {
  readonly everywhere: Readonly<Record<string, unknown>>;
  /** Those that take effect in one instance of the whole cluster. */
  readonly onlyOne: Readonly<Record<string, unknown>>;
}

/** One without a name in the Agent's file steers the pack only. */
function settingsOf({ pack }: Wish, options: OptionValues): Settings {
  const everywhere: Record<string, unknown> = {};
  const onlyOne: Record<string, unknown> = {};
  for (const [name, { option, placement }] of Object.entries(pack.options)) {
    if (option === undefined || options[name] === undefined) continue;
    // What is switched off is so everywhere: no file waits for a choice.
    (placement === "one" && options[name] !== false ? onlyOne : everywhere)[option] = options[name];
  }
  return { everywhere, onlyOne };
}

/** One endpoint, and what is known of it besides its URL. */
interface EndpointPlace {
  readonly base: string;
  /** Of an instance that Nomad registered itself. */
  readonly nomadNamespace: string | undefined;
}

function configOf(
  conf: PackConf,
  places: ReadonlyMap<string, EndpointPlace>,
  { variables, everywhere, onlyOne }: Settings & { readonly variables: Variables },
): AgentConfig {
  const endpoints = [...places].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    init_config: (fillIn(conf.init_config ?? {}, variables) ?? {}) as Record<string, unknown>,
    instances: endpoints.map(([endpoint, { base, nomadNamespace }], at) =>
      withSettings(fillIn(conf.instance, { ...variables, endpoint, base }) as Record<string, unknown>, {
        ...everywhere,
        ...(at === 0 ? onlyOne : {}),
        ...(nomadNamespace === undefined ? {} : { tags: [`nomad_namespace:${nomadNamespace}`] }),
      }),
    ),
  };
}

/** A list that the pack fixes stays in front of what a wish adds to it: the check takes the last of two equal names. */
function withSettings(
  fixed: Readonly<Record<string, unknown>>,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const joined: Record<string, unknown> = { ...fixed };
  for (const [name, value] of Object.entries(settings)) {
    const before = fixed[name];
    joined[name] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
  }
  return joined;
}
