import { readFile } from "node:fs/promises";
import path from "node:path";

import { readAgent, type AgentCheck } from "../../clients/agent.ts";
import { readEndpoint, type EndpointAnswer } from "../../clients/endpoint.ts";
import { ApiError } from "../../clients/errors.ts";
import { fileError } from "../../clients/file-error.ts";
import { compileAgentConfig } from "../../controllers/agent-config/compile.ts";
import { pathOf } from "../../controllers/agent-config/file.ts";
import { instancesByFile } from "../../controllers/agent-config/verify.ts";
import { compileProbes } from "../../controllers/endpoint-probe/compile.ts";
import { judgeAnswer, type Verdict } from "../../controllers/endpoint-probe/judge.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { Config } from "../config.ts";
import type { ServiceFacts } from "./gather.ts";
import type { Learnt } from "./step.ts";

/** What this machine shows by itself, whatever its node role says. */
export interface HereFacts {
  readonly node: string;
  /** What stands there, and what should. Undefined if no file is wished. */
  readonly file: FileHere | undefined;
  readonly agent: Learnt<AgentHere>;
  /** What its endpoints answered just now. Empty if it has none, or if nobody wanted to know. */
  readonly endpoints: readonly Verdict[];
}

export interface FileHere {
  /** The whole path. */
  readonly place: string;
  readonly wanted: string;
  /** Undefined if there is none. */
  readonly found: Learnt<string | undefined>;
}

export interface AgentHere {
  /** The instances that run from the file. */
  readonly checks: readonly AgentCheck[];
  /** What the Agent says against checks of this name. */
  readonly complaints: readonly string[];
}

/** The part of the cluster that is this machine. Undefined if the service doesn't run here. */
export function nodeSnapshot(facts: ServiceFacts, nodeName: string | undefined): NodeSnapshot | undefined {
  const { self, instances, service, snapshot } = facts;
  const name = nodeName ?? ("value" in self ? self.value.node : undefined);
  const own = "value" in instances ? instances.value.filter(({ node }) => node === name) : [];
  if (name === undefined || own[0] === undefined) return undefined;
  return {
    ...snapshot,
    node: { name, address: own[0].nodeAddress },
    instances: new Map([[service, own]]),
    placed: "value" in facts.placed ? facts.placed.value : new Map(),
  };
}

/**
 * Looks at the file that stands here, and at what the Agent says of it.
 *
 * @param options.asks True to ask the service's endpoints as well.
 */
export async function lookHere(
  snapshot: NodeSnapshot,
  service: string,
  config: Config,
  options: { readonly clusterId: string; readonly asks: boolean },
): Promise<HereFacts> {
  const { policy, tagName, confdDir, agentUrl } = config;
  const ground = { clusterId: options.clusterId, policy, tagName };
  const { objects } = compileAgentConfig(ground)(snapshot);
  const probes = options.asks ? (compileProbes(ground)(snapshot).get(service) ?? []) : [];
  const body = [...objects.values()].find(({ owner }) => owner === service)?.body;
  const place = body === undefined ? "" : shortest(path.join(confdDir, pathOf(body)));
  return {
    node: snapshot.node.name,
    file: body === undefined ? undefined : { place, wanted: body.text, found: await readHere(place) },
    agent: await askAgent(agentUrl, body),
    endpoints: await Promise.all(
      probes.map(async (probe) => judgeAnswer(probe, await askEndpoint(probe.url))),
    ),
  };
}

async function askEndpoint(url: string): Promise<EndpointAnswer | ApiError> {
  try {
    return await readEndpoint(url, AbortSignal.timeout(10_000));
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

/** As a person can type it. */
function shortest(place: string): string {
  const relative = path.relative(process.cwd(), place);
  return relative.startsWith("..") ? place : relative;
}

async function readHere(place: string): Promise<FileHere["found"]> {
  try {
    return { value: await readFile(place, "utf8") };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { value: undefined };
    return { error: fileError(`read ${place}`, error) };
  }
}

async function askAgent(
  url: string,
  file: { readonly check: string; readonly service: string } | undefined,
): Promise<HereFacts["agent"]> {
  try {
    const state = await readAgent(url, AbortSignal.timeout(5_000));
    return {
      value: {
        checks: file === undefined ? [] : (instancesByFile(state).get(pathOf(file)) ?? []),
        complaints: file === undefined ? [] : (state.rejections.get(file.check) ?? []),
      },
    };
  } catch (error) {
    if (error instanceof ApiError) return { error };
    throw error;
  }
}
