/** A name that people commonly assume, and what there is instead. */
export interface AssumedName {
  /**
   * The same thing in real names, where there is one. `<a>` stands for the space aggregator,
   * `<s>` for scope and groups. Undefined: nothing means the same, so the alert is refused.
   */
  readonly instead?: string;
  /** Tag that narrows the real metric to what the name said. */
  readonly tag?: string;
  /** Aggregator that the real metric needs, whatever stood there. */
  readonly aggregator?: string;
  readonly note: string;
}

/** Metrics by the name that people ask for. */
export const ASSUMED_NAMES: Readonly<Record<string, AssumedName>> = {
  "ray.object_store.memory_used": {
    instead: "<a>:ray.object_store.used_memory<s>",
    note: "Ray's check sends it as ray.object_store.used_memory (bytes, per node)",
  },
  "ray.object_store.memory_total": {
    instead: "( <a>:ray.object_store.used_memory<s> + <a>:ray.object_store.available_memory<s> )",
    note: "Ray sends no total; it is used plus available memory (bytes)",
  },
  "ray.tasks.running": {
    instead: "<a>:ray.tasks<s>",
    tag: "state:running",
    aggregator: "sum",
    note: "Ray has one metric ray.tasks with the tag state; single values may be negative, so they are summed",
  },
  "ray.actors.alive": {
    instead: "<a>:ray.actors<s>",
    tag: "state:alive",
    aggregator: "sum",
    note: "Ray has one metric ray.actors with the tag state; single values may be negative, so they are summed",
  },
  "nomad.nomad.job.eval.wait": {
    note: "Nomad sends no wait per job; nomad.nomad.broker.wait_time (milliseconds; .avg by DogStatsD, .sum and .count by OpenMetrics) and nomad.nomad.broker.eval_waiting (seconds) come near",
  },
  "consul.catalog.services": {
    note: "Consul's check counts per service: consul.catalog.services_count (sum) or consul.catalog.services_up (max); which one is meant can't be told",
  },
  "consul.health.service.query": {
    note: "it counts queries of Consul's health API and is no latency; for that there are consul.api.http (timer) and consul.net.node.latency.p95 (milliseconds)",
  },
  "temporal.workflow.running": {
    note: "Temporal's server sends no gauge of open workflows; compare starts with ends, such as temporal.server.workflow.success.count and …failed.count, or count them in Temporal and send your own gauge",
  },
  "temporal.workflow.failed": {
    instead: "<a>:temporal.server.workflow.failed.count<s>",
    aggregator: "sum",
    note: "Temporal's check sends it as temporal.server.workflow.failed.count",
  },
  "temporal.activity.execution.latency": {
    instead:
      "( <a>:temporal.server.activity.end_to_end_latency.sum<s>.as_rate() / <a>:temporal.server.activity.end_to_end_latency.count<s>.as_rate() )",
    aggregator: "sum",
    note: "Temporal's check sends a sum and a count; their ratio is the mean, in milliseconds from a recent Agent on",
  },
  "temporal.workflow.task_queue.depth": {
    instead: "<a>:temporal.server.approximate.backlog_count<s>",
    note: "Temporal's check sends it as temporal.server.approximate.backlog_count, from newer servers only",
  },
};

/** Real, and easily taken for something else. */
export const NAMES_WITH_NOTES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "nats.jetstream.messages.stored":
      "nats.jetstream.messages.stored counts every replica and everything that streams retain; a backlog is nats.jetstream.consumer.pending{is_consumer_leader:true} by {stream_name,consumer_name}",
  }),
);

/** Unit where it decides about thresholds. */
export type Unit = "percent" | "ratio";

export const UNITS: Readonly<Record<string, Unit>> = {
  "dcgm.frame_buffer.used_percent": "ratio",
  "dcgm.gpu_utilization": "percent",
  "dcgm.mem.copy_utilization": "percent",
  "nomad.client.allocs.cpu.total_percent": "percent",
  "nomad.client.host.cpu.total": "percent",
  "nomad.client.host.disk.used_percent": "percent",
  "ray.component.cpu_percentage": "percent",
  "ray.node.cpu_utilization": "percent",
  "system.cpu.idle": "percent",
  "system.cpu.system": "percent",
  "system.cpu.user": "percent",
  "system.disk.in_use": "ratio",
  "system.mem.pct_usable": "ratio",
};

/** Names that the Agent's checks and the telemetry of these systems send, beyond what packs name. Not complete. */
export const SENT_NAMES: readonly string[] = [
  "ray.cluster.active_nodes",
  ...["used_memory", "available_memory", "memory"].map((n) => `ray.object_store.${n}`),
  ...["cpu_utilization", "gpus_utilization", "gram_used"].map((name) => `ray.node.${name}`),
  ...["mem.available", "mem.total", "network.receive.speed"].map((name) => `ray.node.${name}`),
  ...["tasks", "failed_worker_startup", "unscheduleable_tasks"].map((name) => `ray.scheduler.${name}`),
  ...["tasks", "actors", "component.cpu_percentage", "component.rss", "gcs.actors"].map((n) => `ray.${n}`),
  ...["total_nodes", "nodes_up", "nodes_passing", "nodes_warning"].map((name) => `consul.catalog.${name}`),
  ...["nodes_critical", "services_up", "services_count"].map((name) => `consul.catalog.${name}`),
  ...["services_passing", "services_critical"].map((name) => `consul.catalog.${name}`),
  ...["peers", "serf.member.flap", "net.node.latency.p95", "api.http"].map((name) => `consul.${name}`),
  ...["success.count", "failed.count", "timeout.count", "terminate.count", "cancel.count"].map(
    (name) => `temporal.server.workflow.${name}`,
  ),
  ...["service.requests.count", "service.latency.sum", "service.latency.count"].map(
    (name) => `temporal.server.${name}`,
  ),
  ...["approximate.backlog_count", "approximate.backlog_age_seconds", "no_poller_tasks.count"].map(
    (name) => `temporal.server.${name}`,
  ),
  ...["sum", "count"].map((name) => `temporal.server.activity.end_to_end_latency.${name}`),
  ...["connections.total", "connections.accepted_rate", "connections.pending_bytes", "memory.used"].map(
    (name) => `nats.${name}`,
  ),
  ...["messages.in_rate", "messages.out_rate", "bytes.in_rate", "bytes.out_rate", "subscriptions"].map(
    (name) => `nats.${name}`,
  ),
  ...["messages.stored", "bytes.stored", "storage.max", "memory.max", "streams", "disabled"].map(
    (name) => `nats.jetstream.${name}`,
  ),
  ...["consumers.active", "stream.messages", "stream.bytes", "stream.consumers"].map(
    (name) => `nats.jetstream.${name}`,
  ),
  ...["pending", "ack_pending", "redelivered", "waiting"].map((name) => `nats.jetstream.consumer.${name}`),
  "nats.slow_consumers.rate",
  ...["running", "pending", "blocked", "terminal"].map((name) => `nomad.client.allocations.${name}`),
  ...["memory.used", "memory.total", "memory.available", "cpu.total", "cpu.idle", "disk.used_percent"].map(
    (name) => `nomad.client.host.${name}`,
  ),
  ...["memory.usage", "memory.rss", "cpu.total_percent"].map((name) => `nomad.client.allocs.${name}`),
  ...["total_ready", "total_unacked", "total_pending", "total_waiting", "eval_waiting"].map(
    (name) => `nomad.nomad.broker.${name}`,
  ),
  ...["running", "failed", "queued", "lost"].map((name) => `nomad.nomad.job_summary.${name}`),
  ...["running", "pending", "dead"].map((name) => `nomad.nomad.job_status.${name}`),
  "nomad.nomad.broker.wait_time.avg",
  "nomad.nomad.blocked_evals.total_blocked",
  "nomad.nomad.heartbeat.active",
  "nomad.nomad.leader.establish_leadership.count",
  "nomad.nomad.plan.queue_depth",
];

/** Counters by name; everything that ends in `.count` is one as well. */
export const COUNTERS: ReadonlySet<string> = new Set([
  ...["completed", "failed", "retried"].map((name) => `ai.agent.tasks.${name}`),
  ...["requested", "granted", "rejected"].map((name) => `ai.agent.human_approval.${name}`),
  ...["selected", "failed"].map((name) => `ai.agent.tool.${name}`),
  "ai.agent.hallucinations",
  "ai.agent.modification.rejected",
  "ai.agent.safety_gate.triggered",
  "consul.serf.member.flap",
]);
