# Managed by dd-observe (owner dc1, document _nomad, settings of 1.5.0). Edits are undone; change the wish instead: dd-observe describe _nomad
telemetry {
  publish_allocation_metrics             = true
  publish_node_metrics                   = true
  prometheus_metrics                     = true
  collection_interval                    = "30s"
  datadog_address                        = "127.0.0.1:8125"
  datadog_tags                           = ["cluster:dc1", "cost-center:42", "env:production", "service:nomad", "team:infra"]
  prefix_filter                          = ["-nomad.raft", "+nomad.raft.apply"]
  filter_default                         = true
  disable_hostname                       = true
  use_node_name                          = true
  disable_dispatched_job_summary_metrics = true
  disable_rpc_rate_metrics_labels        = true
}
