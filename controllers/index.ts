import type { Registration } from "../engine/loop/operator.ts";
import type { NodeSnapshot, Snapshot } from "../engine/sources/snapshot.ts";
import { agentConfig } from "./agent-config/index.ts";
import { catalog } from "./catalog/index.ts";
import { dashboards } from "./dashboards/index.ts";
import type { ClusterDeps, NodeDeps } from "./deps.ts";
import { downtimes } from "./downtimes/index.ts";
import { evaluators } from "./evaluators/index.ts";
import { metricTags } from "./metric-tags/index.ts";
import { monitors } from "./monitors/index.ts";
import { nomadVariables } from "./nomad-variables/index.ts";
import { nomadTelemetry } from "./nomad-telemetry/index.ts";
import { slos } from "./slos/index.ts";
import { workloadEnv } from "./workload-env/index.ts";

/** What the leader keeps for the whole cluster. One line each. */
export const CLUSTER_CONTROLLERS: readonly ((deps: ClusterDeps) => Registration<Snapshot>)[] = [
  monitors,
  slos,
  dashboards,
  downtimes,
  metricTags,
  catalog,
  evaluators,
  workloadEnv,
  nomadVariables,
];

/** What every machine keeps for itself. One line each. */
export const NODE_CONTROLLERS: readonly ((deps: NodeDeps) => Registration<NodeSnapshot>)[] = [
  agentConfig,
  nomadTelemetry,
];
