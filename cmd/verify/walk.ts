import { datadogReader } from "../../clients/datadog.ts";
import { metricsReader } from "../../clients/datadog-metrics.ts";
import { DatadogTransport } from "../../clients/datadog-transport.ts";
import type { Consul } from "../../clients/consul.ts";
import { applicationUrl } from "../../controllers/application-url.ts";
import { MANAGED_BY, ownerTag } from "../../controllers/datadog/mark.ts";
import { askArrivals, type Arrival } from "../../controllers/metrics-arrival/ask.ts";
import { expectedOf } from "../../controllers/metrics-arrival/expected.ts";
import { compileMonitors } from "../../controllers/monitors/compile.ts";
import type { Wish } from "../../crds/resolve.ts";
import type { Config } from "../config.ts";
import type { Look } from "../look.ts";
import { viewMonitors } from "../monitors-view.ts";
import { data, monitors, objects, type DatadogGround } from "./datadog-steps.ts";
import { gatherService, learn, lookOf, otherNames, type ServiceFacts } from "./gather.ts";
import { lookHere, nodeSnapshot } from "./here.ts";
import { agent, endpoint, file, receivers, type NodeGround } from "./node-steps.ts";
import type { Finding, Step, StepName } from "./step.ts";
import { accepted, controller, registered, wished } from "./wish-steps.ts";

export interface WalkOptions {
  readonly config: Config;
  /** Unable to write. */
  readonly consul: Consul;
  readonly packs: Look["packs"];
  readonly service: string;
  /** Only this node counts. */
  readonly only: string | undefined;
  /** True to ask the endpoints of this machine's instances, rather than to believe its node role. */
  readonly asksEndpoints: boolean;
}

const PATIENCE_MS = 20_000;

/**
 * Walks the whole way of one service, from Consul to Datadog. What can't be looked at is a step of its own that says why.
 *
 * @throws {ApiError} if Consul doesn't answer.
 */
export async function walk(options: WalkOptions): Promise<readonly Step[]> {
  const { config, consul, service, only } = options;
  const facts = await gatherService(consul, config, service);
  const wish = facts.resolution?.state === "accepted" ? facts.resolution.wish : undefined;
  const isFound = "value" in facts.instances && facts.instances.value.length > 0;
  const others =
    isFound && wish !== undefined ? { services: [], documents: [] } : await otherNames(consul, config);
  const wishGround = { tagName: config.tagName, kvPrefix: config.kvPrefix, others };

  const clusterId = config.clusterId ?? ("value" in facts.self ? facts.self.value.datacenter : undefined);
  const snapshot = nodeSnapshot(facts, config.nodeName);
  const isAsked = snapshot !== undefined && (only === undefined || only === snapshot.node.name);
  const here = isAsked
    ? await lookHere(snapshot, service, config, {
        clusterId: clusterId ?? "unknown",
        asks: options.asksEndpoints,
      })
    : undefined;
  const nodes: NodeGround = { facts, wish, here, only };
  const datadog = await askDatadog(options, facts, wish, clusterId);

  const findings: Readonly<Record<StepName, Finding>> = {
    registered: registered(facts, wishGround),
    wished: wished(facts, wishGround),
    accepted: accepted(facts, wishGround),
    file: file(nodes),
    endpoint: endpoint(nodes),
    receivers: receivers(nodes),
    agent: agent(nodes),
    data: data(datadog),
    controller: controller(facts),
    monitors: monitors(datadog),
    objects: objects(datadog),
  };
  return Object.entries(findings).map(([step, finding]) => ({ step: step as StepName, ...finding }));
}

async function askDatadog(
  { config, consul, packs, service }: WalkOptions,
  facts: ServiceFacts,
  wish: Wish | undefined,
  clusterId: string | undefined,
): Promise<DatadogGround> {
  const look = lookOf(facts, consul, config, packs);
  const { url, apiKey, appKey } = config.datadog;
  const appUrl = applicationUrl(url);
  const views = await viewMonitors(look, (owner) => owner === service);
  const desired = compileMonitors(clusterId ?? "unknown", { appUrl })(facts.snapshot);
  const ground = {
    facts,
    wish,
    monitors: views,
    bodies: new Map([...desired.objects].map(([key, { body }]) => [key, body])),
    nowMs: Date.now(),
  };
  if (apiKey === undefined || appKey === undefined || clusterId === undefined)
    return { ...ground, notAsked: views.notAsked, arrival: undefined, groups: [] };

  // The first call is a POST that changes nothing.
  const transport = new DatadogTransport({ url, apiKey, appKey, timeoutMs: PATIENCE_MS });
  const signal = AbortSignal.timeout(3 * PATIENCE_MS);
  const [arrival] =
    wish === undefined
      ? ([] as readonly Arrival[])
      : await askArrivals([expectedOf(wish, clusterId)], {
          datadog: metricsReader(transport),
          clusterId,
          nowMs: ground.nowMs,
          signal,
        });
  const hasSilent = views.monitors.some(({ state }) => state === "No Data");
  const tags = [MANAGED_BY, ownerTag(clusterId), `service:${service}`];
  const groups = hasSilent
    ? await learn(datadogReader(transport).listGroups(tags, { signal, priority: "status" })).catch(
        () => undefined,
      )
    : undefined;
  return {
    ...ground,
    notAsked: undefined,
    arrival,
    groups: groups !== undefined && "value" in groups ? groups.value : [],
  };
}
