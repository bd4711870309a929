import type { Consul, TxnOp } from "../clients/consul.ts";
import type { Mandate } from "../clients/guarded-agents.ts";
import type { ReceiverAddresses } from "../clients/receiver-address.ts";
import type { NomadVariables } from "../clients/nomad-variables.ts";
import type { NomadPlace } from "./agent-config/reload-nomad.ts";
import type { Policy } from "../crds/policy.ts";
import type { Budget } from "../engine/budget.ts";
import type { Clock } from "../engine/clock.ts";
import type { Log } from "../engine/log.ts";
import type { NomadAgent } from "./nomad-telemetry/agent.ts";
import type { JobsDeps } from "./workload-env/workloads.ts";

/** What every controller may use. */
export interface CommonDeps {
  /** Marks what this operator owns. */
  readonly clusterId: string;
  readonly policy: Policy;
  readonly tagName: string;
  /** True if nothing may be written: clients that cannot write are used. */
  readonly isDryRun: boolean;
  /** Hashes of plans that a person approved. */
  readonly approved: () => ReadonlySet<string>;
  /** Keeps the full text of what is about to be deleted or overwritten. Throws if it can't. */
  readonly onBackup: (
    controller: string,
    key: string,
    reason: "delete" | "drift" | "update",
    text: string,
  ) => Promise<void>;
  readonly log: Log;
}

/** Consul's KV store, for a controller that keeps its objects there. */
export interface KvDeps {
  /** Unable to write where nothing may be written. */
  readonly consul: Consul;
  /** Where everything of ours stands, without a slash at the end. */
  readonly statePrefix: string;
  /** Writes in one step if, and only if, we still lead. At most 63 operations. */
  readonly store: (ops: readonly TxnOp[], signal: AbortSignal) => Promise<unknown>;
}

/** Nomad, for what concerns the jobs of services. */
export interface ClusterNomad extends JobsDeps {
  /** Where it is, for people. */
  readonly address: string;
  /** Unable to write where nothing may be written. */
  readonly variables: NomadVariables;
}

export interface ClusterDeps extends CommonDeps {
  /** Absent where controllers only compile, such as for a command that checks documents. */
  readonly kv?: KvDeps | undefined;
  /** Absent where controllers only compile, and where jobs are not to be looked into. */
  readonly nomad?: ClusterNomad | undefined;
  readonly datadog: {
    readonly url: string;
    readonly apiKey: string | undefined;
    readonly appKey: string | undefined;
    /** For one call. The client's own if absent. */
    readonly timeoutMs?: number | undefined;
  };
  /** One for all controllers: they call the same API. */
  readonly budget: Budget;
  /** Without it nothing is sent to Datadog. Absent where one process alone may write, or none. */
  readonly mandate?: Mandate | undefined;
  /** The system's own if absent. */
  readonly clock?: Clock | undefined;
  /** The Datadog organisation that was written to last, if it is remembered. */
  readonly organisation?: number | undefined;
  readonly onOrganisation: (organisation: number) => void;
  /** Creates of a controller that an earlier process began and whose outcome nobody noted, and how many milliseconds ago. */
  /** Whether evaluators of LLM Observability are kept. */
  readonly evaluators?: boolean | undefined;
  readonly openIntents: (controller: string) => ReadonlyMap<string, number>;
}

export interface NodeDeps extends CommonDeps {
  readonly confdDir: string;
  readonly agentUrl: string;
  readonly agentReload: string;
  /** Nomad on this machine, where it reloads the Agent. */
  readonly nomadPlace?: NomadPlace | undefined;
  readonly receivers: ReceiverAddresses;
  readonly nomad: {
    readonly agent: NomadAgent;
    /** The nomad program; undefined if none is to be used. */
    readonly program: string | undefined;
  };
}
