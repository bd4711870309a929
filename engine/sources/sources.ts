/** Where wishes come from: Consul's catalog and its KV store, watched, complete and proven. */
export type { RawInstance } from "./catalog.ts";
export type { RawDocument } from "./documents.ts";
export type { ClusterState, NodeState, Source, SourceHealth, SourceOptions } from "./source.ts";
export { clusterSource } from "./cluster-source.ts";
export { nodeSource, type NodeSourceOptions } from "./node-source.ts";
export { ensureSentinel } from "./proof.ts";
