import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import {
  isBody,
  readConfigFile,
  type HclBody,
  type HclValue,
} from "../../controllers/nomad-telemetry/hcl.ts";

import { NomadJobsState, type FakeJobSpec } from "./nomad-jobs.ts";
import { NomadServicesState } from "./nomad-services.ts";
import { NomadVariablesState } from "./nomad-variables.ts";

/** A task of an allocation, and what was done to it. */
export interface FakeTask {
  state: "pending" | "running" | "dead";
  restarts: number;
  /** ISO 8601; when it was started last. */
  startedAt: string;
  /** As they arrived: a name that Nomad doesn't know arrives as SIGINT. */
  readonly signals: string[];
}

export interface FakeAllocation {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly jobId: string;
  readonly group: string;
  readonly nodeId: string;
  readonly nodeName: string;
  clientStatus: string;
  desiredStatus: string;
  readonly tasks: Map<string, FakeTask>;
  modifyIndex: number;
  /** Of the job that it runs. */
  readonly jobVersion: number;
}

export interface FakeNomadNode {
  readonly id: string;
  readonly name: string;
  status: string;
  eligibility: string;
}

/** Go's names of the settings of `telemetry`, by their names in a file, with the version that has them first. */
const SETTINGS: Readonly<
  Record<string, readonly [field: string, kind: "bool" | "flag" | "text" | "list" | "added", since: string]>
> = {
  allowed_metadata_keys_in_metrics: ["AllowedMetadataKeysInMetrics", "added", "1.9.0"],
  collection_interval: ["CollectionInterval", "text", "0.5.0"],
  datadog_address: ["DataDogAddr", "text", "0.5.0"],
  datadog_tags: ["DataDogTags", "list", "0.5.0"],
  disable_allocation_hook_metrics: ["DisableAllocationHookMetrics", "flag", "1.9.4"],
  disable_dispatched_job_summary_metrics: ["DisableDispatchedJobSummaryMetrics", "bool", "0.8.7"],
  disable_hostname: ["DisableHostname", "bool", "0.5.0"],
  disable_quota_utilization_metrics: ["DisableQuotaUtilizationMetrics", "bool", "1.8.1"],
  disable_rpc_rate_metrics_labels: ["DisableRPCRateMetricsLabels", "bool", "1.5.0"],
  filter_default: ["FilterDefault", "flag", "0.8.7"],
  in_memory_collection_interval: ["InMemoryCollectionInterval", "text", "1.7.7"],
  in_memory_retention_period: ["InMemoryRetentionPeriod", "text", "1.7.7"],
  include_alloc_metadata_in_metrics: ["IncludeAllocMetadataInMetrics", "bool", "1.9.0"],
  prefix_filter: ["PrefixFilter", "list", "0.8.7"],
  prometheus_metrics: ["PrometheusMetrics", "bool", "0.5.0"],
  publish_allocation_metrics: ["PublishAllocationMetrics", "bool", "0.5.0"],
  publish_node_metrics: ["PublishNodeMetrics", "bool", "0.5.0"],
  statsd_address: ["StatsdAddr", "text", "0.5.0"],
  statsite_address: ["StatsiteAddr", "text", "0.5.0"],
  use_node_name: ["UseNodeName", "bool", "0.5.3"],
};

const SIGNALS = new Set([
  "SIGABRT",
  "SIGALRM",
  "SIGCONT",
  "SIGHUP",
  "SIGINT",
  "SIGKILL",
  "SIGQUIT",
  "SIGSTOP",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
]);

export interface NomadStateOptions {
  readonly version: string;
  readonly nodeName: string;
  /** Read when the agent starts. Without one, no file is. */
  readonly configDir?: string | undefined;
  /** Whether a server runs in this agent. */
  readonly isServer: boolean;
}

/** What one agent holds: the configuration that it started with, and the part of the cluster that it knows. */
export class NomadState {
  readonly version: string;
  readonly nodeName: string;
  readonly isServer: boolean;
  readonly configDir: string | undefined;
  readonly nodeId = "981203d8-b7ac-4d16-d8c6-ec8a86cbcc61";
  readonly nodes = new Map<string, FakeNomadNode>();
  readonly allocations = new Map<string, FakeAllocation>();
  /** `""` while no server leads. */
  leader = "127.0.0.1:4647";
  peers: readonly string[] = ["127.0.0.1:4647"];
  /** Servers that autopilot calls unhealthy, by name. */
  readonly sickServers = new Set<string>();
  /** As the process started with it. */
  telemetry: Record<string, unknown> = {};
  files: readonly string[] = [];
  index = 100;
  readonly services = new NomadServicesState();
  readonly jobs = new NomadJobsState();
  readonly variables = new NomadVariablesState();

  constructor({ version, nodeName, configDir, isServer }: NomadStateOptions) {
    this.version = version;
    this.nodeName = nodeName;
    this.configDir = configDir;
    this.isServer = isServer;
    this.nodes.set(this.nodeId, {
      id: this.nodeId,
      name: nodeName,
      status: "ready",
      eligibility: "eligible",
    });
    this.load();
  }

  /**
   * Reads the configuration as an agent does at its start.
   *
   * @throws what the agent says before it ends. Then nothing of it runs.
   */
  load(): void {
    const files = this.#list();
    const telemetry = this.#defaults();
    for (const file of files) {
      for (const block of telemetryOf(readConfigFile(readFileSync(file, "utf8")))) {
        for (const { key, value } of block.items) this.#merge(telemetry, key, value);
      }
    }
    assertStarts(telemetry);
    this.telemetry = telemetry;
    this.files = files;
  }

  addAllocation(
    allocation: Partial<FakeAllocation> & {
      readonly id: string;
      readonly taskNames: readonly string[];
      readonly startedAt?: string;
    },
  ): FakeAllocation {
    const { id, taskNames, jobId = "ray", group = "head", namespace = "default" } = allocation;
    const startedAt = allocation.startedAt ?? "2026-11-22T07:41:22.321135693Z";
    const added: FakeAllocation = {
      id,
      jobId,
      group,
      namespace,
      name: allocation.name ?? `${jobId}.${group}[0]`,
      nodeId: allocation.nodeId ?? this.nodeId,
      nodeName: allocation.nodeName ?? this.nodeName,
      clientStatus: allocation.clientStatus ?? "running",
      desiredStatus: allocation.desiredStatus ?? "run",
      modifyIndex: ++this.index,
      jobVersion: allocation.jobVersion ?? this.jobs.newestVersion(jobId, namespace) ?? 5,
      tasks: new Map(
        taskNames.map((name) => [name, { state: "running", restarts: 0, startedAt, signals: [] }]),
      ),
    };
    this.allocations.set(id, added);
    this.services.notify();
    return added;
  }

  /** Registers a job, or a newer version of it. @returns Its version. */
  runJob(spec: FakeJobSpec): number {
    return this.jobs.run(spec, ++this.index);
  }

  /** Somebody else writes a Variable. */
  putVariable(path: string, items: Readonly<Record<string, string>>, namespace = "default"): void {
    this.variables.put(path, items, ++this.index, namespace);
  }

  /** Changes what the servers say of an allocation. Its services stay until they are taken away. */
  changeAllocation(id: string, change: { readonly clientStatus?: string }): void {
    const allocation = this.allocations.get(id);
    if (allocation === undefined) throw new Error(`there is no allocation ${id}`);
    if (change.clientStatus !== undefined) allocation.clientStatus = change.clientStatus;
    allocation.modifyIndex = ++this.index;
    this.services.notify();
  }

  /** Whether this version has what came with a later one. */
  has(since: string): boolean {
    return isAtLeast(this.version, since);
  }

  signalTask(task: FakeTask, name: string): void {
    task.signals.push(SIGNALS.has(name) ? name : "SIGINT");
  }

  /** Both kinds of file, by name, none of a folder below. Editors' files are left out. */
  #list(): readonly string[] {
    const { configDir } = this;
    if (configDir === undefined) return [];
    return readdirSync(configDir, { withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(hcl|json)$/.test(entry.name))
      .map(({ name }) => name)
      .filter((name) => !name.endsWith("~") && !name.startsWith(".#") && !/^#.*#$/.test(name))
      .sort()
      .map((name) => join(configDir, name));
  }

  #defaults(): Record<string, unknown> {
    const telemetry: Record<string, unknown> = {};
    for (const [field, kind, since] of Object.values(SETTINGS)) {
      if (!isAtLeast(this.version, since)) continue;
      telemetry[field] = kind === "bool" ? false : kind === "text" ? "" : null;
    }
    telemetry["CollectionInterval"] = "1s";
    if ("InMemoryCollectionInterval" in telemetry) telemetry["InMemoryCollectionInterval"] = "10s";
    if ("InMemoryRetentionPeriod" in telemetry) telemetry["InMemoryRetentionPeriod"] = "1m";
    return telemetry;
  }

  /** Texts replace unless empty, lists replace, booleans can only become true. */
  #merge(telemetry: Record<string, unknown>, key: string, value: HclValue): void {
    const setting = SETTINGS[key];
    if (setting === undefined || !isAtLeast(this.version, setting[2]))
      throw new Error(`telemetry unexpected keys ${key}`);
    const [field, kind] = setting;
    if (kind === "bool" || kind === "flag") {
      if (typeof value !== "boolean") throw new Error(`telemetry.${key}: cannot parse as bool`);
      if (kind === "flag" || value) telemetry[field] = value;
      return;
    }
    if (kind === "text") {
      if (typeof value !== "string") throw new Error(`telemetry.${key}: not a string`);
      if (value !== "") telemetry[field] = value;
      return;
    }
    if (!Array.isArray(value)) throw new Error(`telemetry.${key}: not a list`);
    const before = telemetry[field];
    telemetry[field] = kind === "added" && Array.isArray(before) ? [...before, ...value] : [...value];
  }
}

function telemetryOf(file: HclBody): readonly HclBody[] {
  return file.items
    .filter(({ key }) => key === "telemetry")
    .flatMap(({ value }) => (Array.isArray(value) ? (value as readonly HclValue[]) : [value]))
    .filter((value) => isBody(value));
}

function assertStarts(telemetry: Readonly<Record<string, unknown>>): void {
  for (const field of ["CollectionInterval", "InMemoryCollectionInterval", "InMemoryRetentionPeriod"]) {
    const text = telemetry[field];
    if (typeof text === "string" && text !== "" && !/^([\d.]+(ns|us|µs|ms|s|m|h))+$/.test(text))
      throw new Error(`Error parsing ${field}: time: invalid duration ${JSON.stringify(text)}`);
  }
  const address = telemetry["DataDogAddr"];
  if (typeof address === "string" && address !== "" && !address.startsWith("unix://")) {
    if (!/:\d+$/.test(address)) throw new Error(`address ${address}: missing port in address`);
    if (/\.invalid:/.test(address)) throw new Error(`lookup ${address}: no such host`);
  }
  const filters = telemetry["PrefixFilter"];
  for (const rule of Array.isArray(filters) ? filters : []) {
    if (!/^[+-]/.test(String(rule)))
      throw new Error(`Filter rule must begin with either '+' or '-': "${String(rule)}"`);
  }
}

function isAtLeast(version: string, since: string): boolean {
  const [a, b] = [version, since].map((text) => text.replace(/-.*$/, "").split(".").map(Number));
  for (let at = 0; at < 3; at++) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
