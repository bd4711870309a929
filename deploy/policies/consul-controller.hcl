# What the controller role may do in Consul. One token for all controllers.
# test/contracts/policies.test.ts runs the role with this file, and without each of its rules.
#
# It may not put the two keys that prove that documents and orders can be read, and so can't take an empty
# Consul for a new one either. Put them once, by a token that may:
#   consul kv put observability/.keep
#   consul kv put dd-observe/control/.keep
#
# The prefixes are the defaults of DD_OBSERVE_KV_PREFIX and DD_OBSERVE_STATE_PREFIX.

# The names and tags of all services. "read" on all of them, so that a service that may not be read
# is never taken for one that is gone.
service_prefix "" { policy = "read" }

# The machines that run a service, to choose the one that does what only one may do.
node_prefix "" { policy = "read" }

# The documents. "list" is "read", and the right to list where acl.enable_key_list_policy is set.
key_prefix "observability/" { policy = "list" }

# Who leads, and the session that holds the lock. Narrow the session to the machines that run a controller:
# session "node-1" { policy = "write" }
key "dd-observe/leader" { policy = "write" }
session_prefix "" { policy = "write" }

# What people order: pause, resume, approve. The controller reads it; only people write it.
key_prefix "dd-observe/control/" { policy = "list" }

# Which machine does what only one may do.
key_prefix "dd-observe/control/placed/" { policy = "write" }

# Which nodes have reported on a service: only those can be chosen.
key_prefix "dd-observe/status/nodes/" { policy = "list" }

# What the controller says of each service, and remembers of its monitors.
key_prefix "dd-observe/status/services/" { policy = "write" }

# What is about to be created, so that the next leader looks for it before it creates it again.
key_prefix "dd-observe/intents/" { policy = "write" }

# The environments of the services' workloads. A job reads those of its service:
# key_prefix "dd-observe/env/<service>/" { policy = "list" }
key_prefix "dd-observe/env/" { policy = "write" }

# The last texts of each object before it was deleted or overwritten.
key_prefix "dd-observe/backups/cluster/" { policy = "write" }

# The Datadog organisation that was written to last.
key "dd-observe/state/organisation" { policy = "write" }

# What waits for Datadog's rate limit, or that Datadog is down: for commands and pages of other processes.
key "dd-observe/state/progress" { policy = "write" }

# The datacenter, for the marks on the monitors. Not needed with DD_OBSERVE_CLUSTER_ID.
agent_prefix "" { policy = "read" }
