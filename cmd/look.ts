import { readOnlyConsul } from "../clients/consul-read-only.ts";
import type { Consul } from "../clients/consul.ts";
import { compileDashboards } from "../controllers/dashboards/compile.ts";
import type { Pack } from "../crds/pack.ts";
import type { Snapshot } from "../engine/sources/snapshot.ts";
import { readConfig, type Config } from "./config.ts";
import type { Call } from "./call.ts";
import { clusterIdOf, openConsul, openResolver, packsOf } from "./connect.ts";
import { readFacts, type ClusterFacts } from "./facts.ts";
import { viewOf, type ServiceView } from "./service-view.ts";

/** What a command that only looks works with. */
export interface Look {
  readonly config: Config;
  /** Unable to write. */
  readonly consul: Consul;
  readonly facts: ClusterFacts;
  readonly packs: ReadonlyMap<string, Pack>;
  /** What every service wishes now, worked out afresh. */
  readonly snapshot: Snapshot;
}

export function openLook({ flags, env }: Pick<Call, "flags" | "env">): {
  readonly config: Config;
  readonly consul: Consul;
  readonly look: () => Promise<Look>;
} {
  const config = readConfig(flags, env);
  const consul = readOnlyConsul(openConsul(config));
  const resolver = openResolver(config);
  const packs = packsOf(config);
  return {
    config,
    consul,
    async look() {
      const facts = await readFacts(consul, config);
      const snapshot = resolver.ofCluster(facts, new Set(facts.paused.keys()));
      return { config, consul, facts, packs, snapshot };
    },
  };
}

/** Services with a wish, and those that still have something to be said of. Sorted. */
export function observedServices({ facts, snapshot }: Look): readonly ServiceView[] {
  const names = [...new Set([...snapshot.services.keys(), ...facts.statuses.keys()])].sort();
  return names.map((service) => viewOf(service, snapshot.services.get(service), facts));
}

/** What is wished though neither a service nor a document stands for it: it follows from several services together. */
export function composedOwners({ snapshot }: Pick<Look, "snapshot">): ReadonlySet<string> {
  return compileDashboards("cluster")(snapshot).composed ?? new Set();
}

/** The cluster's id, or undefined where Consul's agent may not be asked for it. */
export async function clusterIdIfKnown({
  config,
  consul,
}: Pick<Look, "config" | "consul">): Promise<string | undefined> {
  return await clusterIdOf(config, consul).catch(() => undefined);
}
