/** Where wishes come from: Consul's catalog and its KV store, and Nomad's own services, watched, complete and proven. */
export type { RawInstance } from "./catalog.ts";
export type { RawDocument } from "./documents.ts";
export type { ClusterState, NodeState, Source, SourceHealth, SourceOptions } from "./source.ts";
export { clusterSource } from "./cluster-source.ts";
export type { NomadNamespaces } from "./nomad-catalog.ts";
export type { NomadSourceOptions } from "./nomad-source.ts";
export { nodeSource, type NodeSourceOptions } from "./node-source.ts";
export { ensureKey, ensureSentinel } from "./proof.ts";
