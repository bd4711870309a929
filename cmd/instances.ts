import type { CatalogInstance, Consul } from "../clients/consul.ts";
import { openNomad } from "../clients/nomad.ts";
import { nomadServices } from "../clients/nomad-services.ts";
import type { NomadCatalog } from "../engine/sources/nomad-catalog.ts";
import { nomadCatalogPart } from "../engine/sources/nomad-source.ts";
import type { Config } from "./config.ts";
import { nomadSource } from "./connect.ts";

/**
 * The services that Nomad registers itself. Undefined if they don't count.
 *
 * @throws {ApiError} if they can't be read: without them a list would be short of some.
 */
export async function readNomadCatalog(
  config: Config,
  signal: AbortSignal,
): Promise<NomadCatalog | undefined> {
  const options = nomadSource(config);
  if (options === undefined) return undefined;
  const part = nomadCatalogPart(options);
  await part.confirm(signal);
  if (part.known === undefined) throw part.error ?? new Error("Nomad's services were not read");
  return part.known;
}

/** Every instance of a service, of Consul and of Nomad where that counts. Nomad's machines are taken to have their names in Consul. */
export async function instancesOf(
  consul: Consul,
  config: Config,
  service: string,
): Promise<readonly CatalogInstance[]> {
  const signal = AbortSignal.timeout(30_000);
  const [consuls, nomads] = await Promise.all([
    consul.catalogService(service, signal),
    nomadInstancesOf(config, service, signal),
  ]);
  return [...consuls, ...nomads];
}

async function nomadInstancesOf(
  config: Config,
  service: string,
  signal: AbortSignal,
): Promise<readonly CatalogInstance[]> {
  const namespaces = (await readNomadCatalog(config, signal))?.namespaces.get(service) ?? [];
  if (namespaces.length === 0) return [];
  const nomad = openNomad(config.nomad);
  const services = nomadServices(nomad);
  const nodes = new Map((await nomad.nodes(signal)).map((node) => [node.id, node]));
  const found: CatalogInstance[] = [];
  for (const namespace of namespaces) {
    for (const { id, node: nodeId, address, port, tags } of await services.ofName(
      service,
      namespace,
      signal,
    )) {
      const node = nodes.get(nodeId);
      const nodeAddress = node?.address ?? "";
      found.push({
        id,
        service,
        node: node?.name ?? nodeId,
        nodeAddress,
        address: address === "" ? nodeAddress : address,
        port,
        tags,
        meta: {},
        nomadNamespace: namespace,
      });
    }
  }
  return found;
}
