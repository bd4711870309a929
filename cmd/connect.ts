import { nomadServices } from "../clients/nomad-services.ts";
import { nomadJobs } from "../clients/nomad-jobs.ts";
import { nomadVariables } from "../clients/nomad-variables.ts";
import { openNomad } from "../clients/nomad.ts";
import { createConsul, type Consul } from "../clients/consul.ts";
import { ApiError } from "../clients/errors.ts";
import type { NomadPlace } from "../controllers/agent-config/reload-nomad.ts";
import type { ClusterNomad } from "../controllers/deps.ts";
import type { RegisteredServices } from "../controllers/workload-env/workloads.ts";
import type { Log } from "../engine/log.ts";
import { nomadCatalogPart } from "../engine/sources/nomad-source.ts";
import type { NomadSourceOptions } from "../engine/sources/sources.ts";
import { openPacks } from "../engine/sources/packs.ts";
import { Resolver } from "../engine/sources/snapshot.ts";
import type { Config } from "./config.ts";

export function openConsul({ consul }: Config): Consul {
  return createConsul({
    address: consul.address,
    ...(consul.token === undefined ? {} : { token: consul.token }),
    ...(consul.caCert === undefined ? {} : { caCert: consul.caCert }),
    ...(consul.namespace === undefined ? {} : { namespace: consul.namespace }),
    ...(consul.datacenter === undefined ? {} : { datacenter: consul.datacenter }),
  });
}

/** What Nomad adds to Consul's services. Undefined if it is not to. */
export function nomadSource({ nomad }: Config, log?: Log): NomadSourceOptions | undefined {
  if (!nomad.services) return undefined;
  return {
    nomad: nomadServices(openNomad(nomad)),
    namespaces: nomad.namespaces,
    onShared: (service, places) =>
      log?.warn({ owner: service, places }, "service registered in several places counts as one"),
  };
}

/** Nomad, for what concerns the jobs of services. Undefined if these are not to be looked into. */
export function clusterNomad(config: Config, isReadOnly: boolean): ClusterNomad | undefined {
  const { nomad } = config;
  if (!nomad.jobs) return undefined;
  const { connection } = openNomad(nomad);
  return {
    address: nomad.address,
    jobs: nomadJobs(connection),
    variables: nomadVariables(connection, isReadOnly),
    registered: registeredServices(config),
  };
}

function registeredServices(config: Config): RegisteredServices | undefined {
  const options = nomadSource(config);
  if (options === undefined) return undefined;
  return {
    async namespaces(signal) {
      const part = nomadCatalogPart(options);
      await part.confirm(signal);
      if (part.known === undefined) throw part.error ?? new Error("Nomad's services were not read");
      return part.known.namespaces;
    },
    async instances(service, namespace, signal) {
      return (await options.nomad.ofName(service, namespace, signal)).map(({ id }) => id);
    },
  };
}

/** Nomad on this machine, for a reload of the Agent. */
export function nomadPlace({ nomad }: Config): NomadPlace {
  return { nomad: openNomad(nomad), ownAllocation: nomad.allocation };
}

/** The operator's id: as configured, else the Consul datacenter. */
export async function clusterIdOf(config: Config, consul: Consul, signal?: AbortSignal): Promise<string> {
  if (config.clusterId !== undefined) return config.clusterId;
  try {
    return (await consul.agentSelf(signal)).datacenter;
  } catch (error) {
    if (!(error instanceof ApiError) || error.failure !== "unauthorized") throw error;
    throw new ApiError("learn the cluster's id from Consul's agent", error.message, {
      failure: "unauthorized",
      cause: error,
      // A token that Consul doesn't know is not helped by another setting, so that comes second.
      hint: [error.hint, "Or name the cluster: --cluster-id or DD_OBSERVE_CLUSTER_ID."]
        .filter((part) => part !== undefined)
        .join(" "),
    });
  }
}

export function openResolver(config: Config): Resolver {
  return new Resolver({ packs: packsOf(config), policy: config.policy, tagName: config.tagName });
}

export function packsOf(config: Config): ReturnType<typeof openPacks> {
  return openPacks(config.packDirs);
}
