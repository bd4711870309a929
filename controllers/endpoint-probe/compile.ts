import type { Policy } from "../../crds/policy.ts";
import type { Wish } from "../../crds/resolve.ts";
import type { NodeSnapshot } from "../../engine/sources/snapshot.ts";
import type { RawInstance } from "../../engine/sources/sources.ts";
import { endpointOf } from "../endpoint.ts";
import { packParts } from "../pack-parts.ts";
import type { Probe } from "./judge.ts";

export interface ProbeGround {
  readonly clusterId: string;
  readonly policy: Policy;
  readonly tagName: string;
}

/** Works out what proves that the instances on this machine answer. Pure; what didn't change keeps its identity. */
export function compileProbes(
  ground: ProbeGround,
): (snapshot: NodeSnapshot) => ReadonlyMap<string, readonly Probe[]> {
  const remembered = new WeakMap<Wish, { instances: readonly RawInstance[]; probes: readonly Probe[] }>();
  return ({ services, instances, node, paused }) => {
    const compiled = new Map<string, readonly Probe[]>();
    const allowed = [...ground.policy.endpointHosts, node.name];
    for (const [service, resolution] of services) {
      const here = instances.get(service);
      if (resolution.state !== "accepted" || here === undefined || paused.has(service)) continue;
      const { wish } = resolution;
      if (wish.paused) continue;
      let known = remembered.get(wish);
      if (known?.instances !== here) {
        known = { instances: here, probes: probesOf(wish, here, { ...ground, allowed }) };
        remembered.set(wish, known);
      }
      if (known.probes.length > 0) compiled.set(service, known.probes);
    }
    return compiled;
  };
}

function probesOf(
  wish: Wish,
  instances: readonly RawInstance[],
  { allowed, clusterId, tagName }: ProbeGround & { readonly allowed: readonly string[] },
): readonly Probe[] {
  const { pack } = wish;
  const { hasFile, probe, expects, hints } = packParts(wish, clusterId);
  // A check that reads something else than metrics' text says by `probe` how it is proven.
  const readsMetrics = hasFile && pack.conf?.instance["openmetrics_endpoint"] !== undefined;
  if (probe === undefined && !readsMetrics) return [];
  const byUrl = new Map<string, Probe>();
  for (const instance of instances) {
    // An address that is refused is told by whoever writes the file.
    const found = endpointOf(wish, instance, allowed, tagName);
    if ("reason" in found) continue;
    const url = probe?.path === undefined ? found.endpoint : found.base + probe.path;
    const { passedOver } = found;
    byUrl.set(url, {
      url,
      format: probe?.format ?? "openmetrics",
      expects,
      hints,
      passedOver:
        passedOver === undefined ? undefined : { port: passedOver, tag: `${tagName}.port=${passedOver}` },
    });
  }
  return [...byUrl.values()].sort((a, b) => (a.url < b.url ? -1 : 1));
}
