import { readOnlyConsul } from "../../../clients/consul-read-only.ts";
import type { Consul } from "../../../clients/consul.ts";
import type { ClusterDeps } from "../../../controllers/deps.ts";
import type { Registration } from "../../../engine/loop/operator.ts";
import type { Snapshot } from "../../../engine/sources/snapshot.ts";
import { compileDirectory } from "./compile.ts";
import { directoryTarget } from "./target.ts";

/** Who owns which service, for other tools to read. */
export function directory(deps: ClusterDeps & { readonly consul: Consul }): Registration<Snapshot> {
  const consul = deps.isDryRun ? readOnlyConsul(deps.consul) : deps.consul;
  return {
    controller: {
      name: "directory",
      scope: "cluster",
      condition: "DirectorySynced",
      noun: "entry",
      compile: compileDirectory(),
      target: directoryTarget(consul, deps.clusterId),
    },
  };
}
