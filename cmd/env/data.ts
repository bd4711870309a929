import { ApiError } from "../../clients/errors.ts";
import { AGENT_PACK, type Instrumentation } from "../../crds/instrumentation.ts";
import { isReserved } from "../../crds/names.ts";
import type { Wish } from "../../crds/resolve.ts";
import { MOST_PUBLISHED } from "../../controllers/workload-env/compile.ts";
import { ENV_PUBLISHED } from "../../controllers/workload-env/index.ts";
import { ENV_KEYS } from "../../controllers/workload-env/keys.ts";
import { renderEnvironment } from "../../controllers/workload-env/render.ts";
import { readStanding, type Standing } from "../../controllers/workload-env/target.ts";
import type { Variable } from "../../controllers/workload-env/variable.ts";
import type { Warning } from "../../controllers/workload-env/warnings.ts";
import { clusterIdOf } from "../connect.ts";
import { knownServices } from "../facts.ts";
import type { Look } from "../look.ts";
import { noSuchService } from "../names.ts";
import { layersStating } from "../origins.ts";
import { UsageError } from "../print.ts";
import { conditionsOf, viewOf, type WrittenCondition } from "../service-view.ts";

/** How a variable stands in Consul, compared with the wish. `unknown` where Consul may not be read there. */
export type PublishedState = "same" | "differs" | "missing" | "another's" | "unknown";

export interface ShownVariable {
  readonly name: string;
  readonly value: string;
  /** The field of the wish, such as `instrumentation.sampleRate`. Absent for what follows from the profile or the service. */
  readonly field?: string;
  /** `document`, `tag dd-observe.inject`, `_defaults`, `pack ai-agent`, `profile ddtrace`, `default`, `the service's name` */
  readonly from: string;
  readonly published: PublishedState;
}

/** The environment of one service's workload, as `env -o json` shows it. */
export interface ServiceEnvironment {
  readonly service: string;
  readonly pack: string;
  readonly instrumentation: Instrumentation;
  readonly variables: readonly ShownVariable[];
  /** What else stands in Consul among them: ours, which goes with the next pass, or another's, which stays. */
  readonly others: readonly { readonly name: string; readonly isOurs: boolean }[];
  /** Where the keys stand in Consul. */
  readonly folder: string;
  /** Why it isn't known what stands in Consul. */
  readonly unknown?: string;
  readonly warnings: readonly Warning[];
  /** What the operator said last. */
  readonly condition?: WrittenCondition;
  readonly hasLeader: boolean;
}

/**
 * Works out the environment of a service's workload, and looks at what stands in Consul.
 *
 * @throws {UsageError} if the service is not known, its wish can't be read, or it asks for no environment.
 */
export async function environmentOf(look: Look, service: string): Promise<ServiceEnvironment> {
  const { config, consul, facts, snapshot } = look;
  const wish = wishOf(look, service);
  const environment = renderEnvironment(wish, await clusterIdOf(config, consul));
  if (environment === undefined) throw optedOut(look, service);
  const { instrumentation, variables, warnings } = environment;
  const from = originOf(look, wish, instrumentation);
  const standing = await standingOf(look, service);
  const owner = "error" in standing ? undefined : standing.ownership?.owner;
  const isAnothers = owner !== undefined && owner !== (await clusterIdOf(config, consul));
  const condition = conditionsOf(viewOf(service, snapshot.services.get(service), facts).statuses).find(
    ({ type }) => type === ENV_PUBLISHED,
  );
  const tooMany: readonly Warning[] =
    variables.size <= MOST_PUBLISHED
      ? []
      : [
          {
            reason: "TooManyVariables",
            path: "instrumentation.env",
            message: `${variables.size} variables are too many: at most ${MOST_PUBLISHED} are published. Leave some of instrumentation.env out, or set them in the job itself`,
          },
        ];
  return {
    service,
    pack: wish.pack.name,
    instrumentation,
    variables: [...variables].map(([name, variable]) => ({
      name,
      value: variable.value,
      ...(variable.field === undefined ? {} : { field: variable.field }),
      from: from(variable),
      published: "error" in standing ? "unknown" : publishedState(name, variable.value, standing, isAnothers),
    })),
    others: "error" in standing ? [] : othersIn(standing, variables, isAnothers),
    folder: ENV_KEYS.of(config.statePrefix, service),
    ...("error" in standing ? { unknown: standing.error } : {}),
    warnings: [...tooMany, ...warnings],
    ...(condition === undefined ? {} : { condition }),
    hasLeader: facts.leader !== undefined,
  };
}

function wishOf({ config, facts, snapshot }: Look, service: string): Wish {
  if (isReserved(service))
    throw new UsageError(`${service} is no service`, "Only a service's workload has an environment.");
  const known = knownServices(facts);
  if (!known.includes(service)) throw noSuchService(service, known);
  const resolution = snapshot.services.get(service);
  if (resolution?.state === "accepted") return resolution.wish;
  if (resolution?.state === "held") {
    const [first] = resolution.problems;
    throw new UsageError(
      `the wish of ${service} can't be read: ${first?.message ?? "it is held"}`,
      `What stands in Consul stays as it is. dd-observe describe ${service} shows what is wrong.`,
    );
  }
  throw new UsageError(
    `${service} is not observed: it has neither the tag ${config.tagName} nor a document`,
    `Give it the tags ${config.tagName} and ${config.tagName}.inject=true, or a document at ${config.kvPrefix}/${service} with instrumentation: {profile: ddtrace}.`,
  );
}

function optedOut(look: Look, service: string): UsageError {
  const { tagName, kvPrefix } = look.config;
  const stating = layersStating(service, groundOf(look, service));
  const [profile] = stating(["instrumentation", "profile"]);
  const [inject] = stating(["instrumentation", "inject"]);
  const because =
    profile !== undefined
      ? `profile is none, by the ${profile}`
      : inject !== undefined
        ? `inject is false, by the ${inject}, and no profile is named`
        : "its wish names no profile, and doesn't say inject: true";
  return new UsageError(
    `${service} is given no environment: ${because}`,
    `Opt in by a tag (${tagName}.inject=true, or ${tagName}.profile=ddtrace) or in ${kvPrefix}/${service}: instrumentation: {profile: ddtrace, inject: true, language: node}.`,
  );
}

function groundOf({ config, facts }: Look, service: string) {
  return {
    tags: facts.catalog.get(service) ?? [],
    document: facts.documents.get(service),
    defaults: facts.documents.get("_defaults"),
    tagName: config.tagName,
  };
}

/** Fields that a pack of AI agents switches on. */
const OF_AGENTS = new Set(["instrumentation.agentMetrics", "instrumentation.llmobs"]);

function originOf(
  look: Look,
  { service, pack }: Wish,
  { profile }: Instrumentation,
): (variable: Variable) => string {
  const stating = layersStating(service, groundOf(look, service));
  return ({ from, field }) => {
    if (field === undefined) return from === "default" ? "the service's name" : `profile ${profile}`;
    // Tags are joined from all layers, and the team is one of them.
    if (field === "tags")
      return [...new Set([...stating(["tags"]), ...stating(["team"])])].join(", ") || "the cluster";
    const [holding] = stating(field.split("."));
    if (holding !== undefined) return holding;
    return OF_AGENTS.has(field) && pack.name === AGENT_PACK ? `pack ${AGENT_PACK}` : "default";
  };
}

async function standingOf(
  { config, consul }: Look,
  service: string,
): Promise<Standing | { readonly error: string }> {
  try {
    return await readStanding(
      { consul, statePrefix: config.statePrefix },
      service,
      AbortSignal.timeout(30_000),
    );
  } catch (error) {
    // The wish could be read; a token that may not look here still shows what it comes to.
    if (error instanceof ApiError && error.failure === "unauthorized") return { error: error.message };
    throw error;
  }
}

function publishedState(
  name: string,
  value: string,
  { variables, ownership }: Standing,
  isAnothers: boolean,
): PublishedState {
  const entry = variables.get(name);
  if (entry === undefined) return "missing";
  if (entry.text === value) return "same";
  return isAnothers || ownership?.names.includes(name) !== true ? "another's" : "differs";
}

function othersIn(
  { variables, ownership }: Standing,
  wished: ReadonlyMap<string, unknown>,
  isAnothers: boolean,
): ServiceEnvironment["others"] {
  return [...variables.keys()]
    .filter((name) => !wished.has(name))
    .sort()
    .map((name) => ({ name, isOurs: !isAnothers && ownership?.names.includes(name) === true }));
}
