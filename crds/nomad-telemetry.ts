const VERSION = /^v?(\d+)\.(\d+)\.(\d+)(-[^+]*)?(?:\+.*)?$/;

/** How Nomad joins what several files say: a text replaces unless empty, a list replaces, a switch can only become true, a choice can be set either way, a list that is added to keeps all. */
export type TelemetryMerge = "text" | "list" | "switch" | "choice" | "added";

/** One setting of Nomad's `telemetry` block that a wish may state. */
export interface TelemetrySetting {
  /** In Nomad's file. */
  readonly hcl: string;
  /** In `/v1/agent/self`. */
  readonly field: string;
  readonly merge: TelemetryMerge;
  /** The first version of Nomad that reads it. An older one doesn't start with it. */
  readonly since: string;
}

/** Nomad before it is not supported: every setting without a version of its own is there from here on. */
export const OLDEST_LEVEL = "1.0.0";

/**
 * Every setting, in the order in which a file has them. Closed: Nomad doesn't start with a key that it doesn't know.
 *
 * @see https://github.com/hashicorp/nomad/blob/aa026cc99cfb74a77e519a1c1f0c78ba1b452705/command/agent/config.go (`Telemetry`), and the same file at each tag
 */
export const TELEMETRY_SETTINGS = {
  publishAllocationMetrics: setting("publish_allocation_metrics", "PublishAllocationMetrics", "switch"),
  publishNodeMetrics: setting("publish_node_metrics", "PublishNodeMetrics", "switch"),
  prometheusMetrics: setting("prometheus_metrics", "PrometheusMetrics", "switch"),
  collectionInterval: setting("collection_interval", "CollectionInterval", "text"),
  datadogAddress: setting("datadog_address", "DataDogAddr", "text"),
  datadogTags: setting("datadog_tags", "DataDogTags", "list"),
  prefixFilter: setting("prefix_filter", "PrefixFilter", "list"),
  filterDefault: setting("filter_default", "FilterDefault", "choice"),
  disableHostname: setting("disable_hostname", "DisableHostname", "switch"),
  useNodeName: setting("use_node_name", "UseNodeName", "switch"),
  disableDispatchedJobSummaryMetrics: setting(
    "disable_dispatched_job_summary_metrics",
    "DisableDispatchedJobSummaryMetrics",
    "switch",
  ),
  disableRpcRateMetricsLabels: setting(
    "disable_rpc_rate_metrics_labels",
    "DisableRPCRateMetricsLabels",
    "switch",
    "1.5.0",
  ),
  inMemoryCollectionInterval: setting(
    "in_memory_collection_interval",
    "InMemoryCollectionInterval",
    "text",
    "1.7.7",
  ),
  inMemoryRetentionPeriod: setting("in_memory_retention_period", "InMemoryRetentionPeriod", "text", "1.7.7"),
  disableQuotaUtilizationMetrics: setting(
    "disable_quota_utilization_metrics",
    "DisableQuotaUtilizationMetrics",
    "switch",
    "1.8.1",
  ),
  includeAllocMetadataInMetrics: setting(
    "include_alloc_metadata_in_metrics",
    "IncludeAllocMetadataInMetrics",
    "switch",
    "1.9.0",
  ),
  allowedMetadataKeysInMetrics: setting(
    "allowed_metadata_keys_in_metrics",
    "AllowedMetadataKeysInMetrics",
    "added",
    "1.9.0",
  ),
  disableAllocationHookMetrics: setting(
    "disable_allocation_hook_metrics",
    "DisableAllocationHookMetrics",
    "choice",
    "1.9.4",
  ),
} as const satisfies Readonly<Record<string, TelemetrySetting>>;

export type TelemetryName = keyof typeof TELEMETRY_SETTINGS;
export type TelemetryValue = string | boolean | readonly string[];
/** Settings by the names that a wish has for them. */
export type Telemetry = Readonly<Partial<Record<TelemetryName, TelemetryValue | undefined>>>;

function setting(
  hcl: string,
  field: string,
  merge: TelemetryMerge,
  since: string = OLDEST_LEVEL,
): TelemetrySetting {
  return { hcl, field, merge, since };
}

export const TELEMETRY_NAMES = Object.keys(TELEMETRY_SETTINGS) as readonly TelemetryName[];

/** Every version that brought a setting, the oldest first. */
const LEVELS: readonly string[] = [
  ...new Set(TELEMETRY_NAMES.map((name): string => TELEMETRY_SETTINGS[name].since)),
].sort((a, b) => (isAtLeast(a, b) ? 1 : -1));

/**
 * The newest version of {@link TELEMETRY_SETTINGS} whose settings an agent reads: two agents of one level take the same file.
 *
 * @param version As the agent says it: `1.9.3+ent`, `2.0.6-dev`. What is none counts as the oldest.
 */
export function levelOf(version: string): string {
  return LEVELS.findLast((level) => isAtLeast(version, level)) ?? OLDEST_LEVEL;
}

/** A version before a release, such as a beta, doesn't count as the release. */
export function isAtLeast(version: string, least: string): boolean {
  const [a, b] = [VERSION.exec(version), VERSION.exec(least)];
  if (a === null || b === null) return false;
  for (const part of [1, 2, 3]) {
    const difference = Number(a[part]) - Number(b[part]);
    if (difference !== 0) return difference > 0;
  }
  return a[4] === undefined || b[4] !== undefined;
}
